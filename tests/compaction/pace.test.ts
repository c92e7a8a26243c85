import { expect, test } from "bun:test";
import { JobCancelledError } from "../../src/compaction/errors.ts";
import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import { FlushGate } from "../../src/compaction/job-world.ts";
import { Pace } from "../../src/compaction/pace.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { StillClock, settle } from "../wal/still-clock.ts";
import { rejectionOf } from "../wal/log-fixture.ts";
import { del, emptyDisk, flushJob, mergeJob, put, segmentBytes, writeSegment } from "./job-fixture.ts";

/** Whether the promise has settled by now. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  void promise.then(() => (over = true));
  await settle();
  return over;
}

test("a pace gives each byte its share of a second, whether it is written in it or waited for", async () => {
  const clock = new StillClock();
  const pace = new Pace(clock, 1000);
  const first = pace.wrote(500);
  clock.advance(499);
  expect(await isOver(first)).toBe(false);
  clock.advance(1);
  expect(await isOver(first)).toBe(true);
  clock.advance(200);
  const second = pace.wrote(500);
  clock.advance(299);
  expect(await isOver(second)).toBe(false);
  clock.advance(1);
  expect(await isOver(second)).toBe(true);
});

test("a pace does not make up for time in which nothing was written", async () => {
  const clock = new StillClock();
  const pace = new Pace(clock, 1000);
  clock.advance(60_000);
  expect(await isOver(pace.wrote(500))).toBe(true);
  const next = pace.wrote(500);
  expect(await isOver(next)).toBe(false);
  clock.advance(500);
  expect(await isOver(next)).toBe(true);
});

test("without a limit nothing waits", async () => {
  const clock = new StillClock();
  expect(await isOver(new Pace(clock, 0).wrote(1e9))).toBe(true);
  expect(clock.alarmsInMs).toEqual([]);
});

test("a job takes the time that its output should take, and no more", async () => {
  const disk = emptyDisk();
  const clock = new StillClock();
  const operations = Array.from({ length: 100 }, (_, index) => put(`key-${index}`, Buffer.alloc(1000)));
  const place = writeSegment(disk, segmentBytes(1, 1, [operations]));
  const runner = new InlineRunner(disk, clock, 10_000);
  const job = runner.run(flushJob(place, { bytesPerSecondMax: 10_000 }));
  const startMs = clock.monotonicMs();
  while (!(await isOver(job))) clock.advance(clock.alarmsInMs[0] ?? 0);
  const { bytesWritten, durationMs } = await job;
  expect(clock.monotonicMs() - startMs).toBeCloseTo(bytesWritten / 10, -1);
  expect(durationMs).toBe(clock.monotonicMs() - startMs);
});

test("a gate lets merges pass when no flush runs, however many there were", async () => {
  const gate = new FlushGate();
  expect(await isOver(gate.passed())).toBe(true);
  gate.enter();
  gate.enter();
  const passed = gate.passed();
  gate.leave();
  expect(await isOver(passed)).toBe(false);
  gate.leave();
  expect(await isOver(passed)).toBe(true);
});

test("a merge stands still while a flush runs", async () => {
  const disk = emptyDisk();
  const runner = new InlineRunner(disk, systemClock, 5000);
  const operations = Array.from({ length: 40 }, (_, index) => put(`key-${index}`, Buffer.alloc(1000)));
  const places = [1, 2].map((number) => writeSegment(disk, segmentBytes(number, number * 100, [operations])));
  const { tables } = await runner.run(flushJob(places[0]!));
  disk.holdSyncs(true);
  const order: string[] = [];
  const flush = runner.run(flushJob(places[1]!, { firstTableNumber: 20 })).then(() => order.push("flush"));
  const merge = runner.run(mergeJob([tables], { firstTableNumber: 10 })).then(() => order.push("merge"));
  // The merge may end the chunk at hand, and then only the flush has anything to sync.
  const synced: string[] = [];
  while (order.length === 0) {
    const sync = await disk.nextHeldSync();
    synced.push(sync.path);
    sync.release();
    await settle(3);
  }
  expect(synced.filter((path) => path.includes("10.table")).length).toBeLessThanOrEqual(1);
  disk.holdSyncs(false);
  for (const sync of [...disk.heldSyncs]) sync.release();
  await Promise.all([flush, merge]);
  expect(order).toEqual(["flush", "merge"]);
});

test("a merge that writes nothing still gives others their turn, and can be called off", async () => {
  const disk = emptyDisk();
  const runner = new InlineRunner(disk, systemClock);
  const value = Buffer.alloc(1_000_000);
  const lists = [1, 2, 3, 4].map(() => Array.from({ length: 5 }, (_, index) => put(`key-${index}`, value)));
  lists.push(Array.from({ length: 5 }, (_, index) => del(`key-${index}`)));
  const runs = [];
  for (const [index, list] of lists.entries()) {
    const place = writeSegment(disk, segmentBytes(index + 1, 1 + 10 * index, [list]));
    runs.unshift(
      (await runner.run(flushJob(place, { firstTableNumber: index * 10 + 1, tableBytesMax: 1e8 }))).tables,
    );
  }
  let turns = 0;
  const clock = {
    ...systemClock,
    afterPoll: (action: () => void) => (turns++, systemClock.afterPoll(action)),
  };
  const watched = new InlineRunner(disk, clock);
  const result = await watched.run(mergeJob(runs, { firstTableNumber: 100 }));
  expect(result).toMatchObject({ tables: [], droppedTombstones: 5, droppedVersions: 20 });
  expect(turns).toBeGreaterThan(5);
  turns = 0;
  const cancelled = rejectionOf(watched.run(mergeJob(runs, { firstTableNumber: 100 })));
  void watched.cancelAll();
  expect(await cancelled).toBeInstanceOf(JobCancelledError);
  expect(turns).toBe(1);
});
