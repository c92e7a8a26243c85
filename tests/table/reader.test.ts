import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BlockCache } from "../../src/table/block-cache.ts";
import { TableCorruptionError } from "../../src/table/errors.ts";
import { TableReader } from "../../src/table/table-reader.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { writeFully } from "../../src/vfs/file-system.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { check } from "./property.ts";
import {
  anyLimit,
  anyTable,
  backward,
  caught,
  diskWith,
  expectedGet,
  forward,
  get,
  identity,
  keyNear,
  lines,
  newest,
  openReader,
  plainEntries,
  scan,
  versionsOf,
  visible,
} from "./reading-fixture.ts";
import { entry, tablePath, writeTable, type TestEntry } from "./table-fixture.ts";

async function readerOf(entries: TestEntry[], cache?: BlockCache): Promise<TableReader> {
  const { bytes } = await writeTable(entries);
  return openReader(diskWith(bytes), cache);
}

/** The reads of blocks since the table was opened. */
function readsOf(disk: FailingFileSystem, from: number): number {
  return disk.calls.slice(from).filter(({ kind }) => kind === "read").length;
}

describe("a table's reader", () => {
  test("finds what a sorted array finds, at every version, whatever the cache", async () => {
    const cacheBytes = fc.constantFrom(0, 4096, 3 * 4096, 1024 * 1024);
    const runs = anyTable.chain((entries) =>
      fc.tuple(fc.constant(entries), cacheBytes, fc.array(fc.tuple(keyNear(entries), anyLimit))),
    );
    await check(runs, 300, async ([entries, cacheBytes, gets]) => {
      const cache = new BlockCache(cacheBytes);
      const reader = await readerOf(entries, cache);
      const all: [Buffer, number][] = entries.map(({ key, version }) => [key, version]);
      for (const [key, limit] of [...all, ...gets]) {
        expect(lines([get(reader, key, limit)])).toEqual(lines([expectedGet(entries, key, limit)]));
      }
      cache.assertInvariants();
    });
  });

  test("finds everything in a file on the real disk", async () => {
    const entries = plainEntries(2000);
    const { bytes } = await writeTable(entries);
    using directory = temporaryDirectory();
    const path = `${directory.path}/000000000012.table`;
    const file = realFileSystem.create(path);
    writeFully(file, bytes, 0);
    file.close();
    const reader = openReader(realFileSystem, new BlockCache(64 * 1024), path);
    for (let round = 0; round < 2; round++) {
      for (const { key, version, value } of entries) {
        expect(get(reader, key)).toEqual({ key, version, value });
      }
    }
    expect(lines(scan(reader.cursor(), forward))).toEqual(lines(entries));
    expect(lines(scan(reader.cursor(), backward))).toEqual(lines([...entries].reverse()));
    reader.close();
  });

  test("finds each version of a key whose versions fill several blocks", async () => {
    const entries = versionsOf("key", 40);
    const reader = await readerOf(entries);
    for (let limit = 0; limit <= 410; limit++) {
      const key = Buffer.from("key");
      expect(lines([get(reader, key, limit)])).toEqual(lines([expectedGet(entries, key, limit)]));
    }
    // A key that is there in versions that are too new is no fault of the filter.
    expect(reader.filterFalse).toBe(0);
  });

  test("finds keys of the greatest length, and empty values beside large ones", async () => {
    const long = (last: number) => Buffer.concat([Buffer.alloc(65_534, 0x6b), Buffer.from([last])]);
    const entries = [
      entry("empty", 1, ""),
      entry(long(1), 2, "one"),
      entry(long(2), 3, Buffer.alloc(1_500_000, 3)),
      entry(long(2), 2, ""),
      entry(long(255), 4),
      entry("l", 5, Buffer.alloc(16 * 1024 * 1024, 5)),
      entry("m", 6, "small"),
    ];
    const cache = new BlockCache(64 * 1024);
    const reader = await readerOf(entries, cache);
    for (const { key, version } of entries) {
      expect(lines([get(reader, key, version)])).toEqual(lines([expectedGet(entries, key, version)]));
    }
    expect(get(reader, long(3))).toBeUndefined();
    expect(get(reader, long(1).subarray(0, 65_534))).toBeUndefined();
    cache.assertInvariants();
  });

  test("gives the memory of large values back", async () => {
    const large = Array.from({ length: 3 }, (_, index) =>
      entry(`large ${index}`, 1, Buffer.alloc(2_000_000, index)),
    );
    const reads = Array.from({ length: 100 }, (_, index) =>
      entry(`medium ${index}`, 1, Buffer.alloc(5000, index)),
    );
    const cache = new BlockCache(8192);
    const empty = cache.memoryBytes;
    const reader = await readerOf(
      [...large, ...reads].sort((a, b) => Buffer.compare(a.key, b.key)),
      cache,
    );
    for (const { key } of large) get(reader, key);
    expect(cache.memoryBytes).toBeLessThan(empty + 2_200_000);
    for (const { key } of reads) get(reader, key);
    expect(cache.memoryBytes).toBeLessThan(empty + 10_000);
  });

  test("asks the filter only for keys between its first and its last, and at versions that it may have", async () => {
    const entries = plainEntries(500).slice(100, 400);
    const { bytes } = await writeTable(entries, { versionMin: 101 });
    const reader = openReader(diskWith(bytes));
    expect(get(reader, Buffer.from("key 000000000099"))).toBeUndefined();
    expect(get(reader, Buffer.from("key 000000000400"))).toBeUndefined();
    expect(get(reader, Buffer.from("key 000000000100"), 100)).toBeUndefined();
    expect(reader.filterChecks).toBe(0);
    for (const { key } of entries) get(reader, key);
    expect(reader).toMatchObject({ filterChecks: 300, filterMisses: 0, filterFalse: 0 });
    const absent = entries.slice(0, -1).map(({ key }) => Buffer.concat([key, Buffer.from("x")]));
    for (const key of absent) expect(get(reader, key)).toBeUndefined();
    expect(reader.filterChecks).toBe(300 + 299);
    expect(reader.filterMisses + reader.filterFalse).toBe(299);
    expect(reader.filterMisses).toBeGreaterThan(280);
  });

  test("reads a block once while the cache holds it, and again when it was pushed out", async () => {
    const { bytes } = await writeTable(plainEntries(200));
    const disk = new FailingFileSystem(diskWith(bytes));
    const cache = new BlockCache(2 * 4096);
    const reader = openReader(disk, cache);
    const opened = disk.calls.length;
    const keyOf = (index: number) => Buffer.from(`key ${String(index).padStart(12, "0")}`);
    for (let round = 0; round < 10; round++) {
      for (const index of [0, 199]) expect(get(reader, keyOf(index))?.version).toBe(index + 1);
    }
    expect(readsOf(disk, opened)).toBe(2);
    expect({ hits: cache.hits, misses: cache.misses }).toEqual({ hits: 18, misses: 2 });
    for (const index of [50, 100, 150, 0]) get(reader, keyOf(index));
    expect(readsOf(disk, opened)).toBe(6);
    cache.assertInvariants();
  });

  test("shares its cache with other tables, and leaves nothing there when it is closed", async () => {
    const cache = new BlockCache(16 * 4096);
    const disk = diskWith((await writeTable(plainEntries(300))).bytes);
    diskWith((await writeTable(versionsOf("key", 20))).bytes, disk, "/other");
    const one = openReader(disk, cache);
    const other = openReader(disk, cache, "/other");
    const keys = plainEntries(300).map(({ key }) => key);
    for (const key of keys) {
      expect(get(one, key)?.value).toHaveLength(100);
      expect(get(other, Buffer.from("key"))?.version).toBe(200);
    }
    cache.assertInvariants();
    one.close();
    one.close();
    cache.assertInvariants();
    expect(get(other, Buffer.from("key"))?.version).toBe(200);
    expect(() => get(one, keys[0]!)).toThrow("only an open table is read");
    other.close();
    cache.assertInvariants();
  });

  test("knows its summary, and what it keeps in memory", async () => {
    const { bytes, summary } = await writeTable(versionsOf("key", 20), { versionMin: 3 });
    const reader = openReader(diskWith(bytes));
    expect({ ...reader.summary, firstKey: "", lastKey: "" }).toEqual({
      ...summary,
      firstKey: "",
      lastKey: "",
    });
    expect(Buffer.from(reader.summary.firstKey).toString()).toBe("a before");
    expect(Buffer.from(reader.summary.lastKey).toString()).toBe("z behind");
    expect(reader.path).toBe(tablePath);
    expect(reader.memoryBytes).toBeGreaterThan(64);
    expect(reader.memoryBytes).toBeLessThan(1000);
  });
});

describe("a table is refused", () => {
  const refusals: [string, Partial<typeof identity>, string][] = [
    ["of another store", { storeId: Buffer.alloc(16, 1) }, "it belongs to another store"],
    ["of another number", { number: 13 }, "it is table 12, where table 13 should be"],
    ["with another seed", { hashSeed: 1 }, "its filter was made with another seed"],
  ];
  test.each(refusals)("%s", async (_, changed, problem) => {
    const { bytes } = await writeTable([entry("key", 1, "value")]);
    const open = () =>
      TableReader.open(diskWith(bytes), tablePath, { ...identity, ...changed }, new BlockCache(0));
    expect(open).toThrow(TableCorruptionError);
    expect(open).toThrow(problem);
    expect(open).toThrow(`${tablePath} at offset ${bytes.length - 120}`);
  });

  test("that is missing", () => {
    const disk = diskWith(Buffer.alloc(0));
    const open = () => openReader(disk, new BlockCache(0), "/absent");
    expect(open).toThrow(TableCorruptionError);
    expect(open).toThrow("/absent at offset 0: the file is missing");
  });

  test("not, if the system is out of descriptors: that says nothing of the table", async () => {
    const { bytes } = await writeTable([entry("key", 1, "value")]);
    const disk = new FailingFileSystem(diskWith(bytes), {
      faults: [{ kind: "openRead", at: 1, error: "EMFILE" }],
    });
    expect(() => openReader(disk)).toThrow("EMFILE");
    expect(() => openReader(disk)).not.toThrow();
  });

  test("and its file closed, whichever call fails", async () => {
    const { bytes } = await writeTable(plainEntries(100));
    const open = (disk: FailingFileSystem) => openReader(disk, new BlockCache(0));
    const clean = new FailingFileSystem(diskWith(bytes));
    open(clean).close();
    expect(clean.count({ kind: "read" })).toBe(3);
    for (let at = 1; at < clean.calls.length; at++) {
      const disk = new FailingFileSystem(diskWith(bytes), { faults: [{ at, error: "EIO" }] });
      expect(() => open(disk)).toThrow(at === 1 ? "EIO" : TableCorruptionError);
      expect(disk.count({ kind: "close" })).toBe(at === 1 ? 0 : 1);
    }
  });
});

describe("a block that can't be read", () => {
  const entries = plainEntries(100);

  test("is damage at its offset, with what the system says, and is read again the next time", async () => {
    const { bytes } = await writeTable(entries);
    const disk = new FailingFileSystem(diskWith(bytes));
    const cache = new BlockCache(64 * 1024);
    const reader = openReader(disk, cache);
    disk.inject({ kind: "read", at: 1, error: "EIO" });
    const error = caught(() => get(reader, entries[99]!.key));
    expect(error).toBeInstanceOf(TableCorruptionError);
    const blockOffset = disk.calls.at(-1)!.position!;
    expect(error).toMatchObject({ code: "TABLE_CORRUPT", file: tablePath, offset: blockOffset });
    expect((error as Error).message).toContain("the system can't read it (EIO");
    expect((error as Error).cause).toMatchObject({ code: "EIO" });
    cache.assertInvariants();
    expect(get(reader, entries[99]!.key)?.version).toBe(100);
  });

  test("because the file was cut since it was opened is named so", async () => {
    const { bytes } = await writeTable(entries);
    const disk = diskWith(bytes);
    const reader = openReader(disk, new BlockCache(0));
    disk.open(tablePath).truncate(100);
    const error = caught(() => get(reader, entries[0]!.key));
    expect(error).toMatchObject({ offset: 0, problem: "the file ends before what should be there" });
  });

  test("whole is read in pieces", async () => {
    const { bytes } = await writeTable(entries);
    const disk = new FailingFileSystem(diskWith(bytes), {
      faults: [{ kind: "read", at: 1, sticky: true, bytes: 100 }],
    });
    const reader = openReader(disk, new BlockCache(4096));
    for (const { key, version } of entries) expect(get(reader, key)?.version).toBe(version);
    expect(lines(scan(reader.cursor(), forward))).toEqual(lines(entries));
  });

  test("is not cached when it is damaged", async () => {
    const { bytes } = await writeTable(entries);
    const disk = diskWith(bytes);
    const cache = new BlockCache(64 * 1024);
    const reader = openReader(disk, cache);
    const file = disk.open(tablePath);
    file.write(Buffer.from([bytes[50]! ^ 1]), 50);
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(caught(() => get(reader, entries[0]!.key))).toMatchObject({ offset: 0 });
      cache.assertInvariants();
    }
    file.write(Buffer.from([bytes[50]!]), 50);
    expect(get(reader, entries[0]!.key)?.version).toBe(1);
    // What is in the cache was verified, and does not change any more.
    file.write(Buffer.from([bytes[50]! ^ 1]), 50);
    expect(get(reader, entries[0]!.key)?.version).toBe(1);
    expect(lines(visible(entries, newest).slice(0, 1))).toEqual(lines([get(reader, entries[0]!.key)]));
  });
});
