import { describe, expect, test } from "bun:test";
import { readFile } from "../../src/vfs/file-system.ts";
import type { HeldSync } from "../../src/vfs/held-syncs.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";

const load = (fileSystem: MemoryFileSystem) => readFile(fileSystem, "/file").toString();
const lose = (fileSystem: MemoryFileSystem) => fileSystem.crash({ unsynced: "lost" });

/** A file "old" that is durable, on a file system that holds its syncs from now on. */
async function heldFile() {
  const fileSystem = new MemoryFileSystem();
  const file = fileSystem.create("/file");
  file.write(Buffer.from("old"), 0);
  await file.sync();
  await fileSystem.syncDirectory("/");
  fileSystem.holdSyncs(true);
  return { fileSystem, file };
}

async function manyTurns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("a held sync", () => {
  test("ends, and makes durable, when it is released and not before", async () => {
    const { fileSystem, file } = await heldFile();
    file.write(Buffer.from("new"), 0);
    let ended = false;
    const sync = file.datasync().then(() => (ended = true));
    await manyTurns();
    expect(ended).toBe(false);
    expect(load(lose(fileSystem))).toBe("old");
    fileSystem.heldSyncs[0]!.release();
    expect(load(lose(fileSystem))).toBe("new");
    await sync;
    expect(fileSystem.heldSyncs).toEqual([]);
  });

  test("says what it is of, in the order in which syncs began", async () => {
    const { fileSystem, file } = await heldFile();
    const syncs = [file.datasync(), fileSystem.syncDirectory("/"), file.sync()];
    expect(fileSystem.heldSyncs).toMatchObject([
      { kind: "datasync", path: "/file" },
      { kind: "syncDirectory", path: "/" },
      { kind: "sync", path: "/file" },
    ]);
    for (const sync of [...fileSystem.heldSyncs]) sync.release();
    await Promise.all(syncs);
  });

  test("covers what it captured, whichever of two ends first", async () => {
    const { fileSystem, file } = await heldFile();
    file.write(Buffer.from("1"), 0);
    const first = file.datasync();
    file.write(Buffer.from("2"), 1);
    const second = file.datasync();
    file.write(Buffer.from("3"), 2);
    const third = file.datasync();
    file.write(Buffer.from("4"), 3);
    const [heldFirst, heldSecond, heldThird] = [...fileSystem.heldSyncs] as [HeldSync, HeldSync, HeldSync];
    heldSecond.release();
    await second;
    expect(load(lose(fileSystem))).toBe("12d");
    heldFirst.release();
    await first;
    expect(load(lose(fileSystem))).toBe("12d");
    heldThird.release();
    await third;
    expect(load(lose(fileSystem))).toBe("123");
    expect(load(fileSystem)).toBe("1234");
  });

  test("can be awaited before it began, and ends only once", async () => {
    const { fileSystem, file } = await heldFile();
    const next = fileSystem.nextHeldSync();
    const sync = file.datasync();
    const held = await next;
    expect(await fileSystem.nextHeldSync()).toBe(held);
    held.release();
    await sync;
    expect(() => held.release()).toThrow("a held sync ends once");
  });

  test("of a directory keeps its names pending until it is released", async () => {
    const { fileSystem } = await heldFile();
    fileSystem.create("/new");
    const sync = fileSystem.syncDirectory("/");
    await manyTurns();
    expect(lose(fileSystem).listAll()).toEqual({ "/file": 3 });
    fileSystem.heldSyncs[0]!.release();
    await sync;
    expect(lose(fileSystem).listAll()).toEqual({ "/file": 3, "/new": 0 });
  });

  test("stays held when holding ends, while later ones pass, in a clone as well", async () => {
    const { fileSystem, file } = await heldFile();
    const held = file.datasync();
    fileSystem.holdSyncs(false);
    await file.datasync();
    expect(fileSystem.heldSyncs.length).toBe(1);
    await fileSystem.clone().open("/file").sync();
    fileSystem.heldSyncs[0]!.release();
    await held;
  });
});

describe("7: after a failed sync", () => {
  const table = [
    { cacheAfter: "new", cache: "newer", later: "old\0\0" },
    { cacheAfter: "old", cache: "old", later: "old" },
    { cacheAfter: "hole", cache: "old\0\0", later: "old\0\0" },
  ] as const;

  for (const { cacheAfter, cache, later } of table) {
    test(`the cache shows ${JSON.stringify(cache)} (${cacheAfter}), and a later sync succeeds without the data`, async () => {
      const { fileSystem, file } = await heldFile();
      file.write(Buffer.from("newer"), 0);
      const sync = file.datasync();
      fileSystem.heldSyncs[0]!.fail(undefined, cacheAfter);
      await expect(sync).rejects.toMatchObject({ code: "EIO", errno: -5, syscall: "fdatasync" });
      expect(load(fileSystem)).toBe(cache);
      expect(load(lose(fileSystem))).toBe("old");
      fileSystem.holdSyncs(false);
      await file.sync();
      expect(load(fileSystem)).toBe(cache);
      expect(load(lose(fileSystem))).toBe(later);
      expect(load(fileSystem.crash({ unsynced: "kept" }))).toBe(cache);
      expect(load(lose(fileSystem.crash({ unsynced: "kept" })))).toBe(later);
    });
  }

  test("what is written later is synced as ever", async () => {
    const { fileSystem, file } = await heldFile();
    file.write(Buffer.from("lost"), 3);
    const sync = file.datasync();
    fileSystem.heldSyncs[0]!.fail();
    await expect(sync).rejects.toThrow();
    fileSystem.holdSyncs(false);
    file.write(Buffer.from("kept"), 7);
    await file.datasync();
    expect(load(fileSystem)).toBe("oldlostkept");
    expect(load(lose(fileSystem))).toBe("old\0\0\0\0kept");
  });

  test("a sync of the same file that was under way fails as well", async () => {
    const { fileSystem, file } = await heldFile();
    file.write(Buffer.from("new"), 0);
    const [first, second] = [file.datasync(), file.datasync()];
    const [heldFirst, heldSecond] = [...fileSystem.heldSyncs] as [HeldSync, HeldSync];
    heldSecond.fail(new Error("the second"));
    await expect(second).rejects.toThrow("the second");
    heldFirst.release();
    await expect(first).rejects.toMatchObject({ code: "EIO" });
  });

  test("of a directory no later sync makes its pending names durable", async () => {
    const { fileSystem } = await heldFile();
    fileSystem.create("/new");
    const sync = fileSystem.syncDirectory("/");
    fileSystem.heldSyncs[0]!.fail();
    await expect(sync).rejects.toMatchObject({ code: "EIO", syscall: "fsync" });
    fileSystem.holdSyncs(false);
    await fileSystem.syncDirectory("/");
    expect(fileSystem.exists("/new")).toBe(true);
    expect(lose(fileSystem).listAll()).toEqual({ "/file": 3 });
    expect(lose(fileSystem.clone()).listAll()).toEqual({ "/file": 3 });
  });
});

test("free bytes are what the test says", () => {
  const fileSystem = new MemoryFileSystem();
  fileSystem.setFreeBytes(12);
  expect(fileSystem.freeBytes("/")).toBe(12);
  expect(fileSystem.crash({ unsynced: "lost" }).freeBytes("/")).toBe(12);
});
