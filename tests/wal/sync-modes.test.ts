import { describe, expect, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import type { SyncMode, WalOptions, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import { iterated, openTestLog, put, replayed } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

/** When an acknowledgement comes, and what it is worth: seen on a disk whose syncs last until the test ends them. */

const everyMode: SyncMode[] = ["always", "batch", "none"];

async function openHeld(options: WalOptions) {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const fileSystem = new FailingFileSystem(disk);
  const log = await openTestLog(fileSystem, { clock, segmentBytesMax: 64 * 1024, ...options });
  disk.holdSyncs(true);
  const syncs = () => fileSystem.count({ kind: "datasync" });
  return { disk, clock, fileSystem, log, syncs };
}

/** Keeps an eye on a promise without waiting for it. */
function watch<T>(promise: Promise<T>): { settled: boolean; promise: Promise<T> } {
  const watched = { settled: false, promise };
  const settled = () => void (watched.settled = true);
  promise.then(settled, settled);
  return watched;
}

/** What is left when the power goes now, in a log opened from it. */
async function afterPowerCut(disk: MemoryFileSystem): Promise<string[]> {
  const left = disk.crash({ unsynced: "lost" });
  left.holdSyncs(false);
  const log: WriteAheadLog = await openTestLog(left);
  return replayed(log);
}

describe('in mode "always"', () => {
  test("an append resolves after the sync that covers it, and not before", async () => {
    const { disk, log } = await openHeld({});
    const append = watch(log.append(put("k", "1")));
    const sync = await disk.nextHeldSync();
    await settle();
    expect(append.settled).toBe(false);
    expect(await afterPowerCut(disk)).toEqual([]);
    sync.release();
    expect(await append.promise).toBe(1);
    expect(await afterPowerCut(disk)).toEqual(["1 put k=1"]);
  });

  test("appends that come during a sync wait for the next one, and share it", async () => {
    const { disk, log, syncs } = await openHeld({});
    const first = watch(log.append(put("first")));
    const sync = await disk.nextHeldSync();
    const others = Array.from({ length: 50 }, (_, index) => watch(log.append(put(`other${index}`))));
    await settle();
    sync.release();
    expect(await first.promise).toBe(1);
    const next = await disk.nextHeldSync();
    await settle();
    expect(others.some(({ settled }) => settled)).toBe(false);
    next.release();
    expect(await Promise.all(others.map(({ promise }) => promise))).toEqual(
      others.map((_, index) => index + 2),
    );
    expect(syncs()).toBe(2);
  });

  test("one group is in flight: nothing is written while a sync runs", async () => {
    const { disk, log, fileSystem } = await openHeld({});
    void log.append(put("first"));
    const sync = await disk.nextHeldSync();
    const writes = fileSystem.count({ kind: "write" });
    const second = log.append(put("second"));
    await settle();
    expect(fileSystem.count({ kind: "write" })).toBe(writes);
    expect(disk.heldSyncs).toHaveLength(1);
    sync.release();
    (await disk.nextHeldSync()).release();
    await second;
  });

  test("appends of one turn of the event loop share one write and one sync", async () => {
    const { disk, log, fileSystem, syncs } = await openHeld({});
    const writes = fileSystem.count({ kind: "write" });
    const appends = Array.from({ length: 200 }, () => log.append(put("k", 20)));
    (await disk.nextHeldSync()).release();
    await Promise.all(appends);
    expect(fileSystem.count({ kind: "write" }) - writes).toBe(1);
    expect(syncs()).toBe(1);
  });
});

describe('in mode "batch"', () => {
  test("an append resolves once it is written, and a sync follows within batchDelayMs", async () => {
    const { disk, clock, log, syncs } = await openHeld({ syncMode: "batch", batchDelayMs: 7 });
    expect(await log.append(put("k", "1"))).toBe(1);
    expect(await replayed(log)).toEqual(["1 put k=1"]);
    clock.advance(6);
    await settle();
    expect(syncs()).toBe(0);
    clock.advance(1);
    (await disk.nextHeldSync()).release();
    await settle();
    expect(await afterPowerCut(disk)).toEqual(["1 put k=1"]);
  });

  test("a sync follows within batchRecordsMax records, however little time has gone", async () => {
    const { disk, log, syncs } = await openHeld({ syncMode: "batch", batchRecordsMax: 10 });
    for (let index = 1; index <= 9; index++) await log.append(put("k"));
    await settle();
    expect(syncs()).toBe(0);
    await log.append(put("k"));
    (await disk.nextHeldSync()).release();
    await settle();
    expect(await afterPowerCut(disk)).toHaveLength(10);
  });

  test("the defaults are 100 records and 10 ms", async () => {
    const { disk, clock, log, syncs } = await openHeld({ syncMode: "batch" });
    await log.append(put("k"));
    expect(clock.alarmsInMs).toEqual([10]);
    for (let index = 2; index <= 99; index++) await log.append(put("k"));
    await settle();
    expect(syncs()).toBe(0);
    await log.append(put("k"));
    await disk.nextHeldSync();
    expect(syncs()).toBe(1);
  });

  test("a sync holds up no append, and what came meanwhile gets a sync of its own", async () => {
    const { disk, clock, log } = await openHeld({ syncMode: "batch" });
    await log.append(put("k"));
    clock.advance(10);
    const sync = await disk.nextHeldSync();
    for (let index = 2; index <= 150; index++) expect(await log.append(put("k"))).toBe(index);
    sync.release();
    await settle();
    (await disk.nextHeldSync()).release();
    await settle();
    expect(await afterPowerCut(disk)).toHaveLength(150);
  });

  test("a sync covers what was written before it began, and not what was written while it ran", async () => {
    const { disk, clock, log } = await openHeld({ syncMode: "batch" });
    await log.append(put("a", "1"));
    clock.advance(10);
    const early = await disk.nextHeldSync();
    await log.append(put("b", "2"));
    early.release();
    await settle();
    expect(await afterPowerCut(disk)).toEqual(["1 put a=1"]);
    const barrier = watch(log.sync());
    const later = await disk.nextHeldSync();
    await settle();
    expect(barrier.settled).toBe(false);
    later.release();
    await barrier.promise;
    expect(await afterPowerCut(disk)).toEqual(["1 put a=1", "2 put b=2"]);
  });

  test("two syncs are never in flight at once: the system reports lost pages to one of them only", async () => {
    const { disk, clock, log } = await openHeld({ syncMode: "batch", batchRecordsMax: 5 });
    const waiting: Promise<unknown>[] = [];
    for (let round = 0; round < 30; round++) {
      for (let index = 0; index < 1 + (round % 7); index++) waiting.push(log.append(put("k")));
      await settle(2);
      if (round % 3 === 0) waiting.push(log.sync());
      clock.advance(round % 13);
      await settle(3);
      expect(disk.heldSyncs.length).toBeLessThanOrEqual(1);
      if (round % 4 === 3) disk.heldSyncs[0]?.release();
    }
    disk.holdSyncs(false);
    disk.heldSyncs[0]?.release();
    await Promise.all(waiting);
  });
});

describe('in mode "none"', () => {
  test("an append resolves once it is written, and no sync follows by itself", async () => {
    const { clock, log, syncs } = await openHeld({ syncMode: "none" });
    for (let index = 1; index <= 300; index++) expect(await log.append(put("k", 20))).toBe(index);
    clock.advance(100_000);
    await settle();
    expect(syncs()).toBe(0);
    expect(await replayed(log)).toHaveLength(300);
  });
});

describe.each(everyMode)('in mode "%s"', (syncMode) => {
  /** Ends each sync as it comes, and counts them, until `done` settles. */
  async function releaseUntil(disk: MemoryFileSystem, done: Promise<unknown>): Promise<number> {
    const watched = watch(done);
    let released = 0;
    while (!watched.settled) {
      for (const sync of [...disk.heldSyncs]) {
        expect(watched.settled).toBe(false);
        sync.release();
        released++;
      }
      await settle(1);
    }
    await done;
    return released;
  }

  test.each<[string, (log: WriteAheadLog) => Promise<unknown>, string[]]>([
    ["sync()", (log) => log.sync(), ["1 put a=1", "2 put b=2"]],
    ["checkpoint()", (log) => log.checkpoint(), ["1 put a=1", "2 put b=2"]],
    ["truncate()", (log) => log.truncate(1), ["2 put b=2"]],
    ["truncate() of everything", (log) => log.truncate(2), []],
    ["close()", (log) => log.close(), ["1 put a=1", "2 put b=2"]],
  ])("%s makes all that was appended before it durable", async (_, act, expected) => {
    const { disk, log } = await openHeld({ syncMode });
    const appends = [log.append(put("a", "1")), log.append(put("b", "2"))];
    const released = await releaseUntil(disk, act(log));
    expect(released).toBeGreaterThan(0);
    await Promise.all(appends);
    expect(await afterPowerCut(disk)).toEqual(expected);
  });

  test("sync() resolves at once when there is nothing to sync, and syncs nothing", async () => {
    const { disk, log, syncs } = await openHeld({ syncMode });
    await releaseUntil(disk, Promise.all([log.append(put("k")), log.sync()]));
    const before = syncs();
    await log.sync();
    expect(syncs()).toBe(before);
  });

  test("sync() waits for a sync that began after the bytes were written, not for one under way", async () => {
    const { disk, clock, log } = await openHeld({ syncMode });
    const first = watch(log.append(put("a", "1")));
    const firstSync = watch(log.sync());
    clock.advance(10);
    const early = await disk.nextHeldSync();
    void log.append(put("b", "2"));
    const barrier = watch(log.sync());
    await settle();
    early.release();
    await first.promise;
    await firstSync.promise;
    await settle();
    expect(barrier.settled).toBe(false);
    expect(await afterPowerCut(disk)).toEqual(["1 put a=1"]);
    await releaseUntil(disk, barrier.promise);
    expect(await afterPowerCut(disk)).toEqual(["1 put a=1", "2 put b=2"]);
  });

  test("a rotation syncs the segment that it seals, before the next one has a name", async () => {
    const { disk, log, fileSystem } = await openHeld({ syncMode, segmentBytesMax: 400 });
    const appends = Array.from({ length: 10 }, (_, index) => log.append(put(`k${index}`, 50)));
    await releaseUntil(disk, Promise.all(appends));
    const order = fileSystem.calls
      .filter(({ kind, path }) => kind !== "freeBytes" && path.includes("/0"))
      .map(({ kind, path }) => `${kind} ${path.slice(-6)}`);
    const renamed = order.flatMap((call, at) => (call.startsWith("rename") ? [at] : []));
    expect(renamed.length).toBeGreaterThan(3);
    for (const at of renamed.slice(1)) {
      // Since the last write to the sealed segment there was a sync of it.
      const lastWrite = order
        .slice(0, at)
        .findLastIndex((call) => call.startsWith("write") && call.endsWith(".wal"));
      expect(order.slice(lastWrite, at)).toContain(order[lastWrite]!.replace("write", "datasync"));
    }
    const lines = await iterated(log);
    const kept = await afterPowerCut(disk);
    expect(kept.length).toBeGreaterThanOrEqual(syncMode === "always" ? 10 : 7);
    expect(lines.slice(0, kept.length)).toEqual(kept);
  });

  test("what a crash left is durable again once the next start has shown it", async () => {
    const { disk, log } = await openHeld({ syncMode: "none" });
    for (let index = 0; index < 20; index++) await log.append(put("k", 30));
    const killed = disk.crash({ unsynced: "kept" });
    killed.holdSyncs(false);
    const again = await openTestLog(killed, { syncMode });
    expect(await replayed(again)).toHaveLength(20);
    expect(await afterPowerCut(killed)).toHaveLength(20);
  });
});
