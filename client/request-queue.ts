import type { Buffer } from "node:buffer";
import { assert } from "../src/lib/assert.ts";
import { ByteWriter } from "../src/lib/byte-writer.ts";
import { LimitError } from "../src/lib/errors.ts";
import { queuedCallBytes } from "../src/lib/limits.ts";
import type { Call, CallQueue, CallTable } from "./call.ts";

/**
 * The frames that wait to be sent, one behind the other in one buffer, so that however many calls were made in a
 * tick leave in one write. A call that ends while it waits leaves a hole, which is passed over when its turn comes.
 */
export class RequestQueue implements CallQueue {
  // Invariants: #calls from #head on are those that wait, in their order, holes (state "forgotten") included. Their
  // frames lie next to each other and end where the writer ends. Offsets count from the first byte ever written, so
  // that they stay true when bytes are dropped in front: #base is that of the writer's first byte.
  /** Where in `bytes` the frames are that `take` took: valid until `taken`. Offsets, because a view costs 30 ns. */
  sliceStart = 0;
  sliceEnd = 0;

  readonly #table: CallTable;
  readonly #writer = new ByteWriter(writerBytesKept);
  #base = 0;
  #calls: Call[] = [];
  #head = 0;
  #holeBytes = 0;

  constructor(table: CallTable) {
    this.#table = table;
  }

  /** Frames that wait, and the slice among them: another buffer after each call that adds or drops some. */
  get bytes(): Buffer {
    return this.#writer.bytes;
  }

  get isEmpty(): boolean {
    return this.#head === this.#calls.length;
  }

  /** The frames that wait here, and holes between them. */
  get frameBytes(): number {
    return this.isEmpty ? 0 : this.#end - this.#calls[this.#head]!.frameStart;
  }

  /** The memory that waits here, by the measure of `queueBytesMax`. */
  get waitingBytes(): number {
    return this.frameBytes + (this.#calls.length - this.#head) * queuedCallBytes;
  }

  /** Appends the frame of a call. What cannot be encoded throws, and leaves the queue as it was. */
  append(call: Call, frameBytesMax: number): void {
    const writer = this.#writer;
    const start = writer.length;
    try {
      call.operation.encode(writer, call.id, call.args);
      const length = writer.length - start - lengthPrefixBytes;
      if (length > frameBytesMax)
        throw new LimitError(
          `Cannot ${call.operation.describe(call.args)}: its frame's bytes`,
          length,
          frameBytesMax,
        );
    } catch (error) {
      writer.length = start;
      throw error;
    }
    call.frameStart = this.#base + start;
    call.frameEnd = this.#end;
    call.queue = this;
    call.state = "queued";
    this.#calls.push(call);
  }

  /** Makes a hole of a call that was settled before it was sent. */
  remove(call: Call): void {
    assert(
      call.queue === this && call.state === "forgotten",
      "only a settled call leaves a hole in its queue",
    );
    this.#holeBytes += call.frameEnd - call.frameStart;
    this.#passHoles();
    if (this.#holeBytes > holeBytesMax && this.#holeBytes > (this.#end - this.#base) / 2) this.#closeHoles();
    this.#drop();
  }

  /**
   * Takes calls from the front, up to the first hole: at most `callsMax`, and at least one frame but otherwise no
   * more than `bytesMax`. They count as sent from now on. Returns how many; the slice is theirs until `taken`.
   */
  take(callsMax: number, bytesMax: number): number {
    const calls = this.#calls;
    const first = this.#head;
    assert(first < calls.length && calls[first]!.state === "queued", "a call that waits is at the front");
    const start = calls[first]!.frameStart;
    let next = first;
    let end = start;
    while (next < calls.length && next - first < callsMax) {
      const call = calls[next]!;
      if (call.state !== "queued" || (next > first && call.frameEnd - start > bytesMax)) break;
      end = call.frameEnd;
      call.state = "sent";
      call.queue = undefined;
      next++;
    }
    this.#head = next;
    this.sliceStart = start - this.#base;
    this.sliceEnd = end - this.#base;
    return next - first;
  }

  /** The slice is no longer needed. */
  taken(): void {
    this.sliceStart = this.sliceEnd = 0;
    this.#passHoles();
    this.#drop();
  }

  /** Takes the calls out, those that wait in their order, and empties the queue. */
  clear(): Call[] {
    const waiting: Call[] = [];
    for (const call of this.#calls.slice(this.#head)) {
      if (call.state === "queued") waiting.push(call);
      else this.#table.release(call);
      call.queue = undefined;
    }
    this.#head = this.#calls.length;
    this.#holeBytes = 0;
    this.#drop();
    return waiting;
  }

  get #end(): number {
    return this.#base + this.#writer.length;
  }

  /** Frees the holes at the front, so that a call that waits is there, or none. */
  #passHoles(): void {
    for (; this.#head < this.#calls.length; this.#head++) {
      const call = this.#calls[this.#head]!;
      if (call.state !== "forgotten") return;
      this.#holeBytes -= call.frameEnd - call.frameStart;
      call.queue = undefined;
      this.#table.release(call);
    }
  }

  /** Moves the frames together over the holes: aborted calls must not hold the queue's memory. */
  #closeHoles(): void {
    const { bytes } = this.#writer;
    const waiting: Call[] = [];
    let target = this.#calls[this.#head]!.frameStart - this.#base;
    for (let index = this.#head; index < this.#calls.length; index++) {
      const call = this.#calls[index]!;
      const start = call.frameStart - this.#base;
      const end = call.frameEnd - this.#base;
      if (call.state === "forgotten") {
        call.queue = undefined;
        this.#table.release(call);
        continue;
      }
      bytes.copyWithin(target, start, end);
      call.frameStart = this.#base + target;
      target += end - start;
      call.frameEnd = this.#base + target;
      waiting.push(call);
    }
    this.#writer.length = target;
    this.#calls = waiting;
    this.#head = 0;
    this.#holeBytes = 0;
  }

  /** Drops what lies in front of the first call, at once if nothing waits, else when it is worth the move. */
  #drop(): void {
    const writer = this.#writer;
    if (this.isEmpty) {
      this.#base += writer.length;
      writer.clear();
      if (writer.bytes.length > writerBytesShrunk) writer.shrink(writerBytesKept);
      this.#calls.length = 0;
      this.#head = 0;
      return;
    }
    const passed = this.#calls[this.#head]!.frameStart - this.#base;
    if (passed < writer.length / 2 || (passed < dropBytesMin && this.#head < dropCallsMin)) return;
    writer.consume(passed);
    this.#base += passed;
    this.#calls.splice(0, this.#head);
    this.#head = 0;
  }
}

const lengthPrefixBytes = 4;

/** A quiet client keeps this much; one that sent more gives the rest back once it has grown past the second bound. */
const writerBytesKept = 16 * 1024;
const writerBytesShrunk = 1024 * 1024;

/** Moving what waits to the front costs time in proportion to it, so it is done when as much was sent before. */
const dropBytesMin = 64 * 1024;
const dropCallsMin = 1024;

/** Fewer bytes of holes than this are not worth closing. */
const holeBytesMax = 64 * 1024;
