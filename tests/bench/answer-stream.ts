import type { AnswerReader } from "./dialect.ts";

/**
 * The answers of one connection, one at a time: `push` a chunk, then `next` until it says that no whole one is left.
 * Only an answer that is cut by the end of a chunk is copied, and nothing is allocated for any of them.
 */
export class AnswerStream {
  // Invariant: carry[0, carried) begins an answer that is not whole, and all bytes of the chunk come behind it.
  readonly reader: AnswerReader;
  /** Where the answer that `next` found lies. */
  bytes: Buffer = nothing;
  private chunk: Buffer = nothing;
  private offset = 0;
  private carry: Buffer = nothing;
  private carried = 0;

  constructor(reader: AnswerReader) {
    this.reader = reader;
  }

  push(chunk: Buffer): void {
    this.chunk = chunk;
    this.offset = 0;
  }

  next(): boolean {
    if (this.carried > 0) return this.nextCarried();
    const { chunk, offset } = this;
    const end = offset < chunk.length ? this.reader.read(chunk, offset, chunk.length) : -1;
    if (end === -1) {
      // The socket uses its buffer again.
      this.take(chunk.length - offset);
      this.chunk = this.bytes = nothing;
      this.offset = 0;
      return false;
    }
    this.bytes = chunk;
    this.offset = end;
    return true;
  }

  private nextCarried(): boolean {
    // A little at first: most answers are short, and what is copied beyond them is read again from the chunk.
    for (let wanted = carryBytesMin; this.offset < this.chunk.length; wanted *= 2) {
      const before = this.carried;
      const offset = this.offset;
      this.take(Math.min(wanted, this.chunk.length - offset));
      const end = this.reader.read(this.carry, 0, this.carried);
      if (end === -1) continue;
      this.carried = 0;
      this.bytes = this.carry;
      this.offset = offset + end - before;
      return true;
    }
    this.chunk = this.bytes = nothing;
    this.offset = 0;
    return false;
  }

  /** Moves so many bytes of the chunk behind those carried. */
  private take(count: number): void {
    if (count === 0) return;
    const needed = this.carried + count;
    if (needed > this.carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.carry.length));
      this.carry.copy(grown, 0, 0, this.carried);
      this.carry = grown;
    }
    this.chunk.copy(this.carry, this.carried, this.offset, this.offset + count);
    this.carried = needed;
    this.offset += count;
  }
}

const nothing = Buffer.alloc(0);
const carryBytesMin = 256;
