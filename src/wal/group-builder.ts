import { assert } from "../lib/assert.ts";
import { seqMax } from "../lib/limits.ts";
import {
  commitValueBytes,
  groupHeaderBytes,
  recordFlag,
  recordHeaderBytes,
  recordType,
  segmentHeaderBytes,
  type RecordType,
} from "./format.ts";
import { encodeRecordHeader, recordBytes } from "./record.ts";
import type { ImagePool, SegmentImage } from "./segment-image.ts";

/**
 * The memory side of the log: gives records their seqs and copies them, once, into the open group of the newest
 * segment image. Touches no file and waits for nothing, so that a put costs one copy and a few stores.
 *
 * One group is open at a time. The log writer takes it when nothing is in flight; whatever came meanwhile shares
 * its write and its sync. A group that its segment has no room for is closed early and waits its turn.
 */
export class GroupBuilder {
  /** The newest seq that was given to a record. */
  appendedSeq: number;
  /** Where the newest record, and its key, begin in `image`; the value follows the key directly. */
  recordStart = 0;
  keyStart = 0;
  /** The segment that records go to now. */
  image: SegmentImage;
  /** Bytes appended that the log writer did not write yet; it counts them down. */
  pendingBytes = 0;
  /** Groups closed so far: what was appended before now is written once the writer has written as many. */
  groupsClosed = 0;
  /** Records up to this seq are truncated; every group that is closed from now on says so. */
  floorSeq: number;
  readonly #segmentBytesMax: number;
  readonly #images: ImagePool;
  readonly #onSegment: (image: SegmentImage) => void;
  readonly #closed: Group[] = [];
  // The open group: it exists if and only if openCount > 0, begins at openStart and ends at image.used.
  #openStart = 0;
  #openCount = 0;

  constructor(options: {
    image: SegmentImage;
    appendedSeq: number;
    floorSeq: number;
    segmentBytesMax: number;
    images: ImagePool;
    /** Hears of each further segment before the first record lies in it. */
    onSegment: (image: SegmentImage) => void;
  }) {
    this.image = options.image;
    this.appendedSeq = options.appendedSeq;
    this.floorSeq = options.floorSeq;
    this.#segmentBytesMax = options.segmentBytesMax;
    this.#images = options.images;
    this.#onSegment = options.onSegment;
  }

  /** Whether the next record shares the group of one before it, unless its segment has no room for it. */
  get groupIsOpen(): boolean {
    return this.#openCount > 0;
  }

  /** Whether anything waits for the log writer. */
  get hasWork(): boolean {
    return this.#openCount > 0 || this.#closed.length > 0;
  }

  /**
   * Makes sure that records of `bytes` bytes together lie in one group and one segment; before every record, or
   * once before all those of a batch.
   */
  makeRoom(bytes: number): void {
    // Room for one more header stays free, so that a seal can always end the segment.
    const headers = this.#openCount > 0 ? groupHeaderBytes : 2 * groupHeaderBytes;
    if (!this.image.hasRoom(bytes + headers)) this.beginSegment(bytes);
  }

  /** Appends a put or delete and returns its seq. The caller made room. */
  append(
    type: RecordType,
    flags: number,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    value: Buffer,
    valueStart: number,
    valueEnd: number,
  ): number {
    const keyBytes = keyEnd - keyStart;
    const valueBytes = valueEnd - valueStart;
    const at = this.#claim(recordBytes(flags, keyBytes, valueBytes));
    const target = this.image.bytes;
    const start = encodeRecordHeader(target, at, type, flags, keyBytes, valueBytes);
    copyBytes(key, keyStart, keyEnd, target, start);
    copyBytes(value, valueStart, valueEnd, target, start + keyBytes);
    this.recordStart = at;
    this.keyStart = start;
    return this.appendedSeq;
  }

  /** Ends a batch whose operations were just appended with the flag inBatch. Returns the seq of the COMMIT. */
  commit(operationCount: number): number {
    const at = this.#claim(commitBytes);
    const { bytes } = this.image;
    const value = encodeRecordHeader(bytes, at, recordType.commit, recordFlag.inBatch, 0, commitValueBytes);
    bytes.writeUInt32BE(operationCount, value);
    return this.appendedSeq;
  }

  checkpoint(): number {
    this.makeRoom(recordBytes(0, 0, 0));
    const at = this.#claim(recordBytes(0, 0, 0));
    encodeRecordHeader(this.image.bytes, at, recordType.checkpoint, 0, 0, 0);
    return this.appendedSeq;
  }

  /** Appends a group without records behind everything else. */
  seal(): void {
    this.closeGroup();
    if (!this.image.hasRoom(groupHeaderBytes)) this.beginSegment(0);
    // Whoever heard of the segment may have begun it with a CHECKPOINT.
    this.closeGroup();
    this.#openStart = this.#claimGroup();
    this.#close();
  }

  /** Ends the segment: what is appended from here on lies in the next one, which has room for `bytes`. */
  beginSegment(bytes: number): void {
    this.closeGroup();
    // Whoever hears of it may begin it with a CHECKPOINT.
    const bytesNeeded = segmentHeaderBytes + 2 * groupHeaderBytes + recordHeaderBytes + bytes;
    const capacity = Math.max(this.#segmentBytesMax, bytesNeeded);
    this.image = this.#images.reserve(this.image.number + 1, this.appendedSeq + 1, capacity);
    this.#onSegment(this.image);
  }

  /** The next group to be written, in order; the open one is closed for it. */
  take(): Group | undefined {
    if (this.#closed.length === 0) this.closeGroup();
    return this.#closed.shift();
  }

  closeGroup(): void {
    if (this.#openCount > 0) this.#close();
  }

  #close(): void {
    // With the records that it covers or behind them: else a crash could leave a floor above the last record.
    assert(this.floorSeq <= this.appendedSeq, "only what was appended is truncated");
    this.groupsClosed++;
    this.#closed.push({
      image: this.image,
      start: this.#openStart,
      end: this.image.used,
      firstSeq: this.appendedSeq - this.#openCount + 1,
      recordCount: this.#openCount,
      floorSeq: this.floorSeq,
    });
    this.#openCount = 0;
  }

  #claim(bytes: number): number {
    if (this.#openCount === 0) this.#openStart = this.#claimGroup();
    const at = this.image.used;
    assert(this.image.hasRoom(bytes), "room was made for every record");
    assert(this.appendedSeq < seqMax, "sequence numbers stay safe integers");
    this.image.used += bytes;
    this.pendingBytes += bytes;
    this.#openCount++;
    this.appendedSeq++;
    return at;
  }

  #claimGroup(): number {
    const start = this.image.used;
    this.image.used += groupHeaderBytes;
    this.pendingBytes += groupHeaderBytes;
    return start;
  }
}

/** One unit of writing: bytes `start` to `end` of an image, header first. Its header is filled when it is written. */
export interface Group {
  image: SegmentImage;
  start: number;
  end: number;
  firstSeq: number;
  recordCount: number;
  floorSeq: number;
}

export const commitBytes = recordBytes(recordFlag.inBatch, 0, commitValueBytes);

/** Short ranges byte by byte: below some 30 bytes a loop beats the call of the native copy (20 ns). */
function copyBytes(source: Buffer, start: number, end: number, target: Buffer, at: number): void {
  if (end - start > 32) source.copy(target, at, start, end);
  else for (let index = start; index < end; index++) target[at++] = source[index]!;
}
