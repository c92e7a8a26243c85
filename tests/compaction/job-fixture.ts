import { join } from "node:path";
import type {
  FlushJob,
  InputTable,
  JobOutput,
  MergeJob,
  SealedSegmentPlace,
} from "../../src/compaction/job.ts";
import type { KeyRange } from "../../src/compaction/levels.ts";
import { crc32c } from "../../src/lib/crc32c.ts";
import { randomBytes, seededRandom } from "../../src/lib/random.ts";
import { tableName } from "../../src/table/table-format.ts";
import type { TableSummary } from "../../src/table/table-summary.ts";
import { type FileSystem, readFile, writeFully } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import {
  commitValueBytes,
  groupHeaderBytes,
  recordFlag,
  recordType,
  segmentHeaderBytes,
} from "../../src/wal/format.ts";
import { encodeGroupHeader, saltSeed } from "../../src/wal/group-header.ts";
import { encodeRecordHeader, recordBytes } from "../../src/wal/record.ts";
import { encodeSegmentHeader } from "../../src/wal/segment-header.ts";
import { readNaively, type NaiveEntry } from "../table/naive-table.ts";

export const storeId = randomBytes(seededRandom(7), 16);
export const hashSeed = 0xfeed_beef;
export const directory = "/tables";
export const logDirectory = "/wal";

export interface Operation {
  key: Buffer;
  /** Undefined: a delete. */
  value: Buffer | undefined;
}

export function put(key: string | Buffer, value: string | Buffer): Operation {
  return { key: Buffer.from(key as string), value: Buffer.from(value as string) };
}

export function del(key: string | Buffer): Operation {
  return { key: Buffer.from(key as string), value: undefined };
}

/** A disk with the directories of a store. */
export function emptyDisk(): MemoryFileSystem {
  const disk = new MemoryFileSystem();
  disk.makeDirectory(directory);
  disk.makeDirectory(logDirectory);
  return disk;
}

/** One group of a segment: single operations, and batches as arrays. */
export type GroupContent = readonly (Operation | readonly Operation[])[];

/** The bytes of a sealed segment with these groups, as the log would have written them. */
export function segmentBytes(
  number: number,
  firstSeq: number,
  groups: readonly GroupContent[],
): SegmentContent {
  const bytes = Buffer.alloc(
    segmentHeaderBytes + groups.reduce((sum, group) => sum + bytesOfGroup(group), 0),
  );
  const salt = randomBytes(seededRandom(number), 8);
  const predecessor = { number: number - 1, lastSeq: firstSeq - 1, bytes: 100, lastChecksum: 1 };
  const header = { storeId, number, firstSeq, floorSeq: 0, salt, predecessor };
  let previousChecksum = encodeSegmentHeader(bytes, header);
  let at = segmentHeaderBytes;
  let seq = firstSeq;
  for (const group of groups) {
    const offset = at;
    at += groupHeaderBytes;
    const groupFirstSeq = seq;
    for (const item of group) {
      const operations = Array.isArray(item) ? (item as Operation[]) : [item as Operation];
      const flags = Array.isArray(item) ? recordFlag.inBatch : 0;
      for (const operation of operations) {
        at = appendRecord(bytes, at, operation, flags);
        seq++;
      }
      if (flags === 0) continue;
      const valueStart = encodeRecordHeader(bytes, at, recordType.commit, flags, 0, commitValueBytes);
      bytes.writeUInt32BE(operations.length, valueStart);
      at = valueStart + commitValueBytes;
      seq++;
    }
    const payload = bytes.subarray(offset + groupHeaderBytes, at);
    const fields = {
      recordCount: seq - groupFirstSeq,
      payloadBytes: payload.length,
      payloadChecksum: payload.length === 0 ? 0 : crc32c(payload),
      offset,
      firstSeq: groupFirstSeq,
      floorSeq: 0,
      durableThrough: offset,
      previousChecksum,
    };
    previousChecksum = encodeGroupHeader(bytes, fields, saltSeed(salt));
  }
  return { bytes, number, firstSeq, lastSeq: seq - 1 };
}

export interface SegmentContent {
  bytes: Buffer;
  number: number;
  firstSeq: number;
  lastSeq: number;
}

function bytesOfGroup(group: GroupContent): number {
  let bytes = groupHeaderBytes;
  for (const item of group) {
    for (const { key, value } of [item].flat() as Operation[])
      bytes += recordBytes(0, key.length, value?.length ?? 0);
    if (Array.isArray(item)) bytes += recordBytes(0, 0, commitValueBytes);
  }
  return bytes;
}

function appendRecord(bytes: Buffer, at: number, { key, value }: Operation, flags: number): number {
  const type = value === undefined ? recordType.delete : recordType.put;
  const keyStart = encodeRecordHeader(bytes, at, type, flags, key.length, value?.length ?? 0);
  key.copy(bytes, keyStart);
  value?.copy(bytes, keyStart + key.length);
  return keyStart + key.length + (value?.length ?? 0);
}

/** Puts a segment on a disk; `under` is the directory that the log's is in. */
export function writeSegment(
  fileSystem: FileSystem,
  content: SegmentContent,
  under = "",
): SealedSegmentPlace {
  const { number, firstSeq, lastSeq, bytes } = content;
  const path = join(under, logDirectory, `${number}.wal`);
  const file = fileSystem.create(path);
  writeFully(file, bytes, 0);
  file.close();
  return { path, number, bytes: bytes.length, firstSeq, lastSeq };
}

export const output: JobOutput = {
  directory,
  storeId,
  hashSeed,
  firstTableNumber: 1,
  tableNumbersMax: 1000,
  tableBytesMax: 1 << 20,
  snapshots: [],
  bytesPerSecondMax: 0,
  diskFreeBytesMin: 0,
};

export function flushJob(segment: SealedSegmentPlace, changed: Partial<JobOutput> = {}): FlushJob {
  return { kind: "flush", isUrgent: true, ...output, ...changed, segment };
}

export function mergeJob(
  runs: readonly (readonly InputTable[])[],
  changed: Partial<Omit<MergeJob, "kind" | "runs">> = {},
): MergeJob {
  return {
    kind: "merge",
    ...output,
    deeper: [],
    grandparents: [],
    grandparentBytesMax: Infinity,
    ...changed,
    runs,
  };
}

/** What a reader that shares no code with ours finds in these tables, which it judges on the way. */
export function entriesOf(
  fileSystem: FileSystem,
  tables: readonly Pick<TableSummary, "number">[],
  under = directory,
): NaiveEntry[] {
  return tables.flatMap(
    ({ number }) => readNaively(readFile(fileSystem, join(under, tableName(number)))).entries,
  );
}

/** An entry as a line that is easy to compare: `key@version=value`, or `key@version deleted`. */
export function lineOf({ key, version, isTombstone, value }: NaiveEntry): string {
  return `${key.toString("latin1")}@${version}${isTombstone ? " deleted" : `=${value.toString("latin1")}`}`;
}

export function linesOf(fileSystem: FileSystem, tables: readonly Pick<TableSummary, "number">[]): string[] {
  return entriesOf(fileSystem, tables).map(lineOf);
}

export function range(firstKey: string | Buffer, lastKey: string | Buffer): KeyRange {
  return {
    firstKey: new Uint8Array(Buffer.from(firstKey as string)),
    lastKey: new Uint8Array(Buffer.from(lastKey as string)),
  };
}
