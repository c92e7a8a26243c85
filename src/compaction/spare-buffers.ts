/**
 * Large buffers that one job leaves to the next. A dead buffer of 32 MiB stays until the collector happens to run,
 * and a new one costs thousands of page faults.
 */
export class SpareBuffers {
  readonly #spare: Buffer[] = [];

  get memoryBytes(): number {
    return this.#spare.reduce((sum, buffer) => sum + buffer.length, 0);
  }

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    const index = this.#spare.findIndex((buffer) => buffer.length >= bytes);
    return index === -1 ? Buffer.allocUnsafeSlow(bytes) : this.#spare.splice(index, 1)[0]!;
  }

  /** Takes back what nobody refers to any more. */
  giveBack(buffer: Buffer): void {
    this.#spare.unshift(buffer);
    this.#spare.length = Math.min(this.#spare.length, buffersMax);
  }
}

/** Flushes come one at a time; with a second buffer they may overlap. */
const buffersMax = 2;
