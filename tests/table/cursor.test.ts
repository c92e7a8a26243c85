import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BlockCache } from "../../src/table/block-cache.ts";
import { TableCorruptionError } from "../../src/table/errors.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { readNaively } from "./naive-table.ts";
import { check } from "./property.ts";
import {
  anyLimit,
  anyTable,
  backward,
  begin,
  caught,
  diskWith,
  expectedScan,
  forward,
  get,
  keyNear,
  lines,
  newest,
  openReader,
  plainEntries,
  scan,
  shown,
  versionsOf,
  visible,
  withBadSector,
  type Seek,
} from "./reading-fixture.ts";
import { entry, tablePath, writeTable, type TestEntry } from "./table-fixture.ts";

const directions = [
  ["forward", forward],
  ["in reverse", backward],
] as const;

function readsSince(disk: FailingFileSystem, call: number): number {
  return disk.calls.slice(call).filter(({ kind }) => kind === "read").length;
}

describe("a table's cursor", () => {
  test("shows what a sorted array shows, from any key, either way, at any version", async () => {
    const runs = anyTable.chain((entries) => {
      const seek: fc.Arbitrary<Seek> = fc.record({
        from: fc.option(keyNear(entries), { nil: undefined }),
        reverse: fc.boolean(),
        inclusive: fc.boolean(),
        versionMax: anyLimit,
      });
      // How far each scan goes, and which keys are looked up meanwhile, so that the cache has some of the blocks.
      const step = fc.tuple(seek, fc.constantFrom(0, 1, 3, Infinity), keyNear(entries));
      const steps = fc.array(step, { minLength: 1, maxLength: 12, size: "max" });
      return fc.tuple(fc.constant(entries), fc.constantFrom(0, 4096, 5 * 4096), steps);
    });
    await check(runs, 300, async ([entries, cacheBytes, steps]) => {
      const cache = new BlockCache(cacheBytes);
      const reader = openReader(diskWith((await writeTable(entries)).bytes), cache);
      const cursor = reader.cursor();
      for (const [seek, entriesMax, key] of steps) {
        const expected = expectedScan(entries, seek).slice(0, Math.max(1, entriesMax));
        expect(lines(scan(cursor, seek, entriesMax))).toEqual(lines(expected));
        get(reader, key);
      }
      cache.assertInvariants();
    });
  });

  for (const [name, seek] of directions) {
    test(`shows one version a key where versions fill several blocks, ${name}`, async () => {
      const entries = [
        ...versionsOf("key", 30),
        ...versionsOf("more", 30).slice(1, -1),
        ...versionsOf("next", 9).slice(1, -1),
      ].sort((a, b) => Buffer.compare(a.key, b.key) || b.version - a.version);
      const reader = openReader(diskWith((await writeTable(entries)).bytes), new BlockCache(0));
      const cursor = reader.cursor();
      for (let versionMax = 0; versionMax <= 310; versionMax++) {
        for (const from of [undefined, "key", "l", "more", "next"]) {
          for (const inclusive of [true, false]) {
            const at = {
              ...seek,
              versionMax,
              inclusive,
              from: from === undefined ? from : Buffer.from(from),
            };
            expect(lines(scan(cursor, at))).toEqual(lines(expectedScan(entries, at)));
          }
        }
      }
    });

    test(`walks over keys of the greatest length and over large values, ${name}`, async () => {
      const long = (last: number) => Buffer.concat([Buffer.alloc(65_534, 0x6b), Buffer.from([last])]);
      const entries = [
        entry("a", 1, ""),
        ...plainEntries(100),
        ...[1, 2, 3, 200].map((last) => entry(long(last), last, Buffer.alloc(last * 10, last))),
        entry("l", 5, Buffer.alloc(3_000_000, 5)),
        entry("m", 6, "small"),
        entry("n", 7, Buffer.alloc(5000, 7)),
      ];
      const reader = openReader(diskWith((await writeTable(entries)).bytes));
      const cursor = reader.cursor();
      for (let round = 0; round < 2; round++) {
        expect(lines(scan(cursor, seek))).toEqual(lines(expectedScan(entries, seek)));
      }
    });

    test(`stays at its end, ${name}, until it is told to seek`, async () => {
      const entries = plainEntries(100);
      const reader = openReader(diskWith((await writeTable(entries)).bytes));
      const cursor = reader.cursor();
      expect(cursor.next()).toBe(false);
      scan(cursor, seek);
      for (let attempt = 0; attempt < 3; attempt++) expect(cursor.next()).toBe(false);
      // A seek beyond the last, after one that left the cursor in the middle.
      scan(cursor, seek, 5);
      const from = Buffer.from(seek.reverse ? "a" : "z");
      expect(begin(cursor, { ...seek, from })).toBe(false);
      expect(cursor.next()).toBe(false);
      scan(cursor, seek, 5);
      expect(begin(cursor, { ...seek, versionMax: 0 })).toBe(false);
      expect(cursor.next()).toBe(false);
      expect(begin(cursor, { ...seek, from: Buffer.from("key"), versionMax: 0 })).toBe(false);
      expect(cursor.next()).toBe(false);
      expect(scan(cursor, seek)).toHaveLength(100);
    });

    test(`reads ahead the further it goes, and one block for a short scan, ${name}`, async () => {
      const { bytes } = await writeTable(plainEntries(2000));
      const disk = new FailingFileSystem(diskWith(bytes));
      const reader = openReader(disk, new BlockCache(0));
      const cursor = reader.cursor();
      const opened = disk.calls.length;
      scan(cursor, seek, 5);
      expect(readsSince(disk, opened)).toBe(1);
      expect(disk.calls.at(-1)!.length).toBeLessThanOrEqual(4096);
      scan(cursor, seek);
      // 58 blocks: 1, 2, 4, and then all that fit into 32 KiB.
      expect(readsSince(disk, opened)).toBeLessThanOrEqual(2 + 3 + 58 / 7);
      expect(Math.max(...disk.calls.slice(opened).map(({ length }) => length ?? 0))).toBeLessThanOrEqual(
        32_768,
      );
      expect(cursor.memoryBytes).toBeLessThan(64 * 1024);
    });

    test(`takes blocks from the cache, ${name}, and leaves it as it was`, async () => {
      const entries = plainEntries(1000);
      const { bytes } = await writeTable(entries);
      const disk = new FailingFileSystem(diskWith(bytes));
      const cache = new BlockCache(10 * 4096);
      const reader = openReader(disk, cache);
      const hot = entries.filter((_, index) => index % 130 === 0).map(({ key }) => key);
      for (const key of hot) get(reader, key);
      const { hits, misses } = cache;
      const warm = disk.calls.length;
      for (let round = 0; round < 5; round++) {
        for (const from of hot) expect(scan(reader.cursor(), { ...seek, from }, 1)).toHaveLength(1);
      }
      expect(readsSince(disk, warm)).toBe(0);
      expect(lines(scan(reader.cursor(), seek))).toEqual(lines(expectedScan(entries, seek)));
      expect(cache).toMatchObject({ hits, misses });
      const scanned = disk.calls.length;
      for (const key of hot) expect(get(reader, key)).toBeDefined();
      expect(readsSince(disk, scanned)).toBe(0);
    });

    test(`is not stopped by a block that can't be read, ${name}, before it comes there`, async () => {
      const entries = plainEntries(2000);
      const { bytes } = await writeTable(entries);
      const { blocks } = readNaively(bytes);
      const { offset } = blocks[30]!;
      const reader = openReader(withBadSector(diskWith(bytes), offset + 50), new BlockCache(0));
      const cursor = reader.cursor();
      let seen = 0;
      const walk = () => {
        for (let more = begin(cursor, seek); more; more = cursor.next()) seen++;
      };
      expect(caught(walk)).toMatchObject({ code: "TABLE_CORRUPT", offset });
      const before = seek.reverse ? blocks.slice(31) : blocks.slice(0, 30);
      expect(seen).toBe(before.flatMap((block) => block.entries).length);
    });

    test(`that met damage wants a new seek, ${name}`, async () => {
      const { bytes } = await writeTable(plainEntries(300));
      const disk = new FailingFileSystem(diskWith(bytes));
      const reader = openReader(disk, new BlockCache(0));
      const cursor = reader.cursor();
      expect(begin(cursor, seek)).toBe(true);
      disk.inject({ kind: "read", at: 1, sticky: true, error: "EIO" });
      const walk = () => {
        while (cursor.next());
      };
      expect(walk).toThrow(TableCorruptionError);
      expect(walk).toThrow("a cursor that met damage wants a new seek");
      disk.heal();
      expect(scan(cursor, seek)).toHaveLength(300);
    });
  }

  test("keeps what it shows, whatever is read meanwhile", async () => {
    const entries = plainEntries(1000);
    const cache = new BlockCache(4096);
    const reader = openReader(diskWith((await writeTable(entries)).bytes), cache);
    // Ten cursors that take turns, beside look-ups that push each other's block out of the only slot.
    const cursors = Array.from({ length: 10 }, (_, index) => {
      const from = entries[index * 100]!.key;
      get(reader, from);
      const cursor = reader.cursor();
      expect(begin(cursor, { ...forward, from })).toBe(true);
      return cursor;
    });
    for (let step = 0; step < 90; step++) {
      for (const [index, cursor] of cursors.entries()) {
        expect(lines([shown(cursor)])).toEqual(lines([entries[index * 100 + step]]));
        get(reader, entries[(index * 317 + step * 41) % 1000]!.key);
        expect(cursor.next()).toBe(true);
      }
    }
  });

  test("gives the memory of a large value back when it is released, and goes on after a seek", async () => {
    const entries = [entry("a", 1, Buffer.alloc(8_000_000, 1)), ...plainEntries(10)];
    const reader = openReader(diskWith((await writeTable(entries)).bytes));
    const cursor = reader.cursor();
    expect(begin(cursor, forward)).toBe(true);
    expect(cursor.memoryBytes).toBeGreaterThan(8_000_000);
    cursor.release();
    expect(cursor.memoryBytes).toBeLessThan(100_000);
    expect(cursor.next()).toBe(false);
    expect(lines(scan(cursor, forward))).toEqual(lines(entries));
  });

  test("reads a block once for as many seeks as it likes", async () => {
    const entries = plainEntries(30);
    const disk = diskWith((await writeTable(entries)).bytes);
    const cursor = openReader(disk, new BlockCache(0)).cursor();
    expect(begin(cursor, forward)).toBe(true);
    // From now on the file has nothing that could be read.
    disk.open(tablePath).truncate(0);
    for (const { key } of entries) {
      for (const reverse of [false, true]) {
        for (const versionMax of [newest, Infinity, 30]) {
          const seek = { from: key, reverse, inclusive: true, versionMax };
          expect(lines(scan(cursor, seek, 1))).toEqual(lines(expectedScan(entries, seek).slice(0, 1)));
        }
      }
    }
    const old = { ...forward, versionMax: 3 };
    expect(lines(scan(cursor, old))).toEqual(lines(expectedScan(entries, old)));
  });

  test("reads nothing of a table that is too new", async () => {
    const entries = plainEntries(1000).slice(100);
    const { bytes } = await writeTable(entries, { versionMin: 101 });
    const disk = new FailingFileSystem(diskWith(bytes));
    const cursor = openReader(disk, new BlockCache(0)).cursor();
    const opened = disk.calls.length;
    for (const seek of [forward, backward, { ...forward, from: entries[50]!.key }]) {
      expect(scan(cursor, { ...seek, versionMax: 100 })).toEqual([]);
    }
    expect(readsSince(disk, opened)).toBe(0);
    expect(scan(cursor, { ...forward, versionMax: 101 })).toHaveLength(1);
  });

  test("shows tombstones, and passes over keys that are too new", async () => {
    const entries: TestEntry[] = [entry("a", 9, "new"), entry("b", 3), entry("c", 8), entry("c", 2, "old")];
    const reader = openReader(diskWith((await writeTable(entries)).bytes));
    expect(lines(scan(reader.cursor(), { ...forward, versionMax: 5 }))).toEqual(lines(visible(entries, 5)));
    expect(visible(entries, 5).map(({ version }) => version)).toEqual([3, 2]);
  });
});
