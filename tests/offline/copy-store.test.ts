import { describe, expect, test } from "bun:test";
import { checkStore } from "../../src/offline/check-store.ts";
import { copyStore } from "../../src/offline/copy-store.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { copyAttemptsMax } from "../../src/lib/limits.ts";
import { randomBelow } from "../../src/lib/random.ts";
import { tableName } from "../../src/table/table-format.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { EngineDriver } from "../engine/engine-driver.ts";
import { walkOf } from "../support/log-end.ts";
import { withSeed } from "../support/seeds.ts";
import { storeWithTables } from "./made-store.ts";
import {
  dataDirectory,
  filesOf,
  richStore,
  smallSizes,
  withDirectoryOf,
  withFile,
  writeFile,
} from "./rich-store.ts";

const linking = { linksTables: true };
const copying = { linksTables: false };

/** Every entry of a store; the disk stays as it is. */
async function entriesOf(disk: MemoryFileSystem, directory: string): Promise<[string, string | undefined][]> {
  const driver = await EngineDriver.open(disk.clone(), { ...smallSizes, directory });
  const entries = driver.all();
  await driver.engine.close();
  return entries;
}

/** Nothing is wrong, and nothing is there that need not be. */
function isClean(disk: MemoryFileSystem, directory: string): boolean {
  const { findings, notes } = checkStore(disk, directory);
  return findings.length + notes.length === 0;
}

describe("a copy of a store", () => {
  test("has its entries, its versions and its identity, and is clean", async () => {
    const disk = await richStore(1);
    const before = filesOf(disk);
    const { storeId, hashSeed, coveredSeq } = readManifest(disk, `${dataDirectory}/manifest`)!.state;
    const report = await copyStore(disk, dataDirectory, "/backups/monday", linking);
    expect(report).toMatchObject({
      attempts: 1,
      tablesCopied: 0,
      check: { directory: "/backups/monday", findings: [] },
    });
    expect(checkStore(disk, "/backups/monday")).toEqual(report.check);
    expect(await entriesOf(disk, "/backups/monday")).toEqual(await entriesOf(disk, dataDirectory));
    const { state } = readManifest(disk, "/backups/monday/manifest")!;
    expect(state).toMatchObject({ storeId, hashSeed, coveredSeq });
    expect(report.check.lastSeq).toBe(checkStore(disk, dataDirectory).lastSeq);
    for (const [path, bytes] of before) expect(filesOf(disk).get(path)).toEqual(bytes);
    expect(disk.list("/backups")).toEqual(["monday"]);
  });

  test("links tables where it may and can, and else copies them", async () => {
    const disk = await richStore(1);
    const tables = readManifest(disk, `${dataDirectory}/manifest`)!.state.tables;
    const sum = tables.reduce((total, { bytes }) => total + bytes, 0);
    const linked = await copyStore(disk, dataDirectory, "/linked", linking);
    expect(linked).toMatchObject({ tablesLinked: tables.length, tablesCopied: 0 });
    expect(linked.bytesCopied).toBeLessThan(sum);
    const copied = await copyStore(disk, dataDirectory, "/copied", copying);
    expect(copied).toMatchObject({
      tablesLinked: 0,
      tablesCopied: tables.length,
      bytesCopied: linked.bytesCopied + sum,
    });
    for (const error of ["EXDEV", "EPERM", "ENOTSUP"] as const) {
      const failing = new FailingFileSystem(disk, { faults: [{ kind: "link", at: 1, sticky: true, error }] });
      const unlinkable = await copyStore(failing, dataDirectory, `/${error}`, linking);
      expect(unlinkable).toMatchObject({ tablesLinked: 0, tablesCopied: tables.length });
      // It does not ask once for each table.
      expect(failing.count({ kind: "link" })).toBe(1);
    }
    // What is linked shares its bytes, what is copied does not.
    const path = `${dataDirectory}/tables/${tableName(tables[0]!.number)}`;
    disk.open(path).write(Buffer.from("damage"), 10);
    expect([isClean(disk, "/linked"), isClean(disk, "/copied")]).toEqual([false, true]);
  });

  test("stays whole while the original is written to, compacted, and deleted", async () => {
    const disk = await richStore(1);
    const entries = await entriesOf(disk, dataDirectory);
    await copyStore(disk, dataDirectory, "/backup", linking);
    const driver = await EngineDriver.open(disk, smallSizes);
    for (const [key] of entries) driver.delete(key);
    for (let count = 0; count < 300; count++) driver.put(`new${count}`, "x".repeat(50));
    await driver.compact();
    await driver.engine.close();
    expect(isClean(disk, "/backup")).toBeTrue();
    expect(await entriesOf(disk, "/backup")).toEqual(entries);
    for (const path of filesOf(disk).keys()) if (path.startsWith("/data/")) disk.unlink(path);
    expect(await entriesOf(disk, "/backup")).toEqual(entries);
    // And a copy that is served does the original no harm.
    expect((await copyStore(disk, "/backup", "/data2", linking)).check.findings).toEqual([]);
    const restored = await EngineDriver.open(disk, { ...smallSizes, directory: "/data2" });
    await restored.compact();
    await restored.engine.close();
    expect(isClean(disk, "/backup")).toBeTrue();
  });

  test("takes names as people write them", async () => {
    const disk = await richStore(1);
    for (const [given, name] of [
      ["/one/", "/one"],
      ["/two//", "/two"],
      ["three", "/three"],
      ["./four/", "/four"],
      ["/a/b/../five", "/a/five"],
    ] as const) {
      await copyStore(disk, `${dataDirectory}/`, given, linking);
      expect({ given, isClean: isClean(disk, name) }).toEqual({ given, isClean: true });
      expect(Object.keys(disk.listAll()).filter((path) => path.includes("unfinished"))).toEqual([]);
    }
  });

  test("of the youngest of stores is as young", async () => {
    const disk = new MemoryFileSystem();
    for (const path of ["/data", "/data/wal"]) disk.makeDirectory(path);
    await copyStore(disk, "/data", "/empty", linking);
    expect(checkStore(disk, "/empty")).toMatchObject({ findings: [], segments: 0 });
    const driver = await EngineDriver.open(disk, smallSizes);
    await driver.putDurably("k", "v");
    await copyStore(disk, "/data", "/young", linking);
    expect(await entriesOf(disk, "/young")).toEqual([["k", "v"]]);
    await driver.engine.close();
  });

  test("of one that a crash has torn has what was acknowledged, and no tear", async () => {
    const disk = await richStore(1);
    const last = [...filesOf(disk)].findLast(([path]) => path.endsWith(".wal"))!;
    const torn = withFile(disk, last[0], last[1].subarray(0, walkOf(last[1]).end - 3));
    expect(checkStore(torn, dataDirectory).findings).toMatchObject([{ kind: "torn" }]);
    await copyStore(torn, dataDirectory, "/backup", linking);
    expect(isClean(torn, "/backup")).toBeTrue();
    expect(await entriesOf(torn, "/backup")).toEqual(await entriesOf(torn, dataDirectory));
  });
});

describe("a copy of a store that is written to", () => {
  for (const [name, options] of [
    ["linked", linking],
    ["copied", copying],
  ] as const) {
    test(`has all that was acknowledged before, in order and without gaps (${name})`, async () => {
      await withSeed(async (random) => {
        const disk = new MemoryFileSystem();
        const driver = await EngineDriver.open(disk, { ...smallSizes, segmentBytesMax: 2048, random });
        const writer = new Writer(driver);
        let [attempts, copies] = [0, 0];
        // A copy of files takes some turns, and with so many of them a flush comes between: else this shows little.
        const isEnough = () => copies >= 12 && (name === "linked" || attempts > copies);
        for (; !isEnough() && copies < 200; copies++) {
          const { acknowledged } = await writer.goOn(40 + randomBelow(random, 40));
          const { attempts: tries } = await copyStore(disk, dataDirectory, `/backup${copies}`, options);
          attempts += tries;
          const written = writer.written;
          expect(isClean(disk, `/backup${copies}`)).toBeTrue();
          const found = new Map(await entriesOf(disk, `/backup${copies}`));
          const last = Number(found.get("last"));
          expect(last).toBeGreaterThanOrEqual(acknowledged);
          expect(last).toBeLessThanOrEqual(written);
          expect(Object.fromEntries(found)).toEqual(contentAfter(last));
        }
        await writer.end();
        expect(isEnough()).toBeTrue();
      });
    });
  }

  test("begins anew at whatever call a flush or a compaction comes between", async () => {
    const disk = await richStore(2);
    const clean = new FailingFileSystem(disk.clone());
    await copyStore(clean, dataDirectory, "/backup", linking);
    const reads = clean.calls.flatMap(({ kind, path }, index) => {
      return path.startsWith(dataDirectory) && ["list", "openRead", "link", "exists"].includes(kind)
        ? [index]
        : [];
    });
    expect(reads.length).toBeGreaterThan(20);
    let again = 0;
    for (const at of reads) {
      const changing = disk.clone();
      const moved = await movedOn(disk);
      let isDone = false;
      const watched = new FailingFileSystem(changing, {
        onCall: (_call, index) => {
          if (index < at || isDone) return;
          isDone = true;
          replaceFiles(changing, moved);
        },
      });
      const { attempts } = await copyStore(watched, dataDirectory, "/backup", linking);
      if (attempts > 1) again++;
      expect({ at, isClean: isClean(changing, "/backup") }).toEqual({ at, isClean: true });
      const entries = await entriesOf(changing, "/backup");
      const candidates = [await entriesOf(disk, dataDirectory), await entriesOf(moved, dataDirectory)];
      expect(candidates).toContainEqual(entries);
    }
    expect(again).toBeGreaterThan(5);
  });

  test("needs no second look where a flush has only raised the floor of the log", async () => {
    const disk = await richStore(2);
    const moved = disk.clone();
    class Keeping extends FailingFileSystem {
      override unlink(): void {}
    }
    const driver = await EngineDriver.open(new Keeping(moved), smallSizes);
    await driver.putDurably("later", "x");
    await driver.checkpoint();
    await driver.putDurably("even later", "x");
    await driver.engine.close();
    let lists = 0;
    const changing = disk.clone();
    const watched = new FailingFileSystem(changing, {
      onCall: ({ kind, path }) => {
        // Once to see whether the store moves, and then to read the log.
        if (kind === "list" && path === `${dataDirectory}/wal` && ++lists === 2)
          replaceFiles(changing, moved);
      },
    });
    expect(await copyStore(watched, dataDirectory, "/backup", linking)).toMatchObject({ attempts: 1 });
    expect(isClean(changing, "/backup")).toBeTrue();
    const entries = new Map(await entriesOf(changing, "/backup"));
    expect(entries.get("later")).toBe("x");
    entries.delete("later");
    expect([...entries]).toEqual(await entriesOf(disk, dataDirectory));
  });

  test("is made as long as each look brings it a table nearer", async () => {
    const count = 2 * copyAttemptsMax;
    const tables = Array.from({ length: count }, (_, index) => {
      return { level: 1, entries: `k${String(index).padStart(3, "0")}@1` };
    });
    const disk = await storeWithTables(tables);
    // Every other table that is opened has just been deleted.
    const faults = tables.map((_, index) => {
      return { kind: "openRead", path: /^\/data\/tables/, at: 2 * index + 2, error: "ENOENT" } as const;
    });
    const restless = new FailingFileSystem(disk, {
      faults,
      onCall: ({ kind, path }, index) => {
        if (kind === "openRead" && path.startsWith("/data/tables")) touchLog(disk, index);
      },
    });
    const { attempts, tablesCopied } = await copyStore(restless, dataDirectory, "/backup", copying);
    expect({ tablesCopied, isPatient: attempts > copyAttemptsMax }).toEqual({
      tablesCopied: count,
      isPatient: true,
    });
    expect(isClean(disk, "/backup")).toBeTrue();
  });

  test("gives up on one that never stands still, and says why", async () => {
    const disk = await richStore(1);
    let count = 0;
    const restless = new FailingFileSystem(disk, {
      faults: [{ kind: "link", at: 1, sticky: true, error: "ENOENT" }],
      onCall: ({ kind }) => {
        if (kind === "link") touchLog(disk, count++);
      },
    });
    await expect(copyStore(restless, dataDirectory, "/backup", linking)).rejects.toMatchObject({
      code: "COPY_FAILED",
      message: expect.stringMatching(
        /^Cannot copy \/data: it moved on each of \d+ times .*; try again when less/,
      ),
    });
    expect(restless.count({ kind: "link" })).toBe(copyAttemptsMax);
    expect(disk.list("/")).toEqual(["data"]);
  });
});

describe("a copy is refused,", () => {
  const cases: readonly { name: string; from?: string; to: string; code: string; says: string }[] = [
    {
      name: "where there is no store",
      from: "/photos",
      to: "/backup",
      code: "NO_STORE",
      says: "there is no store in it",
    },
    {
      name: "where there is nothing",
      from: "/nowhere",
      to: "/backup",
      code: "NO_STORE",
      says: "there is no store in it",
    },
    {
      name: "if there is something of that name",
      to: "/photos",
      code: "TARGET_EXISTS",
      says: "name a new directory",
    },
    {
      name: "if there is a file of that name",
      to: "/photos/a.jpg",
      code: "TARGET_EXISTS",
      says: "name a new directory",
    },
    { name: "onto itself", to: "/data/", code: "TARGET_EXISTS", says: "name a new directory" },
    { name: "into itself", to: "/data/backup", code: "INVALID_ARGUMENT", says: "inside of it" },
    {
      name: "deep into itself, however that is spelled",
      to: "/photos/../data/a/b/",
      code: "INVALID_ARGUMENT",
      says: "inside of it",
    },
    { name: "to a place behind a file", to: "/photos/a.jpg/backup", code: "COPY_FAILED", says: "ENOTDIR" },
  ];
  for (const { name, from = dataDirectory, to, code, says } of cases) {
    test(`${name}, and nothing is left of it`, async () => {
      const disk = await richStore(1);
      disk.makeDirectory("/photos");
      disk.create("/photos/a.jpg").close();
      const before = disk.listAll();
      await expect(copyStore(disk, from, to, linking)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(says),
      });
      expect(disk.listAll()).toEqual(before);
    });
  }

  test("while another one to the same place is made", async () => {
    const disk = await richStore(1);
    disk.holdSyncs(true);
    const first = copyStore(disk, dataDirectory, "/backup", copying);
    await disk.nextHeldSync();
    await expect(copyStore(disk, dataDirectory, "/backup", copying)).rejects.toMatchObject({
      code: "LOCKED",
      message: `Cannot make a copy in /backup.unfinished: process ${process.pid} is doing so; wait until it is done, or name another directory`,
    });
    disk.holdSyncs(false);
    for (const sync of [...disk.heldSyncs]) sync.release();
    await first;
    expect(isClean(disk, "/backup")).toBeTrue();
  });

  test("if something else lies where it is put together, which stays as it is", async () => {
    const disk = await richStore(1);
    for (const path of ["/backup.unfinished", "/backup.unfinished/tables"]) disk.makeDirectory(path);
    disk.create("/backup.unfinished/tables/diary.txt").close();
    await expect(copyStore(disk, dataDirectory, "/backup", linking)).rejects.toMatchObject({
      code: "TARGET_EXISTS",
      message: expect.stringContaining("/backup.unfinished/tables/diary.txt is in the way"),
    });
    expect(disk.exists("/backup.unfinished/tables/diary.txt")).toBeTrue();
  });

  test("if any file of the original is damaged, naming it, and nothing is left of it", async () => {
    const disk = await richStore(1);
    for (const [path, bytes] of filesOf(disk)) {
      if (path.endsWith("LOCK")) continue;
      const damaged = Buffer.from(bytes);
      // Where a file of the log or a manifest is young, damage to its end is a tear; in its header it never is.
      damaged[20]! ^= 1;
      const bad = withFile(disk, path, damaged);
      const error: Error = await copyStore(bad, dataDirectory, "/backup", linking).then(
        fail,
        (reason) => reason,
      );
      expect({ path, code: (error as { code?: unknown }).code }).toEqual({
        path,
        code: path.endsWith(".wal")
          ? "WAL_CORRUPT"
          : path.endsWith(".table")
            ? "COPY_DAMAGED"
            : "MANIFEST_CORRUPT",
      });
      expect(error.message).toContain(path);
      expect(bad.list("/")).toEqual(["data"]);
    }
  });

  test("if its parts are of different ages, whatever could be made of them", async () => {
    const disk = new MemoryFileSystem();
    const deleted = new Map<string, Buffer>();
    const watched = new FailingFileSystem(disk, {
      onCall: ({ kind, path }) => kind === "unlink" && deleted.set(path, readFile(disk, path)),
    });
    const driver = await EngineDriver.open(watched, smallSizes);
    const ages: MemoryFileSystem[] = [];
    for (let age = 0; age < 4; age++) {
      for (let count = 0; count < 60; count++) driver.put(`k${(count * 13) % 100}`, `${age} `.repeat(30));
      await driver.checkpoint();
      await driver.acknowledged(driver.put("last", String(age)).version!);
      ages.push(disk.clone());
    }
    await driver.engine.close();
    const refused = async (mixed: MemoryFileSystem) => {
      await expect(copyStore(mixed, dataDirectory, "/backup", linking)).rejects.toThrow("Cannot ");
      expect(mixed.list("/")).toEqual(["data"]);
    };
    for (const [index, newer] of ages.entries()) {
      for (const older of ages.slice(0, index)) {
        for (const part of ["wal", "manifest", "tables"]) {
          await refused(withDirectoryOf(newer, older, `${dataDirectory}/${part}`));
        }
        // Also where every table and segment that there ever was is still there.
        const mixed = withDirectoryOf(newer, older, `${dataDirectory}/manifest`);
        for (const [path, bytes] of deleted) {
          if (!mixed.exists(path) && /(wal|table)$/.test(path)) writeFile(mixed, path, bytes);
        }
        await refused(mixed);
      }
    }
  });

  test("if any file of the original is missing, and nothing is left of it", async () => {
    const disk = await richStore(1);
    const { segmentNumber } = readManifest(disk, `${dataDirectory}/manifest`)!.state;
    for (const path of filesOf(disk).keys()) {
      const number = Number(path.slice(-16, -4));
      if (path.endsWith("LOCK") || (path.endsWith(".wal") && number > segmentNumber)) continue;
      const bad = withFile(disk, path, undefined);
      await expect(copyStore(bad, dataDirectory, "/backup", linking)).rejects.toThrow("Cannot ");
      expect(bad.list("/")).toEqual(["data"]);
    }
  });
});

/** As a new segment does while it is begun. */
function touchLog(disk: MemoryFileSystem, count: number): void {
  disk.create(`${dataDirectory}/wal/${String(500 + count).padStart(12, "0")}.wal.tmp`).close();
}

function fail(): never {
  throw new Error("it was copied");
}

/** Writes one value after the other: how many there were shows in what is left of them. */
class Writer {
  /** The last one that was asked for, and the last one that was acknowledged. */
  written = 0;
  acknowledged = 0;
  readonly #driver: EngineDriver;
  readonly #loop: Promise<void>;
  #isEnding = false;

  constructor(driver: EngineDriver) {
    this.#driver = driver;
    this.#loop = this.#run();
  }

  /** Resolves when so many more were acknowledged. */
  async goOn(count: number): Promise<{ acknowledged: number }> {
    const goal = this.acknowledged + count;
    while (this.acknowledged < goal) await new Promise<void>((resolve) => setImmediate(resolve));
    return { acknowledged: this.acknowledged };
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#loop;
    await this.#driver.engine.close();
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const number = ++this.written;
      const operations = [{ key: "last", value: String(number) }, operationOf(number)];
      await this.#driver.acknowledged(this.#driver.batch(operations).version!);
      this.acknowledged = number;
    }
  }
}

function operationOf(number: number): { key: string; value?: string } {
  const key = `key${(number * 7) % 60}`;
  return number % 9 === 0 ? { key } : { key, value: `${number} `.repeat(30) };
}

function contentAfter(count: number): Record<string, string> {
  const content: Record<string, string> = { last: String(count) };
  for (let number = 1; number <= count; number++) {
    const { key, value } = operationOf(number);
    if (value === undefined) delete content[key];
    else content[key] = value;
  }
  return content;
}

/** The store as it is after everything was flushed and merged: not one of its files is as it was. */
async function movedOn(disk: MemoryFileSystem): Promise<MemoryFileSystem> {
  const moved = disk.clone();
  const driver = await EngineDriver.open(moved, smallSizes);
  driver.put("later", "x");
  await driver.compact();
  await driver.engine.close();
  return moved;
}

/** In the order in which an engine would: what is new first, and what is no longer needed last. */
function replaceFiles(disk: MemoryFileSystem, by: MemoryFileSystem): void {
  const [old, young] = [filesOf(disk), filesOf(by)];
  for (const [path, bytes] of young) {
    if (!path.startsWith(dataDirectory)) continue;
    const file = old.has(path) ? disk.open(path) : disk.create(path);
    file.truncate(bytes.length);
    file.write(bytes, 0);
    file.close();
  }
  for (const path of old.keys()) if (path.startsWith(dataDirectory) && !young.has(path)) disk.unlink(path);
}
