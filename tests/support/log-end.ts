import { readFileSync } from "node:fs";
import { decodeSegmentHeader } from "../../src/wal/segment-header.ts";
import { walkSegment, type SegmentWalk } from "../../src/wal/segment-walk.ts";

/** What a start finds in a segment. Zeros may follow its last group, prepared for the next ones. */
export function walkOf(segment: Buffer): SegmentWalk {
  const decoded = decodeSegmentHeader(segment);
  if ("problem" in decoded) throw new Error(`This is no segment: ${decoded.problem}`);
  return walkSegment(segment, decoded.header, decoded.checksum);
}

/** The segment in that file, up to the end of its last group. */
export function readGroups(path: string): Buffer {
  const segment = readFileSync(path);
  return segment.subarray(0, walkOf(segment).end);
}
