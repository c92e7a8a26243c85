import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import { formatVersion, segmentHeaderBytes, segmentMagic } from "./format.ts";

/** What the first 96 bytes of a segment say. */
export interface SegmentHeader {
  /** 16 bytes, the same in every segment of a store and in no other store's. */
  storeId: Uint8Array;
  /** 1, 2, 3, …: numbers are never used again. */
  number: number;
  /** The seq that the first record of this segment has, or will have. */
  firstSeq: number;
  /** Records up to this seq were truncated when the segment began. */
  floorSeq: number;
  /** 8 random bytes that every group's checksum starts from: a stale group of another segment never fits. */
  salt: Uint8Array;
  /** How the segment before this one ended. Number 0: there was none. */
  predecessor: SegmentEnd;
}

/** The end of a sealed segment. Its successor's header vouches for it: a shorter or other file is corrupt. */
export interface SegmentEnd {
  number: number;
  lastSeq: number;
  bytes: number;
  /** The header checksum of the last group, or of the segment's header where there is no group. */
  lastChecksum: number;
}

export const noPredecessor: SegmentEnd = { number: 0, lastSeq: 0, bytes: 0, lastChecksum: 0 };

/** Writes the header into the first bytes of `target` and returns its checksum, where the chain of groups begins. */
export function encodeSegmentHeader(target: Buffer, header: SegmentHeader): number {
  assert(header.storeId.length === 16 && header.salt.length === 8, "a store id has 16 bytes, a salt 8");
  assert(header.number === header.predecessor.number + 1, "segments are numbered without gaps");
  assert(header.firstSeq === header.predecessor.lastSeq + 1, "a segment goes on where the last one ended");
  target.set(segmentMagic, 0);
  target.writeUInt32BE(formatVersion, 8);
  target.writeUInt32BE(0, 12);
  target.set(header.storeId, 16);
  writeUint64(target, header.number, 32);
  writeUint64(target, header.firstSeq, 40);
  writeUint64(target, header.floorSeq, 48);
  target.set(header.salt, 56);
  writeUint64(target, header.predecessor.number, 64);
  writeUint64(target, header.predecessor.lastSeq, 72);
  writeUint64(target, header.predecessor.bytes, 80);
  target.writeUInt32BE(header.predecessor.lastChecksum, 88);
  const checksum = crc32c(target.subarray(0, 92));
  target.writeUInt32BE(checksum, 92);
  return checksum;
}

/** The header and its checksum, or a sentence that says why these bytes are none. */
export function decodeSegmentHeader(
  bytes: Buffer,
): { header: SegmentHeader; checksum: number } | { problem: string } {
  if (bytes.length < segmentHeaderBytes) {
    return {
      problem: `it has ${bytes.length} bytes, fewer than a segment's header of ${segmentHeaderBytes}`,
    };
  }
  if (!segmentMagic.equals(bytes.subarray(0, 8))) return { problem: "it does not begin as a segment does" };
  const checksum = bytes.readUInt32BE(92);
  if (crc32c(bytes.subarray(0, 92)) !== checksum)
    return { problem: "the checksum of its header does not match" };
  const version = bytes.readUInt32BE(8);
  if (version !== formatVersion) {
    return { problem: `it has format version ${version}; this program reads version ${formatVersion}` };
  }
  if (bytes.readUInt32BE(12) !== 0) return { problem: "its reserved bytes are not zero" };
  const header: SegmentHeader = {
    storeId: Uint8Array.prototype.slice.call(bytes, 16, 32),
    number: readUint64(bytes, 32),
    firstSeq: readUint64(bytes, 40),
    floorSeq: readUint64(bytes, 48),
    salt: Uint8Array.prototype.slice.call(bytes, 56, 64),
    predecessor: {
      number: readUint64(bytes, 64),
      lastSeq: readUint64(bytes, 72),
      bytes: readUint64(bytes, 80),
      lastChecksum: bytes.readUInt32BE(88),
    },
  };
  const { number, firstSeq, floorSeq, predecessor } = header;
  const numbers = [number, firstSeq, floorSeq, predecessor.number, predecessor.lastSeq, predecessor.bytes];
  if (!numbers.every(Number.isSafeInteger)) return { problem: "its header holds a number beyond 2^53 - 1" };
  if (header.number !== header.predecessor.number + 1 || header.firstSeq !== header.predecessor.lastSeq + 1) {
    return { problem: "its header contradicts itself about the segment before it" };
  }
  return { header, checksum };
}
