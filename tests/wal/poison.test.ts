import { describe, expect, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import {
  StorageFaultError,
  UnknownOutcomeError,
  WalFencedError,
  type WalOptions,
} from "../../src/wal/write-ahead-log.ts";
import { collect, lineOf, openTestLog, put, rejectionOf, replayed } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

/** What callers see when the disk fails: faults.test.ts tries every way, this tells the story. */

async function openHeld(options: WalOptions = {}) {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const fileSystem = new FailingFileSystem(disk);
  const log = await openTestLog(fileSystem, { clock, ...options });
  await log.append(put("before", "1"));
  disk.holdSyncs(true);
  return { disk, clock, fileSystem, log };
}

describe("a failed sync", () => {
  test("rejects everything that waits, as of unknown outcome, and is never tried again", async () => {
    const { disk, fileSystem, log } = await openHeld();
    const inFlight = log.append(put("in flight"));
    const sync = await disk.nextHeldSync();
    const waiting = [
      log.append(put("waiting")),
      log.appendBatch([put("x"), put("y")]),
      log.checkpoint(),
      log.sync(),
    ];
    const calls = fileSystem.calls.length;
    sync.fail();
    for (const call of [inFlight, ...waiting]) {
      const error = await rejectionOf(call);
      expect(error).toBeInstanceOf(UnknownOutcomeError);
      expect(error).toMatchObject({ code: "UNKNOWN_OUTCOME", outcome: "unknown" });
      expect(error.cause).toBeInstanceOf(StorageFaultError);
    }
    await settle();
    expect(fileSystem.calls.slice(calls).map(({ kind }) => kind)).toEqual([]);
  });

  test("poisons the handle, which says why, and still shows what was durable", async () => {
    const { disk, log } = await openHeld();
    const append = log.append(put("lost"));
    (await disk.nextHeldSync()).fail();
    await rejectionOf(append);
    for (const call of [log.append(put("k")), log.checkpoint(), log.truncate(1), log.sync()]) {
      const error = await rejectionOf(call);
      expect(error).toBeInstanceOf(StorageFaultError);
      expect(error.message).toContain("EIO");
    }
    expect(await replayed(log)).toEqual(["1 put before=1"]);
  });

  test('that nobody waited for, in mode "batch", is not hushed up by close()', async () => {
    const { disk, clock, log } = await openHeld({ syncMode: "batch" });
    await log.append(put("acknowledged when written"));
    clock.advance(10);
    (await disk.nextHeldSync()).fail();
    await settle();
    expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(StorageFaultError);
    expect(await rejectionOf(log.close())).toBeInstanceOf(UnknownOutcomeError);
  });

  test("lets the directory go when the handle is closed, and the next open decides what survived", async () => {
    const { disk, log } = await openHeld();
    const append = log.append(put("lost", "2"));
    (await disk.nextHeldSync()).fail(undefined, "old");
    await rejectionOf(append);
    await rejectionOf(log.close());
    disk.holdSyncs(false);
    const again = await openTestLog(disk);
    expect(await replayed(again)).toEqual(["1 put before=1"]);
    expect(await again.append(put("next", "2"))).toBe(2);
    expect(await replayed(await openTestLog(disk.crash({ unsynced: "lost" })))).toEqual([
      "1 put before=1",
      "2 put next=2",
    ]);
  });

  test("whose pages the system calls clean is no danger: the next start writes them itself", async () => {
    const { disk, log } = await openHeld();
    const append = log.append(put("in the cache", "2"));
    (await disk.nextHeldSync()).fail(undefined, "new");
    await rejectionOf(append);
    disk.holdSyncs(false);
    const killed = disk.crash({ unsynced: "kept" });
    const again = await openTestLog(killed);
    const shown = await replayed(again);
    expect(shown).toEqual(["1 put before=1", "2 put in the cache=2"]);
    // Shown is durable: a power cut takes back nothing of it.
    expect(await replayed(await openTestLog(killed.crash({ unsynced: "lost" })))).toEqual(shown);
  });
});

describe("a write that comes back short", () => {
  test("is continued, byte by byte if need be", async () => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk, {
      faults: [{ kind: "write", at: 1, sticky: true, bytes: 3 }],
    });
    const log = await openTestLog(fileSystem);
    await log.append(put("k", "a value that takes many writes"));
    expect(await replayed(await openTestLog(disk.crash({ unsynced: "lost" })))).toHaveLength(1);
  });

  test("with nothing written poisons the handle", async () => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk);
    const log = await openTestLog(fileSystem);
    fileSystem.inject({ kind: "write", at: 1, sticky: true, bytes: 0 });
    expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(UnknownOutcomeError);
    expect(fileSystem.count({ kind: "datasync" })).toBe(0);
  });
});

describe("a takeover", () => {
  test("waits for the sync in flight: what that covers is acknowledged, what was not written is fenced", async () => {
    const { disk, fileSystem, log } = await openHeld();
    const inFlight = [log.append(put("a", "1")), log.checkpoint()];
    const sync = await disk.nextHeldSync();
    const waiting = [log.append(put("b", "2")), log.checkpoint()];
    const reads = fileSystem.count({ kind: "read" });
    const opening = openTestLog(fileSystem);
    await settle();
    // The older handle has not finished, so the newer one has not read a byte.
    expect(fileSystem.count({ kind: "read" })).toBe(reads);
    disk.holdSyncs(false);
    sync.release();
    expect(await Promise.all(inFlight)).toEqual([2, 3]);
    for (const call of waiting) expect(await rejectionOf(call)).toBeInstanceOf(WalFencedError);
    const lines = (await collect((await opening).iterate())).map(lineOf);
    expect(lines).toEqual(["1 put before=1", "2 put a=1", "3 checkpoint"]);
  });

  test("after a failed sync gets what the disk has, and the older handle stays poisoned", async () => {
    const { disk, fileSystem, log } = await openHeld();
    const inFlight = log.append(put("a", "1"));
    const sync = await disk.nextHeldSync();
    const opening = openTestLog(fileSystem);
    await settle();
    disk.holdSyncs(false);
    sync.fail(undefined, "hole");
    expect(await rejectionOf(inFlight)).toBeInstanceOf(UnknownOutcomeError);
    const newer = await opening;
    expect(await replayed(newer)).toEqual(["1 put before=1"]);
    // Nothing of the group arrived, so there is nothing to keep.
    expect(newer.tornFile).toBeUndefined();
    expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(StorageFaultError);
    expect(await newer.append(put("b", "2"))).toBe(2);
  });
});

test("the directory is synced once at a time, and after a failure nothing that needs another is acknowledged", async () => {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { segmentBytesMax: 400 });
  for (let index = 0; index < 3; index++) await log.append(put("k", 200));
  disk.holdSyncs(true);
  const truncated = log.truncate(2);
  let deletion = await disk.nextHeldSync();
  while (deletion.kind !== "syncDirectory") {
    deletion.release();
    deletion = await disk.nextHeldSync();
  }
  // It needs a segment of its own, and so a name in the same directory.
  const appended = log.append(put("later", 300));
  for (let turn = 0; turn < 50; turn++) {
    await settle(1);
    for (const sync of disk.heldSyncs.filter(({ kind }) => kind !== "syncDirectory")) sync.release();
    expect(disk.heldSyncs.filter(({ kind }) => kind === "syncDirectory")).toHaveLength(1);
  }
  disk.holdSyncs(false);
  deletion.fail();
  expect(await rejectionOf(truncated)).toBeInstanceOf(UnknownOutcomeError);
  expect(await rejectionOf(appended)).toBeInstanceOf(UnknownOutcomeError);
});
