import { join } from "node:path";
import { HoldfastError } from "../lib/errors.ts";
import { readFile, type FileSystem } from "../vfs/file-system.ts";
import { decodeHolder } from "../vfs/lock-holder.ts";
import { listDirectory, lockName, segmentName } from "./directory.ts";
import { groupHeaderBytes, groupMagicBytes, recordFlag, recordType } from "./format.ts";
import { decodeGroupHeader, groupChecksum, saltSeed, type GroupHeader } from "./group-header.ts";
import { RecordCursor } from "./record.ts";
import { decodeSegmentHeader, type SegmentHeader } from "./segment-header.ts";
import { walkSegment } from "./segment-walk.ts";
import { surveyLog, type LogSurvey, type Verdict } from "./survey.ts";

/**
 * Looks at a log as a person would who wants to know what is in it: reads only, takes no lock, and works on a log
 * that is damaged, or that a server is writing to.
 */
export interface LogReport {
  directory: string;
  /** The process that seems to have the log open, as far as its lock file tells. */
  inUseBy: number | undefined;
  verdict: Verdict;
  segments: number;
  groups: number;
  records: number;
  bytes: number;
  /** Records up to this seq were truncated. */
  floorSeq: number;
  /** The last record that can be read. */
  lastSeq: number;
}

/** Says whether a log is clean, torn by a crash, or corrupt, just as opening it would decide. */
export function verifyLog(fileSystem: FileSystem, path: string): LogReport {
  const directory = locateLog(fileSystem, path);
  const survey = surveyCalmly(fileSystem, directory);
  return toReport(fileSystem, directory, survey);
}

/**
 * Yields everything that is in a log, in the order in which it lies there, and returns the verdict. Segments
 * behind damage, and groups behind damage in their segment, are shown as well: recovery does not use them, but
 * they tell what happened.
 */
export function* dumpLog(fileSystem: FileSystem, path: string): Generator<DumpEntry, LogReport, void> {
  const directory = locateLog(fileSystem, path);
  // The survey comes first: what it saw is shown, and not what a server appends meanwhile.
  const survey = surveyCalmly(fileSystem, directory);
  const report = toReport(fileSystem, directory, survey);
  const surveyedBytes = new Map(survey.segments.map(({ number, fileBytes }) => [number, fileBytes]));
  for (const number of survey.listing.segments) {
    yield* dumpSegment(fileSystem, directory, number, surveyedBytes.get(number), survey.floorSeq);
  }
  const { torn, unfinished, foreign } = survey.listing;
  for (const name of torn) yield { kind: "file", file: join(directory, name), role: "torn" };
  for (const name of unfinished) yield { kind: "file", file: join(directory, name), role: "unfinished" };
  for (const name of foreign) yield { kind: "file", file: join(directory, name), role: "foreign" };
  return report;
}

export type DumpEntry =
  | { kind: "segment"; file: string; bytes: number; header: SegmentHeader; checksum: number }
  | GroupEntry
  | RecordEntry
  /** Bytes from `offset` to the file's end that are no group, or no segment. */
  | { kind: "unreadable"; file: string; offset: number; bytes: number; problem: string }
  /** A group's header that lies behind unreadable bytes; its records can't be trusted. */
  | { kind: "stray"; group: GroupHeader; checksum: number }
  /** A file beside the segments: a tail that was cut, one that nobody finished, or one that no log writes. */
  | { kind: "file"; file: string; role: "torn" | "unfinished" | "foreign" };

/** A group without records is a seal. */
export interface GroupEntry {
  kind: "group";
  group: GroupHeader;
  bytes: number;
  checksum: number;
}

export interface RecordEntry {
  kind: "record";
  offset: number;
  bytes: number;
  seq: number;
  type: RecordTypeName;
  inBatch: boolean;
  /** Lies below the floor: no reader of the log sees it any more. */
  isTruncated: boolean;
  keyBytes: number;
  /** The key's beginning, at most keyHeadBytesMax bytes of it. */
  keyHead: Uint8Array;
  valueBytes: number;
  valueHead: Uint8Array;
  expiresAtMs: number | undefined;
  session: { id: Uint8Array; requestNumber: number } | undefined;
}

export type RecordTypeName = keyof typeof recordType;

export const keyHeadBytesMax = 64;
export const valueHeadBytesMax = 32;

/** The directory with the segments: `path` itself, or the `wal` in a server's data directory. */
export function locateLog(fileSystem: FileSystem, path: string): string {
  if (!fileSystem.exists(path)) {
    throw new HoldfastError("NO_LOG", `Cannot read a log in ${path}: there is no such directory`);
  }
  const names = fileSystem.list(path);
  const { segments, unfinished, torn, foreign } = listDirectory(fileSystem, path);
  const ours = segments.length + unfinished.length + torn.length;
  if (ours > 0 || names.includes(lockName)) return path;
  if (names.includes("wal")) return join(path, "wal");
  if (foreign.length === 0) return path;
  throw new HoldfastError(
    "NO_LOG",
    `Cannot read a log in ${path}: it holds neither segments (000000000001.wal, …) nor a directory "wal"; ` +
      `name the data directory of a server, or that of a log`,
  );
}

/**
 * A survey of a log that may be in use. While it is read, a group may be half written, or a segment may go because
 * it was truncated; then it is read once more, for such a sight passes and damage stays.
 */
function surveyCalmly(fileSystem: FileSystem, directory: string): LogSurvey {
  let survey = surveyLog(fileSystem, directory);
  for (let attempt = 1; attempt < attemptsMax && survey.verdict.kind !== "clean"; attempt++) {
    if (ownerOf(fileSystem, directory) === undefined) break;
    survey = surveyLog(fileSystem, directory);
  }
  return survey;
}

const attemptsMax = 4;

function toReport(fileSystem: FileSystem, directory: string, survey: LogSurvey): LogReport {
  const { segments } = survey;
  const sum = (count: (segment: (typeof segments)[number]) => number) =>
    segments.reduce((total, segment) => total + count(segment), 0);
  return {
    directory,
    inUseBy: ownerOf(fileSystem, directory),
    verdict: survey.verdict,
    segments: segments.length,
    groups: sum((segment) => segment.walk.groupCount),
    records: sum((segment) => segment.walk.lastSeq - segment.header.firstSeq + 1),
    bytes: sum((segment) => segment.fileBytes),
    floorSeq: survey.floorSeq,
    lastSeq: survey.lastSeq,
  };
}

/**
 * The process that the lock file names, if it lives. It may be another one that got its number later, so this is
 * good for a remark and for a second look only. Trying the lock itself would be certain, and would make a server
 * that starts in this moment fail.
 */
function ownerOf(fileSystem: FileSystem, directory: string): number | undefined {
  const path = join(directory, lockName);
  if (!fileSystem.exists(path)) return undefined;
  const pid = decodeHolder(readFile(fileSystem, path));
  if (pid === undefined || pid === process.pid) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other refusal (EPERM) comes from a process that is there.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  return pid;
}

function* dumpSegment(
  fileSystem: FileSystem,
  directory: string,
  number: number,
  bytesMax: number | undefined,
  floorSeq: number,
): Generator<DumpEntry, void, void> {
  const file = join(directory, segmentName(number));
  const unreadable = (offset: number, bytes: number, problem: string): DumpEntry => ({
    kind: "unreadable",
    file,
    offset,
    bytes,
    problem,
  });
  let bytes: Buffer;
  try {
    bytes = readFile(fileSystem, file).subarray(0, bytesMax);
  } catch (error) {
    yield unreadable(0, 0, `it can't be read: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  const decoded = decodeSegmentHeader(bytes);
  if ("problem" in decoded) {
    yield unreadable(0, bytes.length, decoded.problem);
    return;
  }
  const { header, checksum } = decoded;
  yield { kind: "segment", file, bytes: bytes.length, header, checksum };

  const groups: GroupHeader[] = [];
  const walk = walkSegment(bytes, header, checksum, (group) => groups.push(group));
  for (const group of groups) yield* dumpGroup(bytes, group, floorSeq);
  if (walk.problem === undefined) return;
  yield unreadable(walk.end, bytes.length - walk.end, walk.problem);
  yield* strayGroups(bytes, header, walk.end);
}

function* dumpGroup(
  bytes: Buffer,
  group: GroupHeader,
  floorSeq: number,
): Generator<GroupEntry | RecordEntry, void, void> {
  const payloadStart = group.offset + groupHeaderBytes;
  const payloadEnd = payloadStart + group.payloadBytes;
  const checksum = groupChecksum(bytes, group.offset);
  yield { kind: "group", group, bytes: payloadEnd - group.offset, checksum };

  const cursor = new RecordCursor();
  cursor.open(bytes, payloadStart, payloadEnd, group.firstSeq);
  while (cursor.next()) {
    const { keyStart, keyEnd, valueStart, valueEnd, expiresAtMs, sessionStart, requestNumber } = cursor;
    yield {
      kind: "record",
      offset: cursor.recordStart,
      bytes: valueEnd - cursor.recordStart,
      seq: cursor.seq,
      type: typeNames.get(cursor.type)!,
      inBatch: (cursor.flags & recordFlag.inBatch) !== 0,
      isTruncated: cursor.commitSeq <= floorSeq,
      keyBytes: keyEnd - keyStart,
      keyHead: copyOf(bytes, keyStart, Math.min(keyEnd, keyStart + keyHeadBytesMax)),
      valueBytes: valueEnd - valueStart,
      valueHead: copyOf(bytes, valueStart, Math.min(valueEnd, valueStart + valueHeadBytesMax)),
      expiresAtMs: expiresAtMs > 0 ? expiresAtMs : undefined,
      session:
        sessionStart > 0 ? { id: copyOf(bytes, sessionStart, sessionStart + 16), requestNumber } : undefined,
    };
  }
}

const typeNames = new Map<number, RecordTypeName>(
  Object.entries(recordType).map(([name, type]) => [type, name as RecordTypeName]),
);

function* strayGroups(bytes: Buffer, header: SegmentHeader, after: number): Generator<DumpEntry, void, void> {
  const seed = saltSeed(header.salt);
  let at = after - 1;
  while ((at = bytes.indexOf(groupMagicBytes, at + 1)) !== -1) {
    const group = decodeGroupHeader(bytes, at, seed);
    if (group !== undefined) yield { kind: "stray", group, checksum: groupChecksum(bytes, at) };
  }
}

/** Not a view: it would keep the whole segment in memory. */
function copyOf(bytes: Buffer, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}
