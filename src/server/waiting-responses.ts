import { assert } from "../lib/assert.ts";
import type { ByteWriter } from "../lib/byte-writer.ts";
import type { WriterPool } from "./writer-pool.ts";

/**
 * Encoded responses of one connection that must not leave yet, first in, first out, in chunks: each chunk has the
 * highest `visibleAt` of its responses, so that one number and no object stands for hundreds of them. What is
 * rounded up that way waits for a little more than it must, which is always safe.
 *
 * A chunk is what one read of the socket brought in. Finer chunks would only let a response of this group leave
 * before its neighbours of the next; one chunk for all would let a busy connection postpone them for ever.
 */
export class WaitingResponses {
  /** Responses that wait. */
  count = 0;

  // Invariant: chunks head .. tail-1 wait; their seqs ascend; they cover the writer's bytes without a gap.
  #writer: ByteWriter | undefined;
  readonly #pool: WriterPool;
  #head = 0;
  #tail = 0;
  #chunkIsOpen = false;
  /** Where a chunk begins, counted from the first byte that ever waited here since it was last empty. */
  #starts: number[] = [];
  #seqs: number[] = [];
  #counts: number[] = [];
  /** Bytes released since it was last empty. */
  #released = 0;

  constructor(pool: WriterPool) {
    this.#pool = pool;
  }

  get length(): number {
    return this.#writer === undefined ? 0 : this.#writer.length;
  }

  /** Chunks that there is room for, in use or not. */
  get chunkSlots(): number {
    return this.#starts.length;
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail;
  }

  /** The next response that is not covered by the last chunk begins a new one. */
  endChunk(): void {
    this.#chunkIsOpen = false;
  }

  /** Where to encode one response that waits for `visibleAt`. */
  begin(visibleAt: number): ByteWriter {
    const writer = (this.#writer ??= this.#pool.take());
    const last = this.#tail - 1;
    if (this.#head < this.#tail && (this.#chunkIsOpen || visibleAt <= this.#seqs[last]!)) {
      if (visibleAt > this.#seqs[last]!) this.#seqs[last] = visibleAt;
      this.#counts[last]!++;
    } else {
      this.#starts[this.#tail] = this.#released + writer.length;
      this.#seqs[this.#tail] = visibleAt;
      this.#counts[this.#tail] = 1;
      this.#tail++;
      this.#chunkIsOpen = true;
    }
    this.count++;
    return writer;
  }

  /** The highest seq among the chunks that `ackableSeq` releases, or 0 when there are none. */
  releasableSeq(ackableSeq: number): number {
    let chunk = this.#head;
    while (chunk < this.#tail && this.#seqs[chunk]! <= ackableSeq) chunk++;
    return chunk === this.#head ? 0 : this.#seqs[chunk - 1]!;
  }

  /**
   * Moves the chunks up to `seq` behind what is in `target`, and returns it. When all of them go and there is no
   * target yet, the buffer itself changes hands and nothing is copied.
   */
  release(seq: number, target: ByteWriter | undefined): ByteWriter {
    const writer = this.#writer;
    assert(writer !== undefined, "only what waits is released");
    while (this.#head < this.#tail && this.#seqs[this.#head]! <= seq)
      this.count -= this.#counts[this.#head++]!;

    if (this.isEmpty) {
      this.#forget();
      if (target === undefined) return writer;
      target.copy(writer.bytes, 0, writer.length);
      this.#pool.give(writer);
      return target;
    }
    const end = this.#starts[this.#head]! - this.#released;
    target ??= this.#pool.take();
    target.copy(writer.bytes, 0, end);
    writer.consume(end);
    this.#released += end;
    if (this.#head >= chunksBeforeMove && this.#head * 2 >= this.#tail) this.#moveToFront();
    return target;
  }

  /** Takes everything out without releasing it: after a fault nothing may be acknowledged. */
  takeAll(): ByteWriter | undefined {
    const writer = this.#writer;
    this.#forget();
    return writer;
  }

  /** A connection that always has something waiting is never empty, and must not grow for that. */
  #moveToFront(): void {
    for (const column of [this.#starts, this.#seqs, this.#counts]) column.splice(0, this.#head);
    this.#tail -= this.#head;
    this.#head = 0;
  }

  #forget(): void {
    this.#writer = undefined;
    this.count = 0;
    this.#head = 0;
    this.#tail = 0;
    this.#released = 0;
    this.#chunkIsOpen = false;
    if (this.#starts.length <= chunksKept) return;
    this.#starts = [];
    this.#seqs = [];
    this.#counts = [];
  }
}

/** Beyond this the bookkeeping of a busy moment is let go instead of kept. */
const chunksKept = 1024;

/** Often enough to stay small, and rarely enough to cost nothing. */
const chunksBeforeMove = 64;
