import { describe, expect, test } from "bun:test";
import { checkStore } from "../../../src/offline/check-store.ts";
import { readFile } from "../../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { rejectionOf } from "../../wal/log-fixture.ts";
import { neverDone, openStore as open } from "./gap-fixture.ts";

/** Mutants of what a store relies on when it begins, or is looked at, showed that these were missing. */

const tables = (disk: MemoryFileSystem) => disk.list("/data/tables").sort();

function replace(disk: MemoryFileSystem, path: string, bytes: Uint8Array): void {
  if (disk.exists(path)) disk.unlink(path);
  const file = disk.create(path);
  file.write(bytes, 0);
  file.close();
}

/** Puts the files of a part of one store into the place of another's. */
function withPartOf(disk: MemoryFileSystem, other: MemoryFileSystem, part: string): MemoryFileSystem {
  const mixed = disk.clone();
  const directory = `/data/${part}`;
  for (const name of mixed.list(directory)) mixed.unlink(`${directory}/${name}`);
  for (const name of other.list(directory))
    replace(mixed, `${directory}/${name}`, readFile(other, `${directory}/${name}`));
  return mixed;
}

describe("a store that was moved", () => {
  /** A store whose merged tables wait for their deletion, and then another one in its place. */
  async function movedWithDoomed() {
    const disk = new MemoryFileSystem();
    const db = await open(disk);
    for (const value of ["1", "2"]) {
      await db.putDurably("k", value);
      await db.checkpoint();
    }
    const doomed = tables(disk);
    await db.compact();
    expect(tables(disk).length).toBe(doomed.length + 1);
    disk.rename("/data", "/elsewhere");
    for (const directory of ["/data", "/data/wal", "/data/tables", "/data/manifest"])
      disk.makeDirectory(directory);
    for (const name of doomed) disk.create(`/data/tables/${name}`).close();
    return { disk, db, doomed };
  }

  test("deletes nothing by the names of its old tables", async () => {
    const { disk, db, doomed } = await movedWithDoomed();
    let isOver = false;
    db.engine.onFault(() => (isOver = true));
    while (!isOver && tables(disk).length === doomed.length)
      await new Promise((resolve) => setImmediate(resolve));
    expect(tables(disk)).toEqual(doomed);
    await db.engine.close();
  });

  test("deletes nothing when it is closed", async () => {
    const { disk, db, doomed } = await movedWithDoomed();
    await db.engine.close().catch(() => {});
    expect(tables(disk)).toEqual(doomed);
  });
});

describe("a start refuses", () => {
  /** Three ages of one store, each closed; nothing is merged, so older manifests list tables that are still there. */
  async function ages(): Promise<MemoryFileSystem[]> {
    const disk = new MemoryFileSystem();
    const states: MemoryFileSystem[] = [];
    for (const value of ["1", "2", "3"]) {
      const db = await open(disk);
      await db.putDurably(`k${value}`, value);
      await db.checkpoint();
      await db.engine.close();
      states.push(disk.clone());
    }
    return states;
  }

  test("an older manifest, whose tables end before the log begins", async () => {
    const [, older, newest] = await ages();
    expect((await rejectionOf(open(withPartOf(newest!, older!, "manifest")))).message).toMatch(
      /its log begins above seq \d+, but its tables end at seq/,
    );
  });

  test("an older log, which ends before the tables do", async () => {
    const [, older, newest] = await ages();
    expect((await rejectionOf(open(withPartOf(newest!, older!, "wal")))).message).toMatch(
      /its log ends with segment \d+ at seq \d+, but was durable up to segment/,
    );
  });

  test("a whole table of the same number that another life of the store wrote", async () => {
    const disk = new MemoryFileSystem();
    await (await open(disk)).engine.close();
    const lives: MemoryFileSystem[] = [];
    for (const value of ["one", "other"]) {
      const life = disk.clone();
      const db = await open(life);
      await db.putDurably("k", value);
      await db.checkpoint();
      await db.engine.close();
      lives.push(life);
    }
    const [one, other] = lives as [MemoryFileSystem, MemoryFileSystem];
    expect(tables(one)).toEqual(tables(other));
    const error = await rejectionOf(open(withPartOf(one, other, "tables")));
    expect(error).toMatchObject({ code: "TABLE_CORRUPT" });
    expect(error.message).toContain("where the manifest says");
  });
});

describe("a check, behind the first damage,", () => {
  const segment = (number: number) => `/data/wal/${String(number).padStart(12, "0")}.wal`;

  /** A log of several segments, the first of them damaged. */
  async function damaged(): Promise<MemoryFileSystem> {
    const disk = new MemoryFileSystem({});
    const db = await EngineDriver.open(disk, { segmentBytesMax: 2048, runner: neverDone });
    for (let index = 0; disk.list("/data/wal").length < 5; index++)
      await db.putDurably(`k${index}`, "v".repeat(300));
    for (let index = 0; index < 3; index++) await db.putDurably(`last ${index}`, "v");
    const left = disk.crash({ unsynced: "kept" });
    replace(left, segment(1), readFile(left, segment(1)).fill(1, 200, 210));
    return left;
  }

  test("still tells damage with a witness from a tear", async () => {
    const disk = await damaged();
    const last = disk
      .list("/data/wal")
      .filter((name) => name.endsWith(".wal"))
      .sort()
      .at(-1)!;
    const bytes = readFile(disk, `/data/wal/${last}`);
    bytes[bytes.indexOf("last 0")]! ^= 1;
    replace(disk, `/data/wal/${last}`, bytes);
    const finding = checkStore(disk, "/data").findings.find(({ file }) => file.endsWith(last));
    expect(finding?.kind).toBe("corrupt");
  });

  test("still holds segments to their names", async () => {
    const disk = await damaged();
    const [two, three] = [readFile(disk, segment(2)), readFile(disk, segment(3))];
    replace(disk, segment(2), three);
    replace(disk, segment(3), two);
    const problems = checkStore(disk, "/data").findings.map(({ problem }) => problem);
    expect(problems).toContain("its header says segment 3");
    expect(problems).toContain("its header says segment 2");
  });
});
