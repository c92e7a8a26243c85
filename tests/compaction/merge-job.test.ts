import { describe, expect, test } from "bun:test";
import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import type { JobResult, MergeJob } from "../../src/compaction/job.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { seededRandom, randomBelow } from "../../src/lib/random.ts";
import type { TableSummary } from "../../src/table/table-summary.ts";
import type { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { rejectionOf } from "../wal/log-fixture.ts";
import {
  del,
  emptyDisk,
  flushJob,
  linesOf,
  mergeJob,
  put,
  range,
  segmentBytes,
  writeSegment,
  type Operation,
} from "./job-fixture.ts";

/** A disk with one table for each list of operations, the oldest first, with every version for the merge to judge. */
async function tablesOf(
  ...lists: Operation[][]
): Promise<{ disk: MemoryFileSystem; tables: TableSummary[] }> {
  const disk = emptyDisk();
  const runner = new InlineRunner(disk, systemClock);
  const tables: TableSummary[] = [];
  let firstSeq = 1;
  for (const [index, operations] of lists.entries()) {
    const place = writeSegment(disk, segmentBytes(index + 1, firstSeq, [operations]));
    firstSeq += operations.length;
    const snapshots = Array.from({ length: firstSeq }, (_, seq) => seq);
    const job = flushJob(place, { snapshots, firstTableNumber: index + 1, tableBytesMax: 1e9 });
    tables.push(...(await runner.run(job)).tables);
  }
  return { disk, tables };
}

async function merge(
  lists: Operation[][],
  changed: Partial<MergeJob> = {},
): Promise<{ lines: string[]; result: JobResult }> {
  const { disk, tables } = await tablesOf(...lists);
  const runs = tables.toReversed().map((table) => [table]);
  const job = mergeJob(runs, { firstTableNumber: 100, ...changed });
  const result = await new InlineRunner(disk, systemClock).run(job);
  expect(result.entriesIn).toBe(tables.reduce((sum, table) => sum + table.entryCount, 0));
  expect(result.entriesOut + result.droppedVersions + result.droppedTombstones).toBe(result.entriesIn);
  expect(result.bytesRead).toBe(tables.reduce((sum, table) => sum + table.bytes, 0));
  return { lines: linesOf(disk, result.tables), result };
}

describe("a merge", () => {
  test("keeps the newest version of each key, whichever table has it", async () => {
    const { lines, result } = await merge([
      [put("a", "1"), put("b", "1"), put("c", "1")],
      [put("b", "2"), put("d", "2")],
      [put("a", "3"), put("e", "3")],
    ]);
    expect(lines).toEqual(["a@6=3", "b@4=2", "c@3=1", "d@5=2", "e@7=3"]);
    expect(result).toMatchObject({ droppedVersions: 2, droppedTombstones: 0 });
  });

  const history = [[put("a", "1"), put("a", "2")], [put("a", "3"), del("a")], [put("a", "5")]];
  const stripes: Record<string, { snapshots: number[]; lines: string[] }> = {
    "no snapshot": { snapshots: [], lines: ["a@5=5"] },
    "the newest state as a snapshot": { snapshots: [5], lines: ["a@5=5"] },
    "a snapshot of a value": { snapshots: [3], lines: ["a@5=5", "a@3=3"] },
    "a snapshot of an absence that nothing older contradicts": { snapshots: [4], lines: ["a@5=5"] },
    "snapshots of a value and of the absence after it": {
      snapshots: [2, 4],
      lines: ["a@5=5", "a@4 deleted", "a@2=2"],
    },
    "a snapshot before everything": { snapshots: [0], lines: ["a@5=5"] },
    "a snapshot of everything": {
      snapshots: [0, 1, 2, 3, 4, 5, 6],
      lines: ["a@5=5", "a@4 deleted", "a@3=3", "a@2=2", "a@1=1"],
    },
  };
  for (const [name, { snapshots, lines }] of Object.entries(stripes)) {
    test(`with ${name} keeps what can be seen`, async () => {
      expect((await merge(history, { snapshots })).lines).toEqual(lines);
    });
  }

  test("drops a tombstone only where no deeper table reaches", async () => {
    const deletes = ["a", "b", "c", "d", "e", "f", "g"].map((key) => del(key));
    const { lines, result } = await merge([deletes], {
      deeper: [
        [range("b", "b"), range("d", "dd")],
        [range("cc", "cd"), range("f", "z")],
      ],
    });
    expect(lines).toEqual(["b@2 deleted", "d@4 deleted", "f@6 deleted", "g@7 deleted"]);
    expect(result.droppedTombstones).toBe(3);
  });

  test("keeps a tombstone that is newer than a snapshot, because the snapshot may see what it hides", async () => {
    const { lines } = await merge([[put("a", "1")], [del("a"), del("b")]], { snapshots: [1] });
    expect(lines).toEqual(["a@2 deleted", "a@1=1", "b@3 deleted"]);
  });

  test("of which nothing is left makes no table", async () => {
    const { result } = await merge([
      [put("a", "1"), put("b", "1")],
      [del("a"), del("b")],
    ]);
    expect(result).toMatchObject({ tables: [], droppedVersions: 2, droppedTombstones: 2, bytesWritten: 0 });
  });

  test("tells keys apart that begin alike, also where only zeros differ", async () => {
    const keys = ["\0", "\0\0", "\0\0\0", "\0\0\0\0\0\0\0", "\0\0\0\0\0\0\0\0", "\0\x01"].map((key) =>
      Buffer.from(key, "latin1"),
    );
    const { lines } = await merge([keys.map((key) => put(key, "1")), keys.map((key) => put(key, "2"))]);
    expect(lines).toEqual(keys.map((key, index) => `${key.toString("latin1")}@${7 + index}=2`));
  });

  test("reads the tables of one run behind each other", async () => {
    const { disk, tables } = await tablesOf(
      [put("b", "1"), put("c", "1")],
      [put("e", "2")],
      [put("g", "3"), put("h", "3")],
      [put("a", "4"), put("c", "4"), put("f", "4"), put("i", "4")],
    );
    const job = mergeJob([[tables[3]!], tables.slice(0, 3)], { firstTableNumber: 9 });
    const result = await new InlineRunner(disk, systemClock).run(job);
    const lines = ["a@6=4", "b@1=1", "c@7=4", "e@3=2", "f@8=4", "g@4=3", "h@5=3", "i@9=4"];
    expect(linesOf(disk, result.tables)).toEqual(lines);
  });

  test("ends a table at its size, but never between two versions of a key", async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `key-${String(index).padStart(2, "0")}`);
    const lists = [1, 2, 3].map((round) => keys.map((key) => put(key, Buffer.alloc(400, round))));
    const snapshots = [30, 60];
    const { result } = await merge(lists, { snapshots, tableBytesMax: 2000 });
    expect(result.entriesOut).toBe(90);
    expect(result.tables.length).toBeGreaterThan(10);
    for (const { firstKey, lastKey, entryCount } of result.tables) {
      const [first, last] = [firstKey, lastKey].map((key) => keys.indexOf(Buffer.from(key).toString()));
      expect(entryCount).toBe((last! - first! + 1) * 3);
    }
  });

  test("ends a table before it overlaps too much of the level below the output", async () => {
    const keys = Array.from({ length: 26 }, (_, index) => String.fromCharCode(97 + index));
    const grandparents = keys.map((key) => ({ ...range(key, `${key}~`), bytes: 100 }));
    const { result } = await merge([keys.map((key) => put(key, "1"))], {
      grandparents,
      grandparentBytesMax: 500,
    });
    const ranges = result.tables.map(
      ({ firstKey, lastKey }) => `${Buffer.from(firstKey)}${Buffer.from(lastKey)}`,
    );
    expect(ranges).toEqual(["af", "gl", "mr", "sx", "yz"]);
  });

  test("stops at a damaged block, and names the table and the place", async () => {
    const random = seededRandom(5);
    const operations = Array.from({ length: 2000 }, () => put(`${random.uint32()}`, "value"));
    const { disk, tables } = await tablesOf(operations, [put("a", "1")]);
    const path = "/tables/000000000001.table";
    const at = 5000 + randomBelow(random, 10_000);
    const file = disk.open(path);
    const byte = Buffer.alloc(1);
    file.read(byte, at);
    file.write(Buffer.of(byte[0]! ^ 4), at);
    const job = mergeJob([[tables[1]!], [tables[0]!]], { firstTableNumber: 50, tableBytesMax: 4096 });
    const error = await rejectionOf(new InlineRunner(disk, systemClock).run(job));
    expect(error).toMatchObject({ code: "TABLE_CORRUPT", file: path });
    expect(Math.abs((error as { offset?: number }).offset! - at)).toBeLessThan(4096);
    expect(disk.list("/tables").sort()).toEqual(["000000000001.table", "000000000002.table"]);
  });
});
