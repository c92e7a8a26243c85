import { expect, test } from "bun:test";
import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import type { JobRunner } from "../../src/compaction/job-runner.ts";
import { snapshotWanted } from "../../src/engine/store.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { idleMergeMs } from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { settle, StillClock } from "../wal/still-clock.ts";
import { EngineDriver } from "./engine-driver.ts";

/** What readers broke once, of that which happens behind the requests. */

test("a scan that begins in a desert of tombstones shows one moment all the same", async () => {
  const db = await EngineDriver.open(new MemoryFileSystem(), { segmentBytesMax: 1 << 20 });
  for (let index = 0; index <= 65_600; index++) db.delete(`a${String(index).padStart(6, "0")}`);
  db.put("m", "before");
  const first = db.scan({}, snapshotWanted);
  expect(first.more).toBe(true);
  expect(first.snapshotId).toBeGreaterThan(0);
  db.put("m", "after");
  const after = first.entries!.at(-1)![0];
  const second = db.scan({ after }, first.snapshotId).entries!;
  expect(second.map(([key, value]) => [key, value])).toEqual([["m", "before"]]);
  await db.engine.close();
});

test("a segment that a crash left without any record is flushed with its neighbours, and stops nothing", async () => {
  const memory = new MemoryFileSystem();
  let crashed: MemoryFileSystem | undefined;
  const disk = new FailingFileSystem(memory, {
    onCall(call) {
      const isFirstGroup = call.kind === "write" && /0+2\.wal$/.test(call.path);
      if (isFirstGroup) crashed ??= memory.crash({ unsynced: "kept" });
    },
  });
  const before = await EngineDriver.open(disk);
  for (let index = 0; crashed === undefined; index++) await before.putDurably(`k${index}`, "x".repeat(100));
  await before.engine.close();
  const db = await EngineDriver.open(crashed);
  await db.putDurably("large", "y".repeat(2_500));
  await db.checkpoint();
  await db.putDurably("last", "z");
  expect(db.get("k0").value).toBe("x".repeat(100));
  expect(db.get("large").value).toHaveLength(2_500);
  await db.engine.close();
});

test("a checkpoint and a compaction end when the disk fails, and when the store closes", async () => {
  const disk = new FailingFileSystem(new MemoryFileSystem());
  const failing = await EngineDriver.open(disk);
  await failing.putDurably("a", "1");
  disk.inject({ kind: "create", path: /tables/, at: 1, error: "EIO" });
  const ended = await Promise.allSettled([failing.checkpoint(), failing.compact()]);
  expect(ended.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(failing.put("b", "2").refusal).toMatchObject({ code: "STORAGE_FAULT" });
  await failing.engine.close();

  const closing = await EngineDriver.open(new MemoryFileSystem());
  await closing.putDurably("a", "1");
  const closed = closing.engine.close();
  const late = await Promise.allSettled([closing.checkpoint(), closing.compact(), closed]);
  expect(late.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  expect(closing.get("a").refusal).toMatchObject({ code: "WAL_CLOSED" });
});

test("the last segment of the log can't vanish unseen after a clean close, nor after a crash's restart", async () => {
  const disk = new MemoryFileSystem();
  const db = await EngineDriver.open(disk, { runner: withoutEnd(disk, "flush") });
  for (let index = 0; index < 35; index++) await db.putDurably(`k${index}`, "x".repeat(100));
  const crashed = disk.crash({ unsynced: "lost" });
  await db.engine.close();
  // What the second one recovered it did not flush either: nothing but its start has told the manifest.
  const restarted = await EngineDriver.open(crashed, { runner: withoutEnd(crashed, "flush") });
  const killed = crashed.crash({ unsynced: "lost" });
  for (const found of [disk, killed]) {
    const segments = found.list("/data/wal").filter((name) => name.endsWith(".wal"));
    expect(segments.length).toBeGreaterThan(2);
    found.unlink(`/data/wal/${segments.toSorted().at(-1)}`);
    await expect(EngineDriver.open(found)).rejects.toMatchObject({ code: "STORE_MISMATCH" });
  }
  await restarted.engine.close();
});

test("of two opens at the same moment the later has the whole store, sealed segments and tables too", async () => {
  const disk = new MemoryFileSystem();
  const before = await EngineDriver.open(disk, { runner: withoutEnd(disk, "flush") });
  for (let index = 0; index < 35; index++) await before.putDurably(`k${index}`, "x".repeat(100));
  const crashed = disk.crash({ unsynced: "lost" });
  const [first, second] = await Promise.all([EngineDriver.open(crashed), EngineDriver.open(crashed)]);
  expect(first.put("a", "1").refusal).toMatchObject({ code: "WAL_FENCED" });
  expect(first.get("k1").refusal).toMatchObject({ code: "WAL_FENCED" });
  await second.compact();
  for (let index = 0; index < 35; index++) expect(second.get(`k${index}`).value).toHaveLength(100);
  await second.engine.close();
  const again = await EngineDriver.open(crashed);
  expect(again.all()).toHaveLength(35);
  await again.engine.close();
});

test("where the disk has no room for merges, writes end as DISK_FULL and not in silence, and it heals", async () => {
  const disk = new MemoryFileSystem();
  const headroom = 1_000_000;
  const options = { segmentBytesMax: 8_192, tableBytesMax: 2_048, diskHeadroomBytes: headroom };
  const db = await EngineDriver.open(disk, options);
  const write = (index: number) => db.put(`k${(index * 7_919) % 1_000}`, "x".repeat(1_000));
  for (let index = 0; index < 100; index++) await db.acknowledged(write(index).version!);
  disk.setFreeBytes(headroom + 100_000);
  let refusal: string | undefined;
  for (let index = 100; refusal === undefined; index++) {
    const answer = write(index);
    refusal = answer.refusal?.code;
    if (refusal === undefined) await db.acknowledged(answer.version!);
  }
  expect(refusal).toBe("DISK_FULL");
  expect(db.get("k0").value).toHaveLength(1_000);
  disk.setFreeBytes(2 ** 40);
  for (let answer = write(0); ; answer = write(0)) {
    if (answer.refusal === undefined) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await db.engine.close();
});

test("tables of level 0 go down when no other has come for a while, and not before", async () => {
  const clock = new StillClock();
  const db = await EngineDriver.open(new MemoryFileSystem(), { clock });
  const stats = () => db.engine.stats() as { levelTables: string; compactionPending: boolean };
  const levelZero = () => Number(stats().levelTables.split(" ")[0]);
  // Jobs wait a little after each chunk, so time has to go on for them.
  const until = async (isTime: () => boolean) => {
    for (let ms = 0; !isTime(); ms++) {
      expect(ms).toBeLessThan(idleMergeMs / 2);
      clock.advance(1);
      await settle(1);
    }
  };
  for (let round = 1; round <= 3; round++) {
    await db.acknowledged(db.put("k", `${round}`).version!);
    const checkpoint = db.checkpoint();
    await until(() => levelZero() === round);
    await checkpoint;
    clock.advance(idleMergeMs / 2);
    await settle(50);
  }
  expect(levelZero()).toBe(3);
  expect(stats().compactionPending).toBe(true);
  clock.advance(idleMergeMs / 2);
  await until(() => !stats().compactionPending);
  expect(levelZero()).toBe(0);
  expect(db.get("k").value).toBe("3");
  await db.engine.close();
});

test("closing ends although a job never does", async () => {
  const disk = new MemoryFileSystem();
  const db = await EngineDriver.open(disk, { runner: withoutEnd(disk, "flush") });
  for (let index = 0; index < 35; index++) await db.putDurably(`k${index}`, "x".repeat(100));
  await db.engine.close();
});

/** A runner whose jobs of one kind hang until it is closed. */
function withoutEnd(disk: MemoryFileSystem, kind: "flush" | "merge"): JobRunner {
  const inner = new InlineRunner(disk, systemClock);
  const { promise: closed, reject: close } = Promise.withResolvers<never>();
  closed.catch(() => {});
  return {
    memory: undefined,
    prepare: () => {},
    run: (job) => (job.kind === kind ? closed : inner.run(job)),
    cancelAll: () => new Promise(() => {}),
    close() {
      close(new Error("closed"));
      return inner.close();
    },
  };
}
