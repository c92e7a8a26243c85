import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { preparedBytes, preparingGroupBytesMax } from "../lib/limits.ts";
import { writeFully, type File, type FileSystem } from "../vfs/file-system.ts";
import { publishFile } from "../vfs/publish.ts";
import { segmentName } from "./directory.ts";
import { groupHeaderBytes, segmentHeaderBytes } from "./format.ts";
import type { Group } from "./group-builder.ts";
import { encodeGroupHeader, saltSeed } from "./group-header.ts";
import { encodeSegmentHeader, type SegmentEnd, type SegmentHeader } from "./segment-header.ts";
import type { SegmentImage } from "./segment-image.ts";

/**
 * The file of the active segment: knows what was written to it and what was synced, and chains its groups.
 *
 * Invariants: durableOffset <= writtenOffset <= image.used, and likewise durableSeq <= writtenSeq. From writtenOffset
 * to the end of the file, if it is longer, there are zeros, prepared for the groups that follow.
 */
export class SegmentFile {
  readonly image: SegmentImage;
  writtenSeq: number;
  durableSeq: number;
  writtenOffset: number;
  durableOffset: number;
  readonly #file: File;
  readonly #seed: number;
  #lastChecksum: number;
  #fileEnd: number;

  /** Goes on with a file whose content up to image.used is durable, and which has nothing but zeros behind it. */
  constructor(file: File, image: SegmentImage, salt: Uint8Array, lastSeq: number, lastChecksum: number) {
    this.image = image;
    this.#fileEnd = file.size();
    this.writtenSeq = this.durableSeq = lastSeq;
    this.writtenOffset = this.durableOffset = image.used;
    this.#file = file;
    this.#seed = saltSeed(salt);
    this.#lastChecksum = lastChecksum;
  }

  /** Begins a new file for `image`; resolves once its header and its directory entry are durable. */
  static async begin(
    fileSystem: FileSystem,
    directory: string,
    image: SegmentImage,
    header: SegmentHeader,
  ): Promise<SegmentFile> {
    assert(header.number === image.number && header.firstSeq === image.firstSeq, "a header fits its image");
    const checksum = encodeSegmentHeader(image.bytes, header);
    const content = image.bytes.subarray(0, segmentHeaderBytes);
    const file = await publishFile(fileSystem, directory, segmentName(header.number), content);
    const lastSeq = header.firstSeq - 1;
    const segment = new SegmentFile(file, image, header.salt, lastSeq, checksum);
    // Groups may lie in the image already, but only the header is in the file.
    segment.writtenOffset = segment.durableOffset = segmentHeaderBytes;
    return segment;
  }

  /** How a successor's header describes this segment. */
  get end(): SegmentEnd {
    assert(this.durableOffset === this.writtenOffset, "a segment is sealed once all of it is durable");
    return {
      number: this.image.number,
      lastSeq: this.writtenSeq,
      bytes: this.writtenOffset,
      lastChecksum: this.#lastChecksum,
    };
  }

  /** Fills the group's header and hands all of it to the system; may prepare the file for those that follow. */
  write(group: Group, prepares: boolean): void {
    assert(
      group.image === this.image && group.start === this.writtenOffset,
      "groups lie one behind the other",
    );
    assert(group.firstSeq === this.writtenSeq + 1, "groups are written in the order of their seqs");
    const { bytes } = this.image;
    const payload = bytes.subarray(group.start + groupHeaderBytes, group.end);
    this.#lastChecksum = encodeGroupHeader(
      bytes,
      {
        recordCount: group.recordCount,
        payloadBytes: payload.length,
        payloadChecksum: payload.length === 0 ? 0 : crc32c(payload),
        offset: group.start,
        firstSeq: group.firstSeq,
        floorSeq: group.floorSeq,
        durableThrough: this.durableOffset,
        previousChecksum: this.#lastChecksum,
      },
      this.#seed,
    );
    writeFully(this.#file, bytes.subarray(group.start, group.end), group.start);
    this.writtenOffset = group.end;
    this.writtenSeq += group.recordCount;
    if (group.end <= this.#fileEnd) return;
    this.#fileEnd = group.end;
    if (prepares && group.end - group.start <= preparingGroupBytesMax) this.#prepare();
  }

  /**
   * Makes durable what was written before the call. The target is taken first: what is written while the sync
   * runs may or may not be covered by it, so it is not counted.
   */
  async sync(): Promise<void> {
    const offset = this.writtenOffset;
    const seq = this.writtenSeq;
    await this.#file.datasync();
    this.#synced(offset, seq);
  }

  /** The same, and the event loop waits for it. */
  syncNow(): void {
    this.#file.datasyncNow();
    this.#synced(this.writtenOffset, this.writtenSeq);
  }

  /** Cuts off what was prepared: a segment that is complete ends with its last group. Resolves once that is durable. */
  async trim(): Promise<void> {
    if (this.#fileEnd === this.writtenOffset) return;
    this.#file.truncate(this.writtenOffset);
    await this.#file.sync();
    this.#fileEnd = this.writtenOffset;
  }

  close(): void {
    this.#file.close();
  }

  #synced(offset: number, seq: number): void {
    assert(offset >= this.durableOffset, "what is durable stays durable");
    this.durableOffset = offset;
    this.durableSeq = seq;
  }

  /**
   * Writes zeros behind the group, which its sync makes durable too. Not from the image: the next group may lie there
   * already, and it is not written yet.
   */
  #prepare(): void {
    const { writtenOffset } = this;
    const boundary = writtenOffset - (writtenOffset % preparedBytes) + preparedBytes;
    const end = Math.min(boundary, this.image.bytes.length);
    writeFully(this.#file, zeros.subarray(0, end - writtenOffset), writtenOffset);
    this.#fileEnd = end;
  }
}

const zeros = new Uint8Array(preparedBytes);
