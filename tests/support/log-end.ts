import { readFileSync } from "node:fs";
import { decodeSegmentHeader } from "../../src/wal/segment-header.ts";
import { walkSegment } from "../../src/wal/segment-walk.ts";

/** Where the last group of a segment ends. Zeros may follow there, prepared for the next ones. */
export function groupsEnd(segment: Buffer): number {
  const decoded = decodeSegmentHeader(segment);
  if ("problem" in decoded) throw new Error(`This is no segment: ${decoded.problem}`);
  return walkSegment(segment, decoded.header, decoded.checksum).end;
}

/** The segment in that file, up to there. */
export function readGroups(path: string): Buffer {
  const segment = readFileSync(path);
  return segment.subarray(0, groupsEnd(segment));
}
