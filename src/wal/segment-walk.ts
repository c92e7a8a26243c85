import { crc32c } from "../lib/crc32c.ts";
import { groupHeaderBytes, groupMagicBytes, segmentHeaderBytes } from "./format.ts";
import { decodeGroupHeader, groupChecksum, saltSeed, type GroupHeader } from "./group-header.ts";
import { recordsAreWellFormed } from "./record.ts";
import type { SegmentHeader } from "./segment-header.ts";

/**
 * Walks the groups of one segment, from its header to the first bytes that are no valid next group.
 *
 * A group at offset B is valid if and only if (README.md, section 4)
 *  (1) 56 bytes from B on have the magic and a checksum that matches them, started from the segment's salt;
 *  (2) the header names B as its offset, and the previous group's checksum as the one before it;
 *  (3) its first seq and its floor go on from the previous group, and its durableThrough lies at or before B;
 *  (4) its payload lies inside the file and matches its checksum;
 *  (5) the payload is exactly as many well-formed records as the header says.
 */
export interface SegmentWalk {
  /** The end of the last valid group: where the next one would begin. */
  end: number;
  /** The seq of the last record, or of the predecessor's where there is none. */
  lastSeq: number;
  lastChecksum: number;
  floorSeq: number;
  /** Synced by its writer, as the last valid group says. */
  durableThrough: number;
  /** Where the last group with records ends: what lies behind are seals. */
  recordsEnd: number;
  /** Where the group ends that raised the floor last. */
  floorEnd: number;
  groupCount: number;
  /** Why the bytes at `end` are no group; undefined where the file ends there, or has nothing but zeros from there on. */
  problem: string | undefined;
}

export function walkSegment(
  segment: Buffer,
  header: SegmentHeader,
  headerChecksum: number,
  onGroup?: (group: GroupHeader, payloadStart: number, payloadEnd: number) => void,
): SegmentWalk {
  const seed = saltSeed(header.salt);
  const walk: SegmentWalk = {
    end: segmentHeaderBytes,
    lastSeq: header.firstSeq - 1,
    lastChecksum: headerChecksum,
    floorSeq: header.floorSeq,
    durableThrough: segmentHeaderBytes,
    recordsEnd: segmentHeaderBytes,
    floorEnd: segmentHeaderBytes,
    groupCount: 0,
    problem: undefined,
  };
  while (walk.end < segment.length) {
    const group = decodeGroupHeader(segment, walk.end, seed);
    // Prepared for groups that were not written. A header has a magic, so zeros are never one.
    if (group === undefined && isZero(segment, walk.end)) return walk;
    walk.problem =
      group === undefined ? headerProblem(segment, walk.end) : groupProblem(segment, group, walk);
    if (group === undefined || walk.problem !== undefined) return walk;

    const payloadStart = walk.end + groupHeaderBytes;
    const payloadEnd = payloadStart + group.payloadBytes;
    walk.lastChecksum = groupChecksum(segment, walk.end);
    walk.end = payloadEnd;
    walk.lastSeq += group.recordCount;
    if (group.floorSeq > walk.floorSeq) walk.floorEnd = payloadEnd;
    walk.floorSeq = group.floorSeq;
    walk.durableThrough = group.durableThrough;
    if (group.recordCount > 0) walk.recordsEnd = payloadEnd;
    walk.groupCount++;
    onGroup?.(group, payloadStart, payloadEnd);
  }
  return walk;
}

function isZero(bytes: Buffer, start: number): boolean {
  for (let at = start; at < bytes.length; at += zeros.length) {
    const end = Math.min(at + zeros.length, bytes.length);
    if (bytes.compare(zeros, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}

const zeros = new Uint8Array(4096);

function headerProblem(segment: Buffer, offset: number): string {
  const left = segment.length - offset;
  if (left < groupHeaderBytes)
    return `the file ends ${groupHeaderBytes - left} bytes before a group's header does`;
  return "no group's header is there, or its checksum does not match";
}

function groupProblem(segment: Buffer, group: GroupHeader, walk: SegmentWalk): string | undefined {
  // (2); the offset was checked with the header.
  if (group.previousChecksum !== walk.lastChecksum) return "the chain is broken: it follows another group";
  // (3)
  if (group.firstSeq !== walk.lastSeq + 1) {
    return `it begins with seq ${group.firstSeq} where seq ${walk.lastSeq + 1} comes next`;
  }
  if (group.floorSeq < walk.floorSeq || group.floorSeq > walk.lastSeq + group.recordCount) {
    return `its floor of ${group.floorSeq} contradicts the groups before it`;
  }
  if (group.durableThrough < walk.durableThrough || group.durableThrough > walk.end) {
    return "it contradicts the groups before it about what was synced";
  }
  // (4)
  const payloadStart = walk.end + groupHeaderBytes;
  const payloadEnd = payloadStart + group.payloadBytes;
  if (payloadEnd > segment.length)
    return `the file ends ${payloadEnd - segment.length} bytes before the group does`;
  if (crc32c(segment.subarray(payloadStart, payloadEnd)) !== group.payloadChecksum) {
    return "the checksum of its payload does not match";
  }
  // (5)
  if (!recordsAreWellFormed(segment, payloadStart, payloadEnd, group.recordCount)) {
    return "its payload is no sequence of records";
  }
  return undefined;
}

/**
 * Looks behind a bad place for a group that vouches for it: a header, with this segment's salt and its own true
 * offset, that says that bytes beyond `badOffset` were synced before it was written. A crash can't leave that; so
 * the bytes at `badOffset` were durable once, and are damaged. The payload of the witness does not matter.
 */
export function findWitness(
  segment: Buffer,
  header: SegmentHeader,
  badOffset: number,
): GroupHeader | undefined {
  const seed = saltSeed(header.salt);
  let at = badOffset;
  while ((at = segment.indexOf(groupMagicBytes, at + 1)) !== -1) {
    const group = decodeGroupHeader(segment, at, seed);
    if (group !== undefined && group.durableThrough > badOffset) return group;
  }
  return undefined;
}
