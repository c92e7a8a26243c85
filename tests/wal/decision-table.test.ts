import { describe, expect, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Fault } from "../../src/vfs/fault.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import { WalCorruptionError } from "../../src/wal/write-ahead-log.ts";
import { expectSameFiles, writeSegments } from "./damaged-log.ts";
import {
  diskWith,
  filesOf,
  groupOffsets,
  segmentsOf,
  withBitFlipped,
  withFile,
  type Files,
} from "./disk-files.ts";
import { logDirectory, openTestLog, put, rejectionOf } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

/** The rows of the table in src/wal/survey.ts, which src/wal/README.md explains. */

const written = await writeSegments();
const names = segmentsOf(written);
const [one, two, last] = [names[0]!, names[1]!, names.at(-1)!];
const bytesOf = (name: string, files = written) => files.get(name)!;

/** A log that was truncated through part of it: the first segments are gone, and rightly so. */
async function truncatedLog(): Promise<Files> {
  const disk = await diskWith(written);
  const log = await openTestLog(disk, { segmentBytesMax: 480 });
  await log.truncate(6);
  await log.append(put("after", "truncation"));
  return filesOf(disk);
}

/** A log of one segment whose only group is sealed, or not. */
async function oneGroup(isSealed: boolean): Promise<Files> {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const log = await openTestLog(disk, { clock });
  await log.append(put("k", "v"));
  await settle();
  clock.advance(isSealed ? 50 : 0);
  await settle();
  return filesOf(disk);
}

/** Written in mode "none": a sync() vouches for the first group, and nothing for the other three. */
async function partlySynced(): Promise<Files> {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { syncMode: "none" });
  await log.append(put("synced", "1"));
  await log.sync();
  for (const key of ["a", "b", "c"]) await log.append(put(key, "2"));
  return filesOf(disk);
}

const flipGroup = (files: Files, name: string, group: number): Files => {
  const bytes = bytesOf(name, files);
  return withFile(files, name, withBitFlipped(bytes, groupOffsets(bytes).at(group)! + 60, 0));
};

interface Row {
  readonly row: string;
  readonly found: string;
  readonly files: () => Files | Promise<Files>;
  readonly verdict: "clean" | "torn" | "corrupt";
  readonly says?: string;
  readonly fault?: Fault;
}

const rows: Row[] = [
  { row: "A", found: "no segment at all", files: () => new Map(), verdict: "clean" },
  {
    row: "A",
    found: "only what a first boot left unfinished",
    files: () => new Map([["000000000001.wal.tmp", Buffer.from("HOLD")]]),
    verdict: "clean",
  },
  {
    row: "B",
    found: "a foreign file",
    files: () => withFile(written, "notes.txt", Buffer.from("x")),
    verdict: "corrupt",
    says: "no log writes a file of this name",
  },
  {
    row: "C",
    found: "a segment that can't be opened",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: EACCES",
    fault: { kind: "openRead", path: two, at: 1, sticky: true, error: "EACCES" },
  },
  {
    row: "C",
    found: "a segment that can't be read to its end",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: EIO",
    fault: { kind: "read", path: last, at: 1, sticky: true, error: "EIO" },
  },
  {
    row: "C",
    found: "a segment of which less is read than it has",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: only 0 of its",
    fault: { kind: "read", path: one, at: 1, sticky: true, bytes: 0 },
  },
  {
    row: "D",
    found: "a bad header",
    files: () => withFile(written, two, withBitFlipped(bytesOf(two), 50, 3)),
    verdict: "corrupt",
    says: "the checksum of its header does not match",
  },
  {
    row: "D",
    found: "a header of zeros, in the last segment too",
    files: () => withFile(written, last, Buffer.alloc(300)),
    verdict: "corrupt",
    says: "it does not begin as a segment does",
  },
  {
    row: "D",
    found: "a number that is not the name's",
    files: () => withFile(written, two, bytesOf(one)),
    verdict: "corrupt",
    says: "its header says segment 1",
  },
  {
    row: "E",
    found: "a segment of another store",
    files: async () => withFile(written, last, (await writeSegments(2)).get(last)),
    verdict: "corrupt",
    says: "it belongs to another store",
  },
  {
    row: "F",
    found: "a missing segment with records above the floor",
    files: () => withFile(written, two, undefined),
    verdict: "corrupt",
    says: "the segment is missing, with records up to seq",
  },
  { row: "F, not", found: "missing segments below the floor", files: truncatedLog, verdict: "clean" },
  {
    row: "F, not",
    found: "a leftover before a gap, both below the floor",
    files: async () => withFile(await truncatedLog(), one, bytesOf(one)),
    verdict: "clean",
  },
  {
    row: "G",
    found: "a bad group in a segment with a successor",
    files: () => flipGroup(written, two, 0),
    verdict: "corrupt",
    says: "a later segment vouches for this one",
  },
  {
    row: "G",
    found: "bytes behind the last group of a segment with a successor",
    files: () => withFile(written, one, Buffer.concat([bytesOf(one), Buffer.alloc(3, "x")])),
    verdict: "corrupt",
    says: "a later segment vouches for this one",
  },
  {
    row: "H",
    found: "a segment that has zeros behind its end",
    files: () => withFile(written, one, Buffer.concat([bytesOf(one), Buffer.alloc(3)])),
    verdict: "corrupt",
    says: "where its successor says",
  },
  {
    row: "H",
    found: "a segment that ends too early, with a group",
    files: () => withFile(written, one, bytesOf(one).subarray(0, groupOffsets(bytesOf(one)).at(-1))),
    verdict: "corrupt",
    says: "where its successor says",
  },
  {
    row: "I",
    found: "a bad group in the last segment, with groups behind it",
    files: () => flipGroup(written, last, 0),
    verdict: "corrupt",
    says: "was synced",
  },
  {
    row: "I",
    found: "a bad last group of records, with a seal behind it",
    files: async () => flipGroup(await oneGroup(true), one, 0),
    verdict: "corrupt",
    says: "was synced",
  },
  {
    row: "I",
    found: 'a bad group that was synced, in mode "none"',
    files: async () => flipGroup(await partlySynced(), one, 0),
    verdict: "corrupt",
    says: "was synced",
  },
  {
    row: "J",
    found: 'a bad group that was not synced, in mode "none", with whole ones behind it',
    files: async () => flipGroup(await partlySynced(), one, 1),
    verdict: "torn",
    says: "the checksum of its payload does not match",
  },
  {
    row: "J",
    found: "a bad last group without a seal",
    files: async () => flipGroup(await oneGroup(false), one, 0),
    verdict: "torn",
    says: "the checksum of its payload does not match",
  },
  {
    row: "J",
    found: "half a group",
    files: () => withFile(written, last, bytesOf(last).subarray(0, -5)),
    verdict: "torn",
    says: "the file ends 5 bytes before the group does",
  },
  {
    row: "J",
    found: "zeros behind the last group, and something behind them",
    files: () => withFile(written, last, Buffer.concat([bytesOf(last), Buffer.alloc(77), Buffer.from("x")])),
    verdict: "torn",
    says: "no group's header is there",
  },
  {
    row: "K",
    found: "zeros behind the last group",
    files: () => withFile(written, last, Buffer.concat([bytesOf(last), Buffer.alloc(77)])),
    verdict: "clean",
  },
  { row: "K", found: "every byte accounted for", files: () => written, verdict: "clean" },
  { row: "K", found: "a sealed log", files: () => oneGroup(true), verdict: "clean" },
  {
    row: "K",
    found: "tails that earlier repairs cut off",
    files: () => withFile(written, "000000000001-96.torn", Buffer.from("x")),
    verdict: "clean",
  },
];

describe("recovery decides", () => {
  test.each(rows)("row $row: $found is $verdict", async ({ files: makeFiles, verdict, says, fault }) => {
    const files = await makeFiles();
    const disk = await diskWith(files);
    const fileSystem = new FailingFileSystem(disk, { faults: fault === undefined ? [] : [fault] });
    const survey = surveyLog(fileSystem, logDirectory);
    expect(survey.verdict.kind).toBe(verdict);
    // A survey changes nothing, whatever it finds.
    expectSameFiles(filesOf(disk), files);

    if (survey.verdict.kind === "corrupt") {
      fileSystem.heal();
      if (fault !== undefined) fileSystem.inject(fault);
      const error = await rejectionOf(openTestLog(fileSystem));
      expect(error).toBeInstanceOf(WalCorruptionError);
      expect(error.message).toContain(says!);
      expect(error.message).toBe(survey.verdict.error.message);
      expectSameFiles(filesOf(disk), files);
      return;
    }
    if (survey.verdict.kind === "torn") expect(survey.verdict.problem).toContain(says!);
    const log = await openTestLog(fileSystem);
    expect(log.tornFile !== undefined).toBe(verdict === "torn");
    expect(log.currentSeq).toBe(survey.lastSeq);
    const left = filesOf(disk);
    for (const name of left.keys()) expect(name).toMatch(/\.(wal|torn)$/);
    expect(surveyLog(disk, logDirectory)).toMatchObject({ verdict: { kind: "clean" }, leftovers: [] });
  });

  test("every row of the table has a test", () => {
    expect([...new Set(rows.map(({ row }) => row[0]))].join("")).toBe("ABCDEFGHIJK");
  });
});
