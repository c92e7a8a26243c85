import { describe, expect, test } from "bun:test";
import { JobFailedError } from "../../src/compaction/errors.ts";
import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import type { JobOutput, SealedSegmentPlace } from "../../src/compaction/job.ts";
import { randomBytes, seededRandom } from "../../src/lib/random.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { rejectionOf } from "../wal/log-fixture.ts";
import {
  del,
  emptyDisk,
  flushJob,
  linesOf,
  put,
  segmentBytes,
  storeId,
  writeSegment,
  type GroupContent,
} from "./job-fixture.ts";

/** Flushes segment 5, whose records begin with seq 101, and says what is in its tables. */
async function flush(groups: readonly GroupContent[], changed: Partial<JobOutput> = {}, chunkBytes?: number) {
  const disk = emptyDisk();
  const place = writeSegment(disk, segmentBytes(5, 101, groups));
  const result = await new InlineRunner(disk, systemClock, chunkBytes).run(flushJob(place, changed));
  return { disk, result, lines: linesOf(disk, result.tables) };
}

describe("a flush", () => {
  test("writes the newest version of each key in the order of the keys, tombstones too", async () => {
    const { lines, result } = await flush([
      [put("b", "1"), put("a", "2")],
      [put("c", "3"), del("b"), put("a", "4")],
      [del("nothing")],
    ]);
    expect(lines).toEqual(["a@105=4", "b@104 deleted", "c@103=3", "nothing@106 deleted"]);
    expect(result).toMatchObject({ entriesIn: 6, entriesOut: 4, droppedVersions: 2, droppedTombstones: 0 });
    expect(result.tables).toMatchObject([{ number: 1, entryCount: 4, tombstoneCount: 2, versionMax: 106 }]);
  });

  test("gives all of a batch the version of its COMMIT, and of a key in it the last operation", async () => {
    const { lines } = await flush([[put("a", "0"), [put("b", "1"), put("a", "1"), del("b")], put("c", "2")]]);
    expect(lines).toEqual(["a@105=1", "b@105 deleted", "c@106=2"]);
  });

  test("keeps of each key what the snapshots see, and nothing else", async () => {
    const groups = [1, 2, 3, 4, 5, 6].map((value) => [put("a", `${value}`), put("b", `${value}`)]);
    groups.push([del("a"), del("a")]);
    const { lines, result } = await flush(groups, { snapshots: [50, 103, 104, 108, 500] });
    expect(lines).toEqual([
      "a@114 deleted",
      "a@107=4",
      "a@103=2",
      "b@112=6",
      "b@108=4",
      "b@104=2",
      "b@102=1",
    ]);
    expect(result.droppedVersions).toBe(14 - 7);
  });

  test("of a segment without records, or with seals only, makes no table", async () => {
    for (const groups of [[], [[], []]]) {
      const { disk, result } = await flush(groups);
      expect(result).toMatchObject({ tables: [], entriesIn: 0, bytesWritten: 0 });
      expect(disk.list("/tables")).toEqual([]);
    }
  });

  test("cuts its tables at the size that it is told, and never within a key", async () => {
    const groups = Array.from({ length: 40 }, (_, index) => [
      put(`key-${index % 20}`, Buffer.alloc(300, index)),
    ]);
    const snapshots = Array.from({ length: 20 }, (_, index) => 101 + index);
    const { disk, result } = await flush(
      groups,
      { snapshots, tableBytesMax: 1000, firstTableNumber: 7 },
      500,
    );
    expect(result.tables.length).toBeGreaterThan(5);
    expect(result.tables.map(({ number }) => number)).toEqual(result.tables.map((_, index) => 7 + index));
    let keyBefore = "";
    for (const { firstKey, lastKey, bytes } of result.tables) {
      expect(Buffer.from(firstKey).toString() > keyBefore).toBe(true);
      keyBefore = Buffer.from(lastKey).toString();
      expect(bytes).toBeLessThan(1000 + 2 * 400 + 600);
    }
    expect(result.entriesOut).toBe(40);
    const found = result.tables.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(result.bytesWritten).toBe(found);
    expect(Object.keys(disk.listAll()).filter((path) => path.endsWith(".tmp"))).toEqual([]);
  });

  test("takes keys and values of every length", async () => {
    const random = seededRandom(9);
    const operations = [1, 2, 15, 16, 17, 300, 4096, 65_535].map((length) =>
      put(Buffer.from(randomBytes(random, length)), Buffer.from(randomBytes(random, length * 3))),
    );
    const { result, lines } = await flush([operations]);
    expect(lines.length).toBe(operations.length);
    expect(result.entriesOut).toBe(operations.length);
  });
});

describe("a flush refuses, and names file and offset,", () => {
  const groups: GroupContent[] = [[put("a", "1")], [put("b", "2")], [put("c", "3")]];
  const content = () => segmentBytes(5, 101, groups);

  type Damage = (bytes: Buffer, place: SealedSegmentPlace) => void;
  const damages: Record<string, { damage: Damage; problem: RegExp; offset: number }> = {
    "a byte of its header": {
      damage: (bytes) => (bytes[20]! ^= 1),
      problem: /checksum of its header/,
      offset: 0,
    },
    "a byte of a group": {
      damage: (bytes) => (bytes[bytes.length - 1]! ^= 1),
      problem: /checksum of its payload/,
      offset: content().bytes.length - 66,
    },
    "zeros where its last group was": {
      damage: (bytes) => bytes.fill(0, bytes.length - 66),
      problem: /groups end here, 66 bytes before it was sealed/,
      offset: content().bytes.length - 66,
    },
    "another length": {
      damage: (_, place) => place.bytes++,
      problem: /sealed with/,
      offset: content().bytes.length,
    },
    "bytes behind its end": {
      damage: (_, place) => (place.bytes -= 66),
      problem: /it has \d+ bytes, where it was sealed with/,
      offset: content().bytes.length - 66,
    },
    "another last seq": {
      damage: (_, place) => place.lastSeq++,
      problem: /ends with seq 103, where it was sealed with seq 104/,
      offset: content().bytes.length,
    },
    "another segment": {
      damage: (_, place) => place.number++,
      problem: /it is segment 5 from seq 101 on/,
      offset: 0,
    },
    "another first seq": {
      damage: (_, place) => place.firstSeq++,
      problem: /from seq 102 on should/,
      offset: 0,
    },
    "a missing file": {
      damage: (_, place) => (place.path += "x"),
      problem: /can't be read: ENOENT/,
      offset: 0,
    },
  };

  for (const [name, { damage, problem, offset }] of Object.entries(damages)) {
    test(name, async () => {
      const disk = emptyDisk();
      const segment = content();
      const place = { ...writeSegment(disk, segment), path: "/wal/damaged" };
      damage(segment.bytes, place);
      const file = disk.create("/wal/damaged");
      file.write(segment.bytes, 0);
      const error = await rejectionOf(new InlineRunner(disk, systemClock).run(flushJob(place)));
      expect(error).toBeInstanceOf(JobFailedError);
      expect(error).toMatchObject({ code: "WAL_CORRUPT", file: place.path, offset });
      expect(error.message).toMatch(problem);
      expect(disk.list("/tables")).toEqual([]);
    });
  }

  test("a segment of another store", async () => {
    const disk = emptyDisk();
    const place = writeSegment(disk, content());
    const other = new Uint8Array(storeId).fill(1);
    const error = await rejectionOf(
      new InlineRunner(disk, systemClock).run(flushJob(place, { storeId: other })),
    );
    expect(error).toMatchObject({ code: "WAL_CORRUPT", file: place.path, offset: 0 });
  });

  test("any segment with one byte flipped", async () => {
    const { bytes } = content();
    for (let at = 0; at < bytes.length; at++) {
      const disk = emptyDisk();
      const place = writeSegment(disk, content());
      const file = disk.open(place.path);
      const flipped = Buffer.from(readFile(disk, place.path).subarray(at, at + 1));
      flipped[0]! ^= 1 << (at % 8);
      file.write(flipped, at);
      const error = await rejectionOf(new InlineRunner(disk, systemClock).run(flushJob(place)));
      expect({ at, code: error.code }).toEqual({ at, code: "WAL_CORRUPT" });
    }
  });
});

test("a second flush gets the buffer of the first, and another of its size if both run at once", async () => {
  const disk = emptyDisk();
  const runner = new InlineRunner(disk, systemClock);
  const places = [1, 2, 3].map((number) =>
    writeSegment(disk, segmentBytes(number, number * 100, [[put(`key-${number}`, "value")]])),
  );
  await runner.run(flushJob(places[0]!, { firstTableNumber: 1 }));
  const kept = runner.spareBytes;
  expect(kept).toBe(places[0]!.bytes);
  const both = [
    runner.run(flushJob(places[1]!, { firstTableNumber: 2 })),
    runner.run(flushJob(places[2]!, { firstTableNumber: 3 })),
  ];
  const results = await Promise.all(both);
  expect(results.map(({ tables }) => linesOf(disk, tables))).toEqual([
    ["key-2@200=value"],
    ["key-3@300=value"],
  ]);
  expect(runner.spareBytes).toBe(2 * kept);
});
