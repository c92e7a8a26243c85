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

export function reserveImage(number: number, firstSeq: number, capacity: number): SegmentImage {
  return new SegmentImage(number, firstSeq, Buffer.from(new ArrayBuffer(capacity)));
}
