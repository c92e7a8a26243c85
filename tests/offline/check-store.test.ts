import { describe, expect, test } from "bun:test";
import { checkStore } from "../../src/offline/check-store.ts";
import type { StoreReport } from "../../src/offline/store-report.ts";
import { manifestName } from "../../src/manifest/directory.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { tableName } from "../../src/table/table-format.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { segmentName, tornName } from "../../src/wal/directory.ts";
import { EngineDriver } from "../engine/engine-driver.ts";
import { withSeed } from "../support/seeds.ts";
import { replaceManifest, storeWithTables, writeTable, type MadeTable } from "./made-store.ts";
import {
  dataDirectory,
  filesOf,
  HeldRunner,
  richStore,
  smallSizes,
  withDirectoryOf,
  withFile,
} from "./rich-store.ts";

const walPath = (number: number) => `${dataDirectory}/wal/${segmentName(number)}`;
const tablePath = (number: number) => `${dataDirectory}/tables/${tableName(number)}`;

/** What is corrupt, as "file: problem". */
const problemsOf = ({ findings }: StoreReport) => findings.map(({ file, problem }) => `${file}: ${problem}`);

describe("check", () => {
  test("says how much there is, and changes nothing", async () => {
    const disk = await richStore(1);
    const before = filesOf(disk);
    const report = checkStore(disk, dataDirectory);
    const { state } = readManifest(disk, `${dataDirectory}/manifest`)!;
    expect(report).toEqual({
      directory: dataDirectory,
      findings: [],
      notes: [],
      segments: [...before.keys()].filter((path) => path.endsWith(".wal")).length,
      tables: state.tables.length,
      entries: state.tables.reduce((sum, { entryCount }) => sum + entryCount, 0),
      bytes: [...before.values()].reduce((sum, { length }) => sum + length, 0),
      coveredSeq: state.coveredSeq,
      lastSeq: expect.any(Number),
    });
    expect(report.lastSeq).toBeGreaterThan(report.coveredSeq);
    expect(filesOf(disk)).toEqual(before);
  });

  test("makes no call that could change anything", async () => {
    const watched = new FailingFileSystem(await richStore(1));
    checkStore(watched, dataDirectory);
    const kinds = new Set(watched.calls.map(({ kind }) => kind));
    const harmless = [
      "openRead",
      "read",
      "size",
      "list",
      "exists",
      "close",
      "lockToRead",
      "unlock",
      "realPath",
    ];
    expect([...kinds].filter((kind) => !harmless.includes(kind))).toEqual([]);
  });

  test("refuses a store that a server has open, and keeps one from starting meanwhile", async () => {
    const disk = await richStore(1);
    const driver = await EngineDriver.open(disk, smallSizes);
    expect(() => checkStore(disk, dataDirectory)).toThrow(
      expect.objectContaining({
        code: "LOCKED",
        message: expect.stringContaining(`process ${process.pid} has it open`),
      }),
    );
    await driver.engine.close();
    expect(checkStore(disk, dataDirectory).findings).toEqual([]);

    let refusals = 0;
    const watched = new FailingFileSystem(disk, {
      onCall: ({ kind }) => {
        if (kind === "openRead")
          expect(() => disk.lock(`${dataDirectory}/wal/LOCK`)).toThrow(/holds its lock/);
        if (kind === "openRead") refusals++;
      },
    });
    checkStore(watched, dataDirectory);
    expect(refusals).toBeGreaterThan(10);
    disk.lock(`${dataDirectory}/wal/LOCK`).release();
  });

  test("does not trust what it saw when a store without a lock gets one meanwhile", async () => {
    const disk = await richStore(1);
    disk.unlink(`${dataDirectory}/wal/LOCK`);
    expect(checkStore(disk, dataDirectory).findings).toEqual([]);
    const watched = new FailingFileSystem(disk, {
      onCall: ({ path }) => {
        if (path.endsWith(".table") && !disk.exists(`${dataDirectory}/wal/LOCK`)) {
          disk.lock(`${dataDirectory}/wal/LOCK`).release();
        }
      },
    });
    expect(() => checkStore(watched, dataDirectory)).toThrow(expect.objectContaining({ code: "LOCKED" }));
  });

  test("refuses a directory without a store, a file, and nothing", async () => {
    const disk = new MemoryFileSystem();
    disk.makeDirectory("/photos");
    disk.create("/photos/holiday.jpg").close();
    for (const path of ["/photos", "/photos/holiday.jpg", "/nowhere"]) {
      expect(() => checkStore(disk, path)).toThrow(expect.objectContaining({ code: "NO_STORE" }));
    }
  });

  test("calls a store clean that is as young as can be", async () => {
    const disk = new MemoryFileSystem();
    const driver = await EngineDriver.open(disk, smallSizes);
    expect(checkStore(disk.clone(), dataDirectory)).toMatchObject({ findings: [], notes: [], lastSeq: 0 });
    await driver.engine.close();
    const empty = new MemoryFileSystem();
    for (const path of ["/data", "/data/wal"]) empty.makeDirectory(path);
    expect(checkStore(empty, dataDirectory)).toMatchObject({ findings: [], segments: 0, lastSeq: 0 });
  });

  test("calls every disk clean, or torn at most, that a crash can leave", async () => {
    await withSeed(async (random, seed) => {
      const disk = new MemoryFileSystem();
      const driver = await EngineDriver.open(disk, { ...smallSizes, random: seededRandom(seed) });
      for (let count = 0; count < 300; count++) {
        driver.put(`k${count % 50}`, "v".repeat(count));
        if (count % 3 === 0) await driver.acknowledged(driver.delete(`k${(count * 7) % 50}`).version!);
        const crash =
          count % 2 === 0 ? ({ unsynced: "kept" } as const) : ({ unsynced: "mixed", random } as const);
        const { findings } = checkStore(disk.crash(crash), dataDirectory);
        expect({ count, corrupt: findings.filter(({ kind }) => kind === "corrupt") }).toEqual({
          count,
          corrupt: [],
        });
      }
      await driver.engine.close();
    });
  });
});

describe("check finds", () => {
  test("each file that is missing, and says which", async () => {
    const disk = await richStore(1);
    const { state } = readManifest(disk, `${dataDirectory}/manifest`)!;
    for (const path of filesOf(disk).keys()) {
      // Nobody needs the lock's file, and nothing vouches for a segment that was begun after the manifest's last edit.
      if (path.endsWith("LOCK") || (path > walPath(state.segmentNumber) && path.endsWith(".wal"))) continue;
      const { findings } = checkStore(withFile(disk, path, undefined), dataDirectory);
      expect({ path, kinds: findings.map(({ kind }) => kind) }).toEqual({
        path,
        kinds: expect.arrayContaining(["corrupt"]),
      });
      if (path.endsWith(".table")) {
        expect(findings).toEqual([
          { kind: "corrupt", file: path, offset: 0, problem: "the file is missing" },
        ]);
      }
    }
  });

  test("each of the three directories that is missing, or a file in its place", async () => {
    const disk = await richStore(1);
    for (const part of ["wal", "manifest", "tables"]) {
      const without = disk.clone();
      without.rename(`${dataDirectory}/${part}`, "/elsewhere");
      expect(checkStore(without, dataDirectory).findings.map(({ kind }) => kind)).toContain("corrupt");
      without.create(`${dataDirectory}/${part}`).close();
      expect(checkStore(without, dataDirectory).findings.map(({ kind }) => kind)).toContain("corrupt");
    }
  });

  test("two files that were swapped, whatever their kind", async () => {
    const disk = await richStore(2);
    const files = filesOf(disk);
    for (const kind of [".table", ".wal"]) {
      const paths = [...files.keys()].filter((path) => path.endsWith(kind));
      for (let index = 1; index < paths.length; index++) {
        const [one, other] = [paths[index - 1]!, paths[index]!];
        const swapped = withFile(withFile(disk, one, files.get(other)!), other, files.get(one)!);
        const findings = checkStore(swapped, dataDirectory).findings.filter(
          (each) => each.kind === "corrupt",
        );
        expect(findings.map(({ file }) => file)).toContain(one);
        if (kind === ".table") expect(findings.map(({ file }) => file)).toContain(other);
      }
    }
  });

  test("an older manifest, an older log or older tables that were put back, whichever they are", async () => {
    const disk = new MemoryFileSystem();
    const driver = await EngineDriver.open(disk, smallSizes);
    const ages: MemoryFileSystem[] = [];
    for (let age = 0; age < 6; age++) {
      for (let count = 0; count < 60; count++) driver.put(`k${(count * 13) % 100}`, `${age} `.repeat(30));
      await driver.checkpoint();
      // The floor that follows a checkpoint is the last that it writes.
      await driver.acknowledged(driver.put("last", String(age)).version!);
      ages.push(disk.clone());
    }
    await driver.engine.close();
    for (const [index, newer] of ages.entries()) {
      expect(checkStore(newer, dataDirectory).findings).toEqual([]);
      for (const older of ages.slice(0, index)) {
        for (const part of ["wal", "manifest", "tables"]) {
          const mixed = withDirectoryOf(newer, older, `${dataDirectory}/${part}`);
          const kinds = checkStore(mixed, dataDirectory).findings.map(({ kind }) => kind);
          expect({ index, part, kinds }).toEqual({ index, part, kinds: expect.arrayContaining(["corrupt"]) });
        }
      }
    }
  });

  for (const { name, says, change } of [
    {
      name: "a manifest that is gone",
      says: /^its log begins above seq \d+, but there is no manifest of the tables before it$/,
      change: (disk: MemoryFileSystem) => without(disk, "manifest"),
    },
    {
      name: "a log that is gone",
      says: /^there is a manifest, but no log$/,
      change: (disk: MemoryFileSystem) => without(disk, "wal"),
    },
    {
      name: "the log of another store",
      says: /^its manifest belongs to another store than its log$/,
      change: (disk: MemoryFileSystem, other: MemoryFileSystem) => withDirectoryOf(disk, other, "/data/wal"),
    },
  ]) {
    test(`${name}, and says what that means`, async () => {
      const changed = change(await richStore(3), await richStore(4));
      const { findings } = checkStore(changed, dataDirectory);
      expect(findings.filter(({ file }) => !file.endsWith(".table"))).toEqual([
        { kind: "corrupt", file: dataDirectory, offset: 0, problem: expect.stringMatching(says) },
      ]);
    });
  }

  test("parts of another store", async () => {
    const [disk, other] = [await richStore(3), await richStore(4)];
    for (const part of ["wal", "manifest", "tables"]) {
      const mixed = withDirectoryOf(disk, other, `${dataDirectory}/${part}`);
      expect(checkStore(mixed, dataDirectory).findings.map(({ kind }) => kind)).toContain("corrupt");
    }
  });

  test("names that no store gives, and passes over those with a dot", async () => {
    const disk = await richStore(1);
    const foreign = [
      "wal/notes.txt",
      "wal/zzz",
      "tables/12.table",
      "tables/000000000001.tables",
      "manifest/CURRENT",
      "manifest/b",
    ];
    for (const name of [...foreign, "tables/.nfs1", "wal/.hidden", ".hidden"])
      disk.create(`${dataDirectory}/${name}`).close();
    const { findings } = checkStore(disk, dataDirectory);
    expect(findings.map(({ file }) => file).sort()).toEqual(
      foreign.map((name) => `${dataDirectory}/${name}`).sort(),
    );
  });

  test("all that is damaged, and not only the first of it", async () => {
    const disk = await richStore(1);
    const { state, file } = readManifest(disk, `${dataDirectory}/manifest`)!;
    const segments = disk.list(`${dataDirectory}/wal`).filter((name) => name.endsWith(".wal"));
    const damaged = [
      ...segments.map((name) => `${dataDirectory}/wal/${name}`),
      ...state.tables.slice(0, 3).map(({ number }) => tablePath(number)),
    ];
    for (const path of damaged) flip(disk, path, 100);
    expect(
      checkStore(disk, dataDirectory)
        .findings.map((finding) => finding.file)
        .sort(),
    ).toEqual(damaged.sort());
    // Without the manifest nobody knows what there should be, but each file still vouches for itself.
    flip(disk, file, 60);
    expect(
      checkStore(disk, dataDirectory)
        .findings.map((finding) => finding.file)
        .sort(),
    ).toEqual([...damaged, file].sort());
  });

  test("zeros behind the groups of any segment but the last, which alone is prepared for more", async () => {
    const disk = new MemoryFileSystem();
    const runner = new HeldRunner(disk, systemClock);
    runner.isHeld = true;
    const driver = await EngineDriver.open(disk, { ...smallSizes, runner });
    for (let count = 0; count < 60; count++) await driver.putDurably(`k${count}`, "v".repeat(100));
    const left = disk.crash({ unsynced: "kept" });
    runner.isHeld = false;
    await driver.engine.close();
    const [first, ...others] = left.list(`${dataDirectory}/wal`).filter((name) => name.endsWith(".wal"));
    expect(others.length).toBeGreaterThan(1);
    // The survey ends here; what is behind is looked at segment by segment.
    flip(left, `${dataDirectory}/wal/${first}`, 100);
    for (const name of others) {
      const file = left.open(`${dataDirectory}/wal/${name}`);
      file.write(Buffer.alloc(64), file.size());
      file.close();
    }
    const found = checkStore(left, dataDirectory).findings.map(({ file }) => file.split("/").at(-1)!);
    expect(found).toEqual([first!, ...others.slice(0, -1)]);
  });

  test("a file that the disk can't read", async () => {
    const disk = await richStore(1);
    for (const path of filesOf(disk).keys()) {
      for (const kind of ["openRead", "read"] as const) {
        const failing = new FailingFileSystem(disk, {
          faults: [{ kind, path, at: 1, sticky: true, error: "EIO" }],
        });
        const { findings } = checkStore(failing, dataDirectory);
        expect({ path, kind, files: findings.map(({ file }) => file) }).toMatchObject({
          files: expect.arrayContaining([path]),
        });
      }
    }
  });

  test("a table that is whole, but not the one that the manifest means", async () => {
    const disk = await storeWithTables([{ level: 1, entries: "a@1 b@2" }]);
    const { state } = readManifest(disk, `${dataDirectory}/manifest`)!;
    for (const { entries, says } of [
      { entries: "a@1 b@3", says: /^it has (versionMax|fileChecksum) \d+, where the manifest says \d+$/ },
      {
        entries: "a@1 c@2",
        says: /^it(s lastKey is not what| has fileChecksum \d+, where) the manifest says/,
      },
      { entries: "a@1 b@2 c@3", says: /^it has bytes \d+, where the manifest says \d+$/ },
    ]) {
      const changed = disk.clone();
      changed.unlink(tablePath(100));
      await writeTable(changed, state, 100, { level: 1, entries });
      expect(checkStore(changed, dataDirectory).findings).toEqual([
        { kind: "corrupt", file: tablePath(100), offset: 0, problem: expect.stringMatching(says) },
      ]);
    }
  });

  test("tables where there is no manifest that could list them, though the log has all", async () => {
    const disk = new MemoryFileSystem();
    const driver = await EngineDriver.open(disk, smallSizes);
    await driver.putDurably("k", "v");
    await driver.engine.close();
    disk.unlink(readManifest(disk, `${dataDirectory}/manifest`)!.file);
    expect(checkStore(disk, dataDirectory).findings).toEqual([]);
    disk.create(tablePath(1)).close();
    expect(problemsOf(checkStore(disk, dataDirectory))).toEqual([
      `${tablePath(1)}: there is a table, but no manifest that could list it`,
    ]);
  });
});

describe("check holds tables to each other:", () => {
  const cases: readonly { name: string; tables: readonly MadeTable[]; says?: string[] }[] = [
    {
      name: "what lies deeper is older",
      tables: [
        { level: 0, entries: "a@20 b@19" },
        { level: 0, entries: "-a@18 c@17" },
        { level: 1, entries: "a@16 b@15" },
        { level: 1, entries: "c@14 d@13" },
        { level: 2, entries: "a@10 a@9 d@8" },
      ],
    },
    {
      name: "a level may hold newer versions of other keys than the one above it",
      tables: [
        { level: 1, entries: "a@3 c@4" },
        { level: 2, entries: "b@20 d@19" },
      ],
    },
    {
      name: "a version on a deeper level that is newer than the one above it",
      tables: [
        { level: 1, entries: "a@3 b@12 c@4" },
        { level: 2, entries: "a@2 b@13 c@1" },
      ],
      says: [
        "it has version 13 of the key 62 (in hexadecimal), but table 100 of level 1, where readers look first, has version 12",
      ],
    },
    {
      name: "the same version twice",
      tables: [
        { level: 0, entries: "b@12" },
        { level: 6, entries: "b@12" },
      ],
      says: [
        "it has version 12 of the key 62 (in hexadecimal), but table 100 of level 0, where readers look first, has version 12",
      ],
    },
    {
      name: "an older table of level 0 with a newer version of one key",
      tables: [
        { level: 0, entries: "b@5 c@20" },
        { level: 0, entries: "b@6 c@19" },
      ],
      says: [
        "it has version 6 of the key 62 (in hexadecimal), but table 100 of level 0, where readers look first, has version 5",
      ],
    },
    {
      name: "a version that a snapshot needed, above one that is newer",
      tables: [
        { level: 1, entries: "b@15 b@5" },
        { level: 3, entries: "b@10" },
      ],
      says: [
        "it has version 10 of the key 62 (in hexadecimal), but table 100 of level 1, where readers look first, has version 5",
      ],
    },
    {
      name: "a tombstone above what came after it",
      tables: [
        { level: 1, entries: "-b@5 z@20" },
        { level: 3, entries: "b@6" },
      ],
      says: [
        "it has version 6 of the key 62 (in hexadecimal), but table 100 of level 1, where readers look first, has version 5",
      ],
    },
  ];
  for (const { name, tables, says = [] } of cases) {
    test(name, async () => {
      const { findings } = checkStore(await storeWithTables(tables), dataDirectory);
      expect(findings.map(({ problem }) => problem)).toEqual(says);
      for (const { file, offset } of findings) {
        expect(file).toBe(tablePath(101));
        expect(offset).toBeGreaterThan(0);
      }
    });
  }

  test("each table that is newer than what lies above it is named once", async () => {
    const disk = await storeWithTables([
      { level: 1, entries: "a@1 b@2 c@3 x@4" },
      { level: 2, entries: "a@11 b@12" },
      { level: 2, entries: "c@13 d@2" },
      { level: 3, entries: "x@1" },
    ]);
    expect(checkStore(disk, dataDirectory).findings.map(({ file }) => file)).toEqual([
      tablePath(101),
      tablePath(102),
    ]);
  });

  test("tables end where a segment of the log ends", async () => {
    const disk = await storeWithTables([{ level: 0, entries: "a@1" }]);
    const driver = await EngineDriver.open(disk, smallSizes);
    for (let count = 0; count < 5; count++) driver.put(`more${count}`, "v");
    await driver.acknowledged(driver.engine.currentSeq);
    await driver.engine.close();
    expect(checkStore(disk, dataDirectory).findings).toEqual([]);
    const { coveredSeq } = checkStore(disk, dataDirectory);
    await replaceManifest(disk, { coveredSeq: coveredSeq + 2 });
    expect(problemsOf(checkStore(disk, dataDirectory))).toEqual([
      `${dataDirectory}: its tables end at seq ${coveredSeq + 2}, and no segment of its log begins behind that`,
    ]);
  });
});

describe("check mentions, and does not complain about,", () => {
  test("what a crash or a repair left", async () => {
    const disk = await richStore(1);
    const { number } = readManifest(disk, `${dataDirectory}/manifest`)!;
    const left: Record<string, string> = {
      [`wal/${tornName({ number: 1, offset: 96, copy: 1 })}`]: "a torn tail that a repair cut off and kept",
      [`wal/${segmentName(99)}.tmp`]: "was being written when a process ended; the next start deletes it",
      [`tables/${tableName(77)}.tmp`]: "was being written when a process ended; the next start deletes it",
      [`tables/${tableName(3)}`]:
        "the manifest does not list it: a crash left it behind, and the next start deletes it",
      [`manifest/${manifestName(number + 1)}.tmp`]:
        "was being written when a process ended; the next start deletes it",
      [`manifest/${manifestName(number - 1)}`]: "a later manifest took its place; the next start deletes it",
      "lost+found": "no store writes this; it is passed over",
    };
    for (const name of Object.keys(left)) disk.create(`${dataDirectory}/${name}`).close();
    const { findings, notes } = checkStore(disk, dataDirectory);
    expect(findings).toEqual([]);
    expect(
      Object.fromEntries(notes.map(({ file, text }) => [file.slice(dataDirectory.length + 1), text])),
    ).toEqual(left);
  });

  test("an edit of the manifest that a crash kept from being sealed, and tells it from a torn one", async () => {
    const disk = await richStore(1);
    const { file, bytes } = readManifest(disk, `${dataDirectory}/manifest`)!;
    const sealBytes = 36;
    const unsealed = disk.clone();
    unsealed.open(file).truncate(bytes - sealBytes);
    expect(checkStore(unsealed, dataDirectory)).toMatchObject({
      findings: [],
      notes: [{ file, text: expect.stringContaining("a crash came before its seal") }],
    });
    const torn = disk.clone();
    torn.open(file).truncate(bytes - 1);
    expect(checkStore(torn, dataDirectory).findings).toEqual([
      { kind: "torn", file, offset: bytes - sealBytes, problem: expect.stringContaining("1 bytes before") },
    ]);
  });
});

function flip(disk: MemoryFileSystem, path: string, offset: number): void {
  const file = disk.open(path);
  const byte = new Uint8Array(1);
  file.read(byte, offset);
  file.write(Uint8Array.of(byte[0]! ^ 1), offset);
  file.close();
}

/** A copy in which a directory has nothing but a lock. */
function without(disk: MemoryFileSystem, part: string): MemoryFileSystem {
  const copy = disk.clone();
  for (const name of copy.list(`${dataDirectory}/${part}`)) {
    if (name !== "LOCK") copy.unlink(`${dataDirectory}/${part}/${name}`);
  }
  return copy;
}
