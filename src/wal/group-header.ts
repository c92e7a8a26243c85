import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import { groupHeaderBytes, groupMagic } from "./format.ts";

/** What the 56 bytes before a group's records say. A group without records is a seal. */
export interface GroupHeader {
  recordCount: number;
  payloadBytes: number;
  payloadChecksum: number;
  /** Where in its segment the group begins: a copy of it elsewhere is no group. */
  offset: number;
  /** The seq of the first record; of a seal: the seq that comes next. */
  firstSeq: number;
  /** Records up to this seq are truncated. Never goes back. */
  floorSeq: number;
  /** The segment's bytes before this offset were known synced when the group was written. */
  durableThrough: number;
  /** The header checksum of the group before this one, or of the segment's header: the chain. */
  previousChecksum: number;
}

/** The number that a segment's group checksums start from. */
export function saltSeed(salt: Uint8Array): number {
  return crc32c(salt);
}

/** Fills the header of the group that begins at header.offset of the segment, and returns its checksum. */
export function encodeGroupHeader(segment: Buffer, header: GroupHeader, seed: number): number {
  assert(header.durableThrough <= header.offset, "a group can't vouch for itself");
  assert(
    (header.recordCount === 0) === (header.payloadBytes === 0),
    "a seal has no payload, all others have",
  );
  const at = header.offset;
  segment.writeUInt32BE(groupMagic, at);
  segment.writeUInt32BE(header.recordCount, at + 4);
  segment.writeUInt32BE(header.payloadBytes, at + 8);
  segment.writeUInt32BE(header.payloadChecksum, at + 12);
  writeUint64(segment, at, at + 16);
  writeUint64(segment, header.firstSeq, at + 24);
  writeUint64(segment, header.floorSeq, at + 32);
  writeUint64(segment, header.durableThrough, at + 40);
  segment.writeUInt32BE(header.previousChecksum, at + 48);
  const checksum = crc32c(segment.subarray(at, at + 52), seed);
  segment.writeUInt32BE(checksum, at + 52);
  return checksum;
}

/**
 * The header at `offset` if its bytes were written there by this segment's writer: the checksum covers the
 * length, the place and the salt, so neither garbage nor a stale or embedded copy passes. The payload is not
 * looked at.
 */
export function decodeGroupHeader(segment: Buffer, offset: number, seed: number): GroupHeader | undefined {
  if (offset + groupHeaderBytes > segment.length) return undefined;
  if (segment.readUInt32BE(offset) !== groupMagic) return undefined;
  const checksum = segment.readUInt32BE(offset + 52);
  if (crc32c(segment.subarray(offset, offset + 52), seed) !== checksum) return undefined;
  if (readUint64(segment, offset + 16) !== offset) return undefined;
  return {
    recordCount: segment.readUInt32BE(offset + 4),
    payloadBytes: segment.readUInt32BE(offset + 8),
    payloadChecksum: segment.readUInt32BE(offset + 12),
    offset,
    firstSeq: readUint64(segment, offset + 24),
    floorSeq: readUint64(segment, offset + 32),
    durableThrough: readUint64(segment, offset + 40),
    previousChecksum: segment.readUInt32BE(offset + 48),
  };
}

/** The checksum that a header holds, which the next header repeats. */
export function groupChecksum(segment: Buffer, offset: number): number {
  return segment.readUInt32BE(offset + 52);
}
