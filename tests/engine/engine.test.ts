import { describe, expect, test } from "bun:test";
import {
  batchBytesMax,
  batchOperationsMax,
  keyBytesMax,
  pageEntriesMax,
  pageVisitsMax,
  valueBytesMax,
} from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { HoldfastError } from "../../src/lib/errors.ts";
import { Memtable } from "../../src/memtable/memtable.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { EngineDriver } from "./engine-driver.ts";

describe("what a write answers", () => {
  test("puts, deletes and batches answer ascending versions, a batch that of its COMMIT", async () => {
    const db = await EngineDriver.open(new MemoryFileSystem());
    expect(db.put("a", "1").version).toBe(1);
    expect(db.delete("a").version).toBe(2);
    expect(db.batch([{ key: "b", value: "2" }, { key: "c", value: "3" }, { key: "d" }]).version).toBe(6);
    expect(db.get("b").version).toBe(6);
    expect(db.get("c").version).toBe(6);
    expect(db.put("e", "").version).toBe(7);
    await db.engine.close();
  });

  const limits = [
    { name: "an empty key", key: "", value: "", code: "INVALID_ARGUMENT" },
    { name: "a key that is too long", key: "k".repeat(keyBytesMax + 1), value: "", code: "LIMIT_EXCEEDED" },
    {
      name: "a value that is too long",
      key: "k",
      value: "v".repeat(valueBytesMax + 1),
      code: "LIMIT_EXCEEDED",
    },
  ];
  for (const { name, key, value, code } of limits) {
    test(`${name} is refused, at once and with nothing written`, async () => {
      const db = await EngineDriver.open(new MemoryFileSystem());
      expect(db.put(key, value)).toMatchObject({ refusal: { code }, visibleAt: 0 });
      expect(
        db.batch([
          { key: "fine", value: "" },
          { key, value },
        ]),
      ).toMatchObject({ refusal: { code } });
      expect(db.engine.currentSeq).toBe(0);
      expect(db.all()).toEqual([]);
      await db.engine.close();
    });
  }

  test("a batch without operations, and one with too many, is refused", async () => {
    const db = await EngineDriver.open(new MemoryFileSystem());
    expect(db.batch([]).refusal!.code).toBe("INVALID_ARGUMENT");
    const many = Array.from({ length: batchOperationsMax + 1 }, () => ({ key: "k", value: "" }));
    expect(db.batch(many).refusal!.code).toBe("LIMIT_EXCEEDED");
    await db.engine.close();
  });

  test("a batch is refused whose operations are fine one by one, and together too many bytes", async () => {
    const db = await EngineDriver.open(new MemoryFileSystem());
    const half = { key: "k", value: "v".repeat(batchBytesMax / 2) };
    const { refusal } = db.batch([half, half, { key: "one too many", value: "" }]);
    expect(refusal).toMatchObject({ code: "LIMIT_EXCEEDED", outcome: "not-applied" });
    expect(refusal!.message).toContain("bytes of the batch");
    expect(db.engine.currentSeq).toBe(0);
    await db.engine.close();
  });

  test("the longest key and the largest value that the limits allow are kept", async () => {
    const disk = new MemoryFileSystem();
    const db = await EngineDriver.open(disk);
    const key = "k".repeat(keyBytesMax);
    const value = "v".repeat(valueBytesMax);
    await db.putDurably(key, value);
    await db.engine.close();
    const again = await EngineDriver.open(disk);
    expect(again.get(key).value === value).toBe(true);
    await again.engine.close();
  });
});

describe("conditions", () => {
  test("ifVersion 0 wants the key absent, any other number that very version", async () => {
    const db = await EngineDriver.open(new MemoryFileSystem());
    expect(db.put("k", "1", 0).version).toBe(1);
    expect(db.put("k", "2", 0).refusal).toMatchObject({ code: "CONFLICT", actualVersion: 1 });
    expect(db.put("k", "2", 1).version).toBe(2);
    expect(db.delete("k", 1).refusal).toMatchObject({ code: "CONFLICT", actualVersion: 2 });
    expect(db.delete("k", 2).version).toBe(3);
    expect(db.delete("k", 3).refusal).toMatchObject({ code: "CONFLICT", actualVersion: 0 });
    expect(db.put("k", "4", 0).version).toBe(4);
    await db.engine.close();
  });

  test("one refused condition refuses the batch, and says which", async () => {
    const db = await EngineDriver.open(new MemoryFileSystem());
    db.put("held", "1");
    const answer = db.batch([
      { key: "new", value: "x", ifVersion: 0 },
      { key: "held", value: "y", ifVersion: 0 },
    ]);
    expect(answer.refusal).toMatchObject({ code: "CONFLICT", actualVersion: 1, operationIndex: 1 });
    expect(db.get("new").version).toBe(0);
    expect(db.engine.currentSeq).toBe(1);
    await db.engine.close();
  });
});

describe("observed means durable", () => {
  /** An engine whose disk has durable "old" and "gone", and whose next sync the test holds. */
  async function withHeldSync() {
    const disk = new MemoryFileSystem();
    const db = await EngineDriver.open(disk, { sealDelayMs: 60_000 });
    await db.putDurably("old", "1");
    disk.holdSyncs(true);
    return { disk, db };
  }

  const dependents: { name: string; ask: (db: EngineDriver) => number }[] = [
    { name: "a value", ask: (db) => db.get("new").visibleAt },
    { name: "an absence after a delete", ask: (db) => db.get("old").visibleAt },
    { name: "a refused condition", ask: (db) => db.put("new", "x", 0).visibleAt },
    { name: "a refused condition on a deleted key", ask: (db) => db.put("old", "x", 1).visibleAt },
    {
      name: "a batch refused behind a pending condition",
      ask: (db) =>
        db.batch([
          { key: "new", value: "", ifVersion: 2 },
          { key: "far", ifVersion: 9 },
        ]).visibleAt,
    },
    { name: "a page with a pending value", ask: (db) => db.scan({ prefix: "n" }).visibleAt },
    { name: "a page that passes over a pending delete", ask: (db) => db.scan({ prefix: "o" }).visibleAt },
    { name: "one of many keys", ask: (db) => db.getMany(["far", "new"]).visibleAt },
  ];
  for (const { name, ask } of dependents) {
    test(`${name} waits for the write that it depends on, and no longer`, async () => {
      const { disk, db } = await withHeldSync();
      db.put("new", "2");
      db.delete("old");
      const visibleAt = ask(db);
      expect(visibleAt).toBeGreaterThan(1);
      expect(visibleAt).toBeLessThanOrEqual(3);
      expect(db.engine.ackableSeq).toBe(1);
      disk.holdSyncs(false);
      await db.acknowledged(3);
      expect(ask(db)).toBe(0);
      await db.engine.close();
    });
  }

  test("what does not depend on anything pending is answered while the sync runs", async () => {
    const { disk, db } = await withHeldSync();
    db.put("new", "2");
    expect(db.get("old")).toMatchObject({ value: "1", visibleAt: 0 });
    expect(db.get("never")).toMatchObject({ version: 0, visibleAt: 0 });
    expect(db.scan({ prefix: "old" })).toMatchObject({ visibleAt: 0 });
    disk.holdSyncs(false);
    await db.engine.close();
  });

  test("a write is acknowledgeable only when the sync that covers it has returned", async () => {
    const { disk, db } = await withHeldSync();
    const { version } = db.put("new", "2");
    const sync = await disk.nextHeldSync();
    const later = db.put("later", "3");
    expect(db.engine.ackableSeq).toBeLessThan(version!);
    sync.release();
    await db.acknowledged(version!);
    // The second write came while the first one's sync ran: that sync says nothing of it.
    expect(db.engine.ackableSeq).toBeLessThan(later.version!);
    disk.holdSyncs(false);
    await db.acknowledged(later.version!);
    await db.engine.close();
  });

  test("a failed sync acknowledges nothing, tells its listeners and refuses what follows", async () => {
    const { disk, db } = await withHeldSync();
    const faults: string[] = [];
    db.engine.onFault((fault) => faults.push(fault.code));
    db.put("new", "2");
    (await disk.nextHeldSync()).fail();
    while (faults.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(faults).toEqual(["STORAGE_FAULT"]);
    expect(db.engine.ackableSeq).toBe(1);
    expect(db.put("more", "3").refusal!.code).toBe("STORAGE_FAULT");
    await db.engine.close();
  });
});

describe("scans", () => {
  async function filled(keys: readonly string[]) {
    // Segments of 2 KiB: the keys lie in many memtables, some of them overwritten and deleted in later ones.
    const db = await EngineDriver.open(new MemoryFileSystem());
    for (const key of keys) db.put(key, "old");
    for (const key of keys) db.put(key, `value of ${key}`);
    for (const key of keys) {
      db.put(`${key}x`, "");
      db.delete(`${key}x`);
    }
    return db;
  }
  const keys = Array.from({ length: 100 }, (_, index) => `user/${String(index).padStart(3, "0")}`);
  const pairs = keys.map((key): [string, string] => [key, `value of ${key}`]);

  const ranges: { name: string; words: Parameters<EngineDriver["scan"]>[0]; expected: typeof pairs }[] = [
    { name: "everything", words: {}, expected: pairs },
    { name: "from a start on", words: { start: "user/090" }, expected: pairs.slice(90) },
    { name: "from a start that is no key", words: { start: "user/0895" }, expected: pairs.slice(90) },
    { name: "up to before an end", words: { end: "user/010" }, expected: pairs.slice(0, 10) },
    { name: "a prefix", words: { prefix: "user/05" }, expected: pairs.slice(50, 60) },
    {
      name: "a prefix and a start inside it",
      words: { prefix: "user/05", start: "user/055" },
      expected: pairs.slice(55, 60),
    },
    { name: "a prefix of the last byte", words: { prefix: "\xff" }, expected: [] },
    { name: "an empty range", words: { start: "user/050", end: "user/050" }, expected: [] },
    { name: "a range upside down", words: { start: "user/060", end: "user/050" }, expected: [] },
  ];
  for (const { name, words, expected } of ranges) {
    test(`${name}: in order, whole, each key once, both ways and in pages of any size`, async () => {
      const db = await filled(keys);
      for (const limit of [0, 1, 3, 7]) {
        expect(db.all({ ...words, limit })).toEqual(expected);
        expect(db.all({ ...words, limit, reverse: true })).toEqual(expected.toReversed());
      }
      await db.engine.close();
    });
  }

  test("a page ends at its limits, and the next one goes on behind it", async () => {
    const db = await EngineDriver.open(new MemoryFileSystem(), { segmentBytesMax: 1 << 20 });
    const count = pageEntriesMax + 10;
    for (let index = 0; index < count; index++) db.put(`k${String(index).padStart(6, "0")}`, "v");
    const first = db.scan();
    expect(first).toMatchObject({ more: true });
    expect(first.entries!.length).toBe(pageEntriesMax);
    expect(db.all().length).toBe(count);
    await db.engine.close();
  });
});

test("a desert of tombstones ends a page, which names where the next one begins", async () => {
  const db = await EngineDriver.open(new MemoryFileSystem(), { segmentBytesMax: 16 << 20 });
  const name = (index: number) => `k${String(index).padStart(6, "0")}`;
  for (let index = 0; index <= pageVisitsMax; index++) db.delete(name(index));
  db.put("last", "1");
  db.put("z", "2");
  const page = db.scan({ prefix: "k" });
  expect(page).toMatchObject({ more: true, entries: [[name(pageVisitsMax), undefined, 0]] });
  expect(db.all()).toEqual([
    ["last", "1"],
    ["z", "2"],
  ]);
  expect(db.all({ reverse: true })).toEqual([
    ["z", "2"],
    ["last", "1"],
  ]);
  await db.engine.close();
});

test("getMany answers in the order of its keys, absent ones with version 0, and at least one a page", async () => {
  const db = await EngineDriver.open(new MemoryFileSystem(), { segmentBytesMax: 1 << 20 });
  db.put("a", "1");
  db.put("big", "x".repeat(400_000));
  expect(db.getMany(["a", "-", "a"]).entries!.map(([, value, version]) => [value, version])).toEqual([
    ["1", 1],
    [undefined, 0],
    ["1", 1],
  ]);
  const page = db.getMany(["big", "a"]);
  expect(page).toMatchObject({ more: true });
  expect(page.entries!.length).toBe(1);
  await db.engine.close();
});

test("a disk that fills up refuses writes and heals by itself, while reads go on", async () => {
  const disk = new MemoryFileSystem();
  const db = await EngineDriver.open(disk, { diskHeadroomBytes: 1000 });
  await db.putDurably("k", "1");
  disk.setFreeBytes(900);
  // What the writer measured earlier may still let one small write through; it never goes below the headroom.
  await db.putDurably("probe", "x".repeat(10)).catch(() => {});
  expect(db.put("k", "2").refusal?.code).toBe("DISK_FULL");
  expect(db.get("k").value).toBe("1");
  disk.setFreeBytes(2 ** 30);
  expect(db.put("k", "2").version).toBeGreaterThan(1);
  await db.engine.close();
});

test("a store whose log another program truncated is refused, for nothing else holds its records", async () => {
  const { WriteAheadLog } = await import("../../src/wal/write-ahead-log.ts");
  const disk = new MemoryFileSystem();
  const log = await WriteAheadLog.open("/data/wal", { fileSystem: disk });
  await log.append({ type: "put", key: "k", value: "v" });
  await log.truncate(1);
  await log.close();
  expect(EngineDriver.open(disk)).rejects.toMatchObject({ code: "STORE_MISMATCH" });
});

test("a disk that can't say how full it is counts as failed, not as a bug", async () => {
  const disk = new FailingFileSystem(new MemoryFileSystem());
  const db = await EngineDriver.open(disk);
  const faults: string[] = [];
  db.engine.onFault((fault) => faults.push(fault.code));
  await db.putDurably("k", "1");
  disk.inject({ kind: "freeBytes", at: 1, sticky: true, error: "EIO" });
  expect(db.put("k", "2").refusal!.code).toBe("STORAGE_FAULT");
  expect(faults).toEqual(["STORAGE_FAULT"]);
  expect(db.get("k").value).toBe("1");
  await db.engine.close();
});

describe("what must never reach the disk", () => {
  const losses: { name: string; happen: (disk: MemoryFileSystem) => void }[] = [
    { name: "its lock file was removed", happen: (disk) => disk.unlink("/data/wal/LOCK") },
    {
      name: "another directory lies where its own did",
      happen: (disk) => {
        disk.rename("/data", "/elsewhere");
        for (const directory of ["/data", "/data/wal"]) disk.makeDirectory(directory);
        disk.create("/data/wal/LOCK").close();
      },
    },
  ];
  for (const { name, happen } of losses) {
    test(`a store stops, and acknowledges nothing more, once ${name}: another may have its place`, async () => {
      const disk = new MemoryFileSystem();
      const db = await EngineDriver.open(disk);
      const faults: string[] = [];
      db.engine.onFault((fault) => faults.push(fault.message));
      await db.putDurably("k", "1");
      happen(disk);
      db.put("k", "2");
      while (faults.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(faults[0]).toContain("was moved or removed while the log was open");
      expect(db.engine.ackableSeq).toBe(1);
      await db.engine.close();
    });
  }

  test("a batch of which something threw between its operations and its COMMIT is not written by closing", async () => {
    const disk = new MemoryFileSystem();
    const db = await EngineDriver.open(disk);
    await db.putDurably("k", "1");
    const put = Memtable.prototype.stagePut;
    let calls = 0;
    using _ = {
      [Symbol.dispose]() {
        Memtable.prototype.stagePut = put;
      },
    };
    Memtable.prototype.stagePut = function (...words) {
      if (++calls === 2) throw new RangeError("Out of memory");
      return put.apply(this, words);
    };
    const batch = [
      { key: "a", value: "1" },
      { key: "b", value: "2" },
    ];
    expect(() => db.batch(batch)).toThrow("Out of memory");
    Memtable.prototype.stagePut = put;
    await db.engine.close();
    const again = await EngineDriver.open(disk);
    expect(again.all()).toEqual([["k", "1"]]);
    await again.engine.close();
  });
});

test("whoever asks for faults after one has happened hears of it at once", async () => {
  const disk = new MemoryFileSystem();
  const db = await EngineDriver.open(disk);
  db.engine.faulted(new HoldfastError("STORAGE_FAULT", "gone"));
  const heard: string[] = [];
  db.engine.onFault((fault) => heard.push(fault.message));
  expect(heard).toEqual(["gone"]);
  await db.engine.close();
});
