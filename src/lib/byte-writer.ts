import { Buffer } from "node:buffer";
import { assert } from "./assert.ts";
import { freeMemory } from "./free-memory.ts";

/**
 * A growing buffer with a write position, reused for ever: what is written is read through `bytes` and `length`
 * and dropped with `clear()`. Numbers are big-endian, as on the wire.
 */
export class ByteWriter {
  // Invariant: 0 <= length <= bytes.length, and everything below `length` was written.
  bytes: Buffer;
  length = 0;

  readonly #isTransient: boolean;

  /** `isTransient`: nobody holds on to its bytes, so what it outgrows is freed at once. */
  constructor(bytesInitial = 4096, isTransient = false) {
    this.bytes = Buffer.allocUnsafeSlow(bytesInitial);
    this.#isTransient = isTransient;
  }

  /** Makes room for `count` more bytes and returns where they start. The caller fills them. */
  reserve(count: number): number {
    const start = this.length;
    const end = start + count;
    if (end > this.bytes.length) this.#grow(end);
    this.length = end;
    return start;
  }

  copy(source: Buffer, sourceStart: number, sourceEnd: number): void {
    const start = this.reserve(sourceEnd - sourceStart);
    source.copy(this.bytes, start, sourceStart, sourceEnd);
  }

  clear(): void {
    this.length = 0;
  }

  /** Forgets the first `count` bytes, which were sent. */
  consume(count: number): void {
    assert(count <= this.length, "nothing is consumed that was not written");
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /** Gives a large buffer back, so that one huge answer does not keep its memory for ever. */
  shrink(bytesKept: number): void {
    assert(this.length === 0, "only an empty writer gives its memory back");
    if (this.bytes.length > bytesKept) this.bytes = Buffer.allocUnsafeSlow(bytesKept);
  }

  #grow(bytesNeeded: number): void {
    const { length } = this.bytes;
    // Twice as much each time copies least; but half of a large one would lie empty, and no cap would count it.
    const grows = this.#isTransient && length >= largeBytes ? length / 4 : length;
    const grown = Buffer.allocUnsafeSlow(Math.max(bytesNeeded, length + grows));
    this.bytes.copy(grown, 0, 0, this.length);
    if (this.#isTransient) freeMemory(this.bytes);
    this.bytes = grown;
  }
}

const largeBytes = 512 * 1024;
