import { segmentHeaderBytes } from "./format.ts";

/**
 * A segment as it is, or will be, in its file, byte for byte at the same offsets. Requests are copied into it
 * once; the log writes groups straight out of it; memtables index offsets in it. The whole capacity is reserved at
 * once, but the system gives memory only to pages that were written.
 */
export class SegmentImage {
  // Invariant: header <= used <= bytes.length; everything below `used` belongs to a header or a group.
  readonly number: number;
  /** The seq of the first record that lies here. */
  readonly firstSeq: number;
  readonly bytes: Buffer;
  used: number;

  constructor(number: number, firstSeq: number, bytes: Buffer, used = segmentHeaderBytes) {
    this.number = number;
    this.firstSeq = firstSeq;
    this.bytes = bytes;
    this.used = used;
  }

  hasRoom(bytes: number): boolean {
    return this.used + bytes <= this.bytes.length;
  }
}

/**
 * Where images come from, and go when nobody needs them any more. A dead buffer of 32 MiB stays until the collector
 * happens to run, and a new one costs 8,000 page faults; one that is used again costs neither.
 */
export class ImagePool {
  readonly #spare: Buffer[] = [];

  reserve(number: number, firstSeq: number, capacity: number): SegmentImage {
    const index = this.#spare.findIndex((bytes) => bytes.length === capacity);
    const bytes = index === -1 ? Buffer.from(new ArrayBuffer(capacity)) : this.#spare.splice(index, 1)[0]!;
    return new SegmentImage(number, firstSeq, bytes);
  }

  /** Takes the bytes of an image to which nothing refers any more: they will hold something else. */
  recycle(bytes: Buffer): void {
    this.#spare.push(bytes);
    if (this.#spare.length > spareImagesMax) this.#spare.shift();
  }

  get memoryBytes(): number {
    return this.#spare.reduce((sum, bytes) => sum + bytes.length, 0);
  }
}

/** One is filled while another is taken over; what is beyond two was a burst. */
const spareImagesMax = 2;
