/** So many blocks that would fit into what is kept are read before a larger buffer is given back. */
const smallReadsBeforeGivingBack = 64;

/**
 * Room for blocks that are read from a file, used again and again. An entry of many megabytes makes it as large;
 * it is given back when such entries stay away for a while, or at once with `giveBack`.
 */
export class BlockBuffer {
  // Invariant: a buffer larger than `#bytesKept` has served a block larger than that in the last reads.
  bytes: Buffer = Buffer.alloc(0);
  readonly #bytesKept: number;
  #smallReads = 0;

  constructor(bytesKept: number) {
    this.#bytesKept = bytesKept;
  }

  /** Makes room for `count` bytes at the beginning of `bytes`. What was there is lost. */
  reserve(count: number): void {
    if (count > this.#bytesKept) this.#smallReads = 0;
    else if (this.bytes.length > this.#bytesKept && ++this.#smallReads >= smallReadsBeforeGivingBack) {
      this.giveBack();
    }
    if (count <= this.bytes.length) return;
    // Twice as much each time, up to what is kept: a reader of small blocks grows a few times and never again.
    const grown = Math.min(this.bytes.length * 2, this.#bytesKept);
    this.bytes = Buffer.allocUnsafeSlow(Math.max(count, grown));
  }

  giveBack(): void {
    if (this.bytes.length > this.#bytesKept) this.bytes = Buffer.alloc(0);
    this.#smallReads = 0;
  }
}
