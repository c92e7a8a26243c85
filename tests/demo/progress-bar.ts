/** A line on a terminal that fills up; where there is none, it says what it came to once it is done. */
export class ProgressBar {
  readonly #what: string;
  readonly #total: number;
  readonly #stream: NodeJS.WriteStream;
  #done = 0;
  #drawn = "";

  constructor(what: string, total: number, stream: NodeJS.WriteStream = process.stdout) {
    this.#what = what;
    this.#total = total;
    this.#stream = stream;
    this.#draw();
  }

  advance(count = 1): void {
    this.#done += count;
    this.#draw();
  }

  /** Leaves the line as it is. `remark` says why it ended. */
  end(remark = ""): void {
    this.#drawn = "";
    if (this.#stream.isTTY) this.#draw();
    else this.#stream.write(this.#text());
    this.#stream.write(`${remark === "" ? "" : `  ${remark}`}\n`);
  }

  #draw(): void {
    if (!this.#stream.isTTY) return;
    const text = this.#text();
    if (text === this.#drawn) return;
    this.#drawn = text;
    this.#stream.write(`\r${text}\x1b[K`);
  }

  #text(): string {
    const share = this.#total === 0 ? 1 : this.#done / this.#total;
    const filled = Math.round(share * width);
    const bar = this.#stream.isTTY ? `  ${"█".repeat(filled)}${"░".repeat(width - filled)}` : "";
    return `${this.#what.padEnd(10)}${bar}  ${this.#done} of ${this.#total} files`;
  }
}

const width = 40;
