import type { Output } from "./world.ts";

/** Gathers small writes, so that a million lines are not a million system calls. */
export class BufferedOutput implements Output {
  readonly isTerminal: boolean;
  readonly #columns: () => number | undefined;
  readonly #send: (bytes: Uint8Array) => Promise<void>;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(options: {
    isTerminal: boolean;
    columns: () => number | undefined;
    send: (bytes: Uint8Array) => Promise<void>;
  }) {
    this.isTerminal = options.isTerminal;
    this.#columns = options.columns;
    this.#send = options.send;
  }

  get columns(): number {
    return this.#columns() ?? 80;
  }

  async write(content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= pendingBytesMax) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#pendingBytes === 0) return;
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    await this.#send(bytes);
  }
}

const pendingBytesMax = 64 * 1024;
