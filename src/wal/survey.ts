import { join } from "node:path";
import { readFully, type FileSystem } from "../vfs/file-system.ts";
import { listDirectory, segmentName, type DirectoryListing } from "./directory.ts";
import { WalCorruptionError } from "./errors.ts";
import type { GroupHeader } from "./group-header.ts";
import { decodeSegmentHeader, type SegmentEnd, type SegmentHeader } from "./segment-header.ts";
import { findWitness, walkSegment, type SegmentWalk } from "./segment-walk.ts";

/**
 * Reads a whole log and says what it is; changes nothing. Recovery, `wal verify` and `wal dump` all stand on it.
 * README.md, section 5, gives the reason for each row.
 *
 * | row | what is found                                                             | verdict   |
 * | --- | ------------------------------------------------------------------------- | --------- |
 * | A   | no segment at all                                                         | CLEAN     |
 * | B   | a name that no log writes                                                 | CORRUPT   |
 * | C   | a file that can't be read                                                 | CORRUPT   |
 * | D   | a segment whose header is bad, or whose number is not its name's          | CORRUPT   |
 * | E   | a segment of another store                                                | CORRUPT   |
 * | F   | a missing segment that holds records above the floor                      | CORRUPT   |
 * | G   | bytes that are no valid group, in a segment that has a successor          | CORRUPT   |
 * | H   | a segment that does not end as its successor's header says                | CORRUPT   |
 * | I   | bytes that are no valid group, last segment, a witness behind them        | CORRUPT   |
 * | J   | bytes that are no valid group, last segment, no witness                   | TORN TAIL |
 * | K   | every byte accounted for, or zeros to the end of the last segment         | CLEAN     |
 *
 * A witness is a group header that says that the bad bytes were synced once (findWitness). With one group in
 * flight at a time every later group is one; in the modes that sync less often only those after the next sync.
 */
export interface LogSurvey {
  listing: DirectoryListing;
  /** Those that hold the log, or its beginning up to damage, oldest first and without the leftovers. */
  segments: SurveyedSegment[];
  /** Numbers of segments that a truncation, interrupted by a crash, left before a gap: to be deleted. */
  leftovers: number[];
  floorSeq: number;
  lastSeq: number;
  verdict: Verdict;
}

export interface SurveyedSegment {
  number: number;
  header: SegmentHeader;
  headerChecksum: number;
  fileBytes: number;
  walk: SegmentWalk;
  /** The file's bytes, at the front of a buffer of the capacity asked for. */
  bytes: Buffer;
}

export type Verdict =
  | { kind: "clean" }
  | { kind: "torn"; file: string; offset: number; bytes: number; problem: string }
  | { kind: "corrupt"; error: WalCorruptionError };

export interface SurveyVisitor {
  /** A segment follows. `bytes` lies at the front of a buffer of at least `segmentCapacity` bytes. */
  segment?(header: SegmentHeader, bytes: Buffer, isLast: boolean): void;
  /** A valid group of that segment. */
  group?(bytes: Buffer, group: GroupHeader, payloadStart: number, payloadEnd: number): void;
}

/**
 * `segmentCapacity` is the size of the buffer that the last segment is read into, so that its writer can go on
 * filling it. Bytes of older segments are let go after their visit, unless the visitor keeps them.
 */
export function surveyLog(
  fileSystem: FileSystem,
  directory: string,
  options: { segmentCapacity?: number; visitor?: SurveyVisitor } = {},
): LogSurvey {
  const listing = listDirectory(fileSystem, directory);
  const survey: LogSurvey = {
    listing,
    segments: [],
    leftovers: [],
    floorSeq: 0,
    lastSeq: 0,
    verdict: { kind: "clean" },
  };
  // Segments whose numbers follow each other; usually all of them.
  const runs: SurveyedSegment[][] = [];
  try {
    const lastNumber = listing.segments.at(-1);
    for (const number of listing.segments) {
      const capacity = number === lastNumber ? (options.segmentCapacity ?? 0) : 0;
      const segment = readSegment(fileSystem, directory, number, capacity, survey.lastSeq + 1);
      const before = survey.segments.at(-1);
      if (before !== undefined) before.bytes = empty;
      if (before === undefined || !follows(directory, before, segment)) {
        survey.leftovers.push(...survey.segments.map((older) => older.number));
        survey.segments = [];
        runs.push(survey.segments);
      }

      options.visitor?.segment?.(segment.header, segment.bytes, number === lastNumber);
      segment.walk = walkSegment(
        fileBytes(segment),
        segment.header,
        segment.headerChecksum,
        (group, start, end) => {
          options.visitor?.group?.(segment.bytes, group, start, end);
        },
      );
      survey.segments.push(segment);
      survey.floorSeq = Math.max(survey.floorSeq, segment.walk.floorSeq);
      survey.lastSeq = segment.walk.lastSeq;
      if (segment.walk.problem !== undefined) {
        survey.verdict = judge(directory, segment, segment.walk.problem, number === lastNumber);
        if (survey.verdict.kind === "corrupt") return survey;
      }
    }
    rejectMissing(directory, survey, runs);
    rejectForeign(directory, survey);
  } catch (error) {
    if (!(error instanceof WalCorruptionError)) throw error;
    survey.verdict = { kind: "corrupt", error };
  }
  return survey;
}

/** The bytes of the file itself, without the room behind them. */
export function fileBytes(segment: SurveyedSegment): Buffer {
  return segment.bytes.subarray(0, segment.fileBytes);
}

const empty = Buffer.alloc(0);

/** Rows G, I and J. */
function judge(directory: string, segment: SurveyedSegment, problem: string, isLast: boolean): Verdict {
  const file = join(directory, segmentName(segment.number));
  const { end: offset, lastSeq } = segment.walk;
  const corrupt = (why: string): Verdict => ({
    kind: "corrupt",
    error: new WalCorruptionError(file, offset, lastSeq + 1, why),
  });
  if (!isLast) return corrupt(`${problem}, and a later segment vouches for this one`);
  const witness = findWitness(fileBytes(segment), segment.header, offset);
  if (witness !== undefined) {
    return corrupt(
      `${problem}, and the group at ${witness.offset} says that everything before ${witness.durableThrough} was synced`,
    );
  }
  return { kind: "torn", file, offset, bytes: segment.fileBytes - offset, problem };
}

/** Row B; last, for all that the segments hold can be salvaged beside a foreign file. */
function rejectForeign(directory: string, { listing, lastSeq }: LogSurvey): void {
  const name = listing.foreign[0];
  if (name === undefined) return;
  const problem = "no log writes a file of this name; move it elsewhere";
  throw new WalCorruptionError(join(directory, name), 0, lastSeq + 1, problem);
}

/** Rows C and D. `seq` is that of the first record that the segment should hold. */
function readSegment(
  fileSystem: FileSystem,
  directory: string,
  number: number,
  capacity: number,
  seq: number,
): SurveyedSegment {
  const path = join(directory, segmentName(number));
  let bytes: Buffer;
  let fileBytes: number;
  try {
    const file = fileSystem.openRead(path);
    try {
      fileBytes = file.size();
      bytes = Buffer.from(new ArrayBuffer(Math.max(fileBytes, capacity)));
      const filled = readFully(file, bytes.subarray(0, fileBytes), 0);
      // Its owner may have cut off what was prepared, meanwhile.
      if (filled < fileBytes && file.size() === filled) fileBytes = filled;
      if (filled < fileBytes) throw new Error(`only ${filled} of its ${fileBytes} bytes could be read`);
    } finally {
      file.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WalCorruptionError(path, 0, seq, `it can't be read: ${reason}`);
  }
  const decoded = decodeSegmentHeader(bytes.subarray(0, fileBytes));
  if ("problem" in decoded) throw new WalCorruptionError(path, 0, seq, decoded.problem);
  if (decoded.header.number !== number) {
    throw new WalCorruptionError(path, 32, seq, `its header says segment ${decoded.header.number}`);
  }
  const walk = walkSegment(bytes.subarray(0, 0), decoded.header, decoded.checksum);
  return { number, header: decoded.header, headerChecksum: decoded.checksum, fileBytes, walk, bytes };
}

/** Rows E and H: what a segment's header says of the one before it. False: another one lay between the two. */
function follows(directory: string, before: SurveyedSegment, segment: SurveyedSegment): boolean {
  if (!Buffer.from(before.header.storeId).equals(segment.header.storeId)) {
    const file = join(directory, segmentName(segment.number));
    throw new WalCorruptionError(file, 16, before.walk.lastSeq + 1, "it belongs to another store");
  }
  if (before.number !== segment.header.predecessor.number) return false;
  const difference = endDifference(before, segment.header.predecessor);
  if (difference !== undefined) {
    const file = join(directory, segmentName(before.number));
    const offset = Math.min(before.walk.end, segment.header.predecessor.bytes);
    throw new WalCorruptionError(file, offset, before.walk.lastSeq + 1, difference);
  }
  return true;
}

function endDifference(before: SurveyedSegment, expected: SegmentEnd): string | undefined {
  if (before.fileBytes !== expected.bytes) {
    return `it has ${before.fileBytes} bytes where its successor says ${expected.bytes}`;
  }
  if (before.walk.lastSeq !== expected.lastSeq) {
    return `it ends with seq ${before.walk.lastSeq} where its successor says ${expected.lastSeq}`;
  }
  if (before.walk.lastChecksum !== expected.lastChecksum) return "its successor follows another last group";
  return undefined;
}

/** Row F: what is missing before a run must lie below the floor, which is known only once all of it was read. */
function rejectMissing(directory: string, survey: LogSurvey, runs: SurveyedSegment[][]): void {
  for (const [index, run] of runs.entries()) {
    const missing = run[0]!.header.predecessor;
    if (missing.lastSeq <= survey.floorSeq) continue;
    survey.segments = runs[index - 1] ?? [];
    survey.lastSeq = Math.max(survey.floorSeq, survey.segments.at(-1)?.walk.lastSeq ?? 0);
    throw new WalCorruptionError(
      join(directory, segmentName(missing.number)),
      0,
      survey.lastSeq + 1,
      `the segment is missing, with records up to seq ${missing.lastSeq} that were not truncated`,
    );
  }
}
