import { describe, expect, test } from "bun:test";
import { gatherShare, gatherSyncMsMin } from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { openTestLog, put } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

const slowMs = 8;

/** A log of which ten records were just acknowledged, by a sync that took so long. */
async function acknowledgedTen(syncMs: number) {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const fileSystem = new FailingFileSystem(disk);
  const log = await openTestLog(fileSystem, { clock, segmentBytesMax: 64 * 1024 });
  disk.holdSyncs(true);
  const append = (count: number) => Promise.all(Array.from({ length: count }, () => log.append(put("k"))));
  const acknowledged = append(10);
  const sync = await disk.nextHeldSync();
  clock.advance(syncMs);
  disk.holdSyncs(false);
  sync.release();
  await acknowledged;
  const written = fileSystem.count({ kind: "write" });
  return { append, clock, log, writes: () => fileSystem.count({ kind: "write" }) - written };
}

describe("after a sync that took long the next group", () => {
  test("waits for as many records as that sync acknowledged, and leaves with all of them", async () => {
    const { append, writes } = await acknowledgedTen(slowMs);
    const first = append(4);
    await settle();
    expect(writes()).toBe(0);
    await Promise.all([first, append(6)]);
    expect(writes()).toBe(1);
  });

  test("waits for a part of the time of that sync, and no longer", async () => {
    const { append, clock, writes } = await acknowledgedTen(slowMs);
    const few = append(4);
    clock.advance(slowMs * gatherShare - 0.1);
    await settle();
    expect(writes()).toBe(0);
    clock.advance(0.1);
    await few;
    expect(writes()).toBe(1);
  });

  test("does not wait before a sync that somebody asked for", async () => {
    const { append, log, writes } = await acknowledgedTen(slowMs);
    const few = append(4);
    await log.sync();
    expect(writes()).toBe(1);
    await few;
  });

  test("waits no longer than a number of turns, whatever the clock says", async () => {
    const { append, writes } = await acknowledgedTen(slowMs);
    await append(4);
    expect(writes()).toBe(1);
  });
});

test("after a quick sync nobody waits", async () => {
  const { append, writes } = await acknowledgedTen(gatherSyncMsMin / 2);
  const few = append(4);
  await settle(4);
  expect(writes()).toBe(1);
  await few;
});
