import { describe, expect, test } from "bun:test";
import { gatherShare, gatherShareMax, gatherSyncMsMin, gatherTimerMsMin } from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { openTestLog, put } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

const slowMs = 8;

/** A log of which twenty records were just acknowledged, by a sync that took so long; others came meanwhile. */
async function acknowledged(syncMs: number, others = 0) {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const fileSystem = new FailingFileSystem(disk);
  const log = await openTestLog(fileSystem, { clock, segmentBytesMax: 64 * 1024 });
  disk.holdSyncs(true);
  const append = (count: number) => Promise.all(Array.from({ length: count }, () => log.append(put("k"))));
  const twenty = append(20);
  const sync = await disk.nextHeldSync();
  const waiting = append(others);
  clock.advance(syncMs);
  disk.holdSyncs(false);
  sync.release();
  await twenty;
  const written = fileSystem.count({ kind: "write" });
  return { append, clock, log, waiting, writes: () => fileSystem.count({ kind: "write" }) - written };
}

describe("after a sync that took long the next group", () => {
  test("waits for as many records as that sync acknowledged, and leaves with all of them", async () => {
    const { append, writes } = await acknowledged(slowMs);
    const first = append(4);
    await settle();
    expect(writes()).toBe(0);
    await Promise.all([first, append(16)]);
    expect(writes()).toBe(1);
  });

  test("waits for them also where others have come meanwhile, so that two crowds become one", async () => {
    const { append, waiting, writes } = await acknowledged(slowMs, 30);
    const first = append(19);
    await settle();
    expect(writes()).toBe(0);
    await Promise.all([waiting, first, append(1)]);
    expect(writes()).toBe(1);
  });

  test("waits for a part of the time of that sync, and no longer, when nobody else comes", async () => {
    const { append, clock, writes } = await acknowledged(slowMs);
    const few = append(4);
    await settle();
    clock.advance(slowMs * gatherShare - 0.1);
    await settle();
    expect(writes()).toBe(0);
    clock.advance(0.1);
    await few;
    expect(writes()).toBe(1);
  });

  test("waits longer while they come one by one, but for half of that time at most", async () => {
    const { append, clock, writes } = await acknowledged(slowMs);
    const few = [append(1)];
    await settle();
    const stepMs = slowMs / 8;
    for (let waitedMs = 0; waitedMs + stepMs < slowMs * gatherShareMax; waitedMs += stepMs) {
      few.push(append(1));
      clock.advance(stepMs);
      await settle();
      expect(writes()).toBe(0);
    }
    few.push(append(1));
    clock.advance(stepMs);
    await Promise.all(few);
    expect(writes()).toBe(1);
  });

  test("does not wait before a sync that somebody asked for", async () => {
    const { append, log, writes } = await acknowledged(slowMs);
    const few = append(4);
    await log.sync();
    expect(writes()).toBe(1);
    await few;
  });

  test("waits no longer than a number of turns, whatever the clock says", async () => {
    // Too short a wait for a timer: it asks after each turn.
    const { append, writes } = await acknowledged(0.9 * (gatherTimerMsMin / gatherShare));
    await append(4);
    expect(writes()).toBe(1);
  });
});

test("after a quick sync nobody waits", async () => {
  const { append, writes } = await acknowledged(gatherSyncMsMin / 2);
  const few = append(4);
  await settle(4);
  expect(writes()).toBe(1);
  await few;
});
