import { Buffer } from "node:buffer";
import { assert } from "../lib/assert.ts";
import { freeMemory } from "../lib/free-memory.ts";
import { MalformedError } from "./protocol-error.ts";

/**
 * Cuts the bytes of a connection into frames: a u32 big-endian length, then as many bytes of payload.
 *
 * It is pulled, not pushed: `next` yields one frame at a time, so that a session may stop between two and go on
 * later. A frame that lies whole inside a chunk is not copied. One that is spread over chunks is gathered in a
 * buffer that grows with the bytes received, never with the length announced: an announcement costs nothing.
 *
 * Chunks that are pushed belong to the decoder until `next` returned false.
 */
export class FrameDecoder {
  /** The longest payload accepted; an announcement of more ends the connection. May be changed between frames. */
  frameBytesMax: number;

  /** The payload that `next` found: valid until `next` is called again. */
  bytes: Buffer = nothing;
  start = 0;
  end = 0;

  // Invariants: the chunk holds unread bytes from chunkOffset on. `gathered` holds the first gatheredLength bytes,
  // prefix included, of one unfinished frame, and then the chunks begin in the middle of that frame.
  #chunk: Buffer = nothing;
  #chunkOffset = 0;
  /** The chunk before, read to its end: `bytes` may still be part of it. */
  #spent: Buffer = nothing;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #gathered: Buffer = nothing;
  #gatheredLength = 0;

  readonly #isTransient: boolean;

  /** `isTransient`: nobody holds on to a frame once `next` is called again, nor to a chunk, so both are freed then. */
  constructor(frameBytesMax: number, isTransient = false) {
    this.frameBytesMax = frameBytesMax;
    this.#isTransient = isTransient;
  }

  /** Bytes received that are not part of a frame yet handed out. */
  get bufferedBytes(): number {
    return this.#gatheredLength + this.#chunk.length - this.#chunkOffset + this.#waitingBytes;
  }

  push(chunk: Buffer): void {
    if (this.#chunkOffset === this.#chunk.length && this.#waiting.length === 0) {
      this.#spent = this.#chunk;
      this.#chunk = chunk;
      this.#chunkOffset = 0;
    } else {
      this.#waiting.push(chunk);
      this.#waitingBytes += chunk.length;
    }
  }

  /** Whether there is another whole frame; then `bytes`, `start` and `end` say where its payload is. */
  next(): boolean {
    // The last frame is done with: a large one must not keep its memory for as long as the connection lives.
    this.bytes = nothing;
    if (this.#isTransient) freeMemory(this.#spent);
    this.#spent = nothing;
    if (this.#gatheredLength === 0 && this.#gathered.length > gatheredBytesKept) this.#dropGathered();

    do {
      if (this.#gatheredLength > 0 ? this.#gather() : this.#take()) return true;
    } while (this.#nextChunk());
    return false;
  }

  /** Nothing more is asked for: lets all go that was received. */
  close(): void {
    this.#dropGathered();
    for (const chunk of [this.#spent, this.#chunk, ...this.#waiting.splice(0)])
      if (this.#isTransient) freeMemory(chunk);
    this.bytes = this.#spent = this.#chunk = nothing;
    this.#gatheredLength = this.#chunkOffset = this.#waitingBytes = 0;
  }

  /** The payload of the frame that is not whole yet, as far as it came, once `next` returned false. A view for now. */
  unfinished(): Buffer {
    return this.#gathered.subarray(Math.min(prefixBytes, this.#gatheredLength), this.#gatheredLength);
  }

  /** Takes a frame that the chunk holds whole, or moves the beginning of one out of the chunk. */
  #take(): boolean {
    const start = this.#chunkOffset + prefixBytes;
    const available = this.#chunk.length - start;
    if (available >= 0) {
      const length = this.#announced(this.#chunk, this.#chunkOffset);
      if (length <= available) {
        this.bytes = this.#chunk;
        this.start = start;
        this.end = this.#chunkOffset = start + length;
        return true;
      }
    }
    this.#move(this.#chunk.length - this.#chunkOffset);
    return false;
  }

  /** Goes on with a frame that was begun; true when the chunk ended it. */
  #gather(): boolean {
    if (this.#gatheredLength < prefixBytes) this.#move(prefixBytes - this.#gatheredLength);
    if (this.#gatheredLength < prefixBytes) return false;
    const end = prefixBytes + this.#announced(this.#gathered, 0);
    this.#move(end - this.#gatheredLength);
    if (this.#gatheredLength < end) return false;
    this.bytes = this.#gathered;
    this.start = prefixBytes;
    this.end = end;
    this.#gatheredLength = 0;
    return true;
  }

  /** Moves up to `wanted` bytes of the chunk behind the gathered ones. */
  #move(wanted: number): void {
    const count = Math.min(wanted, this.#chunk.length - this.#chunkOffset);
    const needed = this.#gatheredLength + count;
    if (needed > this.#gathered.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#gathered.length * 2, gatheredBytesMin));
      this.#gathered.copy(grown, 0, 0, this.#gatheredLength);
      this.#dropGathered();
      this.#gathered = grown;
    }
    this.#chunk.copy(this.#gathered, this.#gatheredLength, this.#chunkOffset, this.#chunkOffset + count);
    this.#gatheredLength = needed;
    this.#chunkOffset += count;
  }

  /** Lets go of a chunk that was read and takes up the one behind it. */
  #nextChunk(): boolean {
    assert(this.#chunkOffset === this.#chunk.length, "a chunk is left when all of it was read");
    const chunk = this.#waiting.shift();
    if (this.#isTransient) freeMemory(this.#chunk);
    this.#chunk = chunk ?? nothing;
    this.#chunkOffset = 0;
    this.#waitingBytes -= this.#chunk.length;
    return chunk !== undefined;
  }

  #dropGathered(): void {
    if (this.#isTransient) freeMemory(this.#gathered);
    this.#gathered = nothing;
  }

  #announced(bytes: Buffer, offset: number): number {
    const length =
      bytes[offset]! * 0x100_0000 +
      ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!);
    if (length > this.frameBytesMax)
      throw new MalformedError(tooLong(length, this.frameBytesMax, bytes, offset));
    return length;
  }
}

const prefixBytes = 4;
const gatheredBytesMin = 256;

/** Most frames that are cut by the end of a chunk are small. Larger buffers are given back: connections are many. */
const gatheredBytesKept = 4 * 1024;
const nothing = Buffer.alloc(0);

/** An absurd length is most often another protocol, whose first bytes were taken for a length: say which. */
function tooLong(length: number, limit: number, bytes: Buffer, offset: number): string {
  const first = bytes.subarray(offset, offset + prefixBytes);
  const tooLong = `a frame of ${length} bytes is beyond the limit of ${limit}`;
  if (first.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0d || byte === 0x0a)) {
    return `${tooLong}. It begins with the text ${JSON.stringify(first.toString("latin1"))}, as HTTP or another text protocol does, but this port speaks Holdfast's`;
  }
  if (first[0] === 0x16 && first[1] === 0x03) {
    return `${tooLong}. It begins as TLS does, but this port speaks without TLS`;
  }
  return tooLong;
}
