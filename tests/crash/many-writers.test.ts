import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { KillRounds, type RoundReport } from "../support/kill-rounds.ts";
import { withSeed } from "../support/seeds.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { writersMin, type WorkloadShape } from "../support/workload-shape.ts";

setDefaultTimeout(120_000);

/**
 * Many pipelining writers, some readers and some who hold snapshots, raw and through the typed client, a SIGKILL at a
 * random moment, a restart that is judged: over and over on one store, whose segments and tables are so small that
 * every kill meets flushes, compactions, edits of the manifest and pruning. What may be there then is said in
 * oracle.ts.
 */
test("every acknowledged write, and all that a reader saw, outlives sixteen kills under load", async () => {
  await withSeed(async (random) => {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    const reports = await play(rounds, 16, (index) =>
      rounds.round(random.uint32(), index % 3 === 0 ? longLife(random) : shortLife(random)),
    );
    expect(Math.min(...reports.map(({ shape }) => shape.writers))).toBeGreaterThanOrEqual(writersMin);
    expect(sum(reports, ({ acknowledged }) => acknowledged)).toBeGreaterThan(1_000);
    expect(sum(reports, ({ reads }) => reads)).toBeGreaterThan(100);
    expect(sum(reports, ({ flushes }) => flushes)).toBeGreaterThan(80);
    expect(sum(reports, ({ compactions }) => compactions)).toBeGreaterThanOrEqual(12);
    expect(sum(reports, ({ prunes }) => prunes)).toBeGreaterThan(70);
    expect(sum(reports, ({ manifestRewrites }) => manifestRewrites)).toBeGreaterThan(0);
    expect(sum(reports, ({ checks }) => checks)).toBeGreaterThanOrEqual(2 * reports.length - 1);
  });
});

test("what is observed is durable: eight kills with readers on the very keys that are written", async () => {
  const contended: Partial<WorkloadShape> = {
    readers: 6,
    snapshotReaders: 3,
    keyCount: 4,
    depth: 4,
    deleteShare: 30,
    conditionShare: 30,
    flushesMin: 2,
  };
  await withSeed(async (random) => {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    const round = () => rounds.round(random.uint32(), { ...shortLife(random), ...contended });
    const reports = await play(rounds, 8, round);
    expect(sum(reports, ({ reads }) => reads)).toBeGreaterThan(500);
    expect(sum(reports, ({ flushes }) => flushes)).toBeGreaterThanOrEqual(16);
  });
});

test("what a snapshot shows never changes, over flushes and compactions, until the kill", async () => {
  const held: Partial<WorkloadShape> = { snapshotReaders: 8, readers: 1, keyCount: 64, deleteShare: 30 };
  await withSeed(async (random) => {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    const round = () => rounds.round(random.uint32(), { ...longLife(random), ...held });
    const reports = await play(rounds, 3, round);
    expect(sum(reports, (report) => report.snapshotsOutlivedFlushes)).toBeGreaterThan(12);
    expect(sum(reports, (report) => report.snapshotsOutlivedCompactions)).toBeGreaterThan(3);
  });
});

test("what stands under a backup's name is whole, and has all that was acknowledged before it was begun", async () => {
  await withSeed(async (random) => {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    const round = () => rounds.round(random.uint32(), { ...shortLife(random), hasBackup: true });
    const reports = await play(rounds, 6, round);
    expect(sum(reports, ({ backups }) => backups)).toBeGreaterThan(0);
  });
});

/** Killed before much has happened behind the requests, or in the middle of it. */
function shortLife(random: Random): Partial<WorkloadShape> {
  return {
    ...tinyTables,
    segmentBytesMax: 4_096 << randomBelow(random, 4),
    killAfterMs: randomBelow(random, 300),
  };
}

/** Killed after many flushes, which follow each other as fast as the disk allows. */
function longLife(random: Random): Partial<WorkloadShape> {
  const work = { flushesMin: 16, compactionsMin: 2 };
  return { ...tinyTables, ...work, segmentBytesMax: 4_096, killAfterMs: randomBelow(random, 400) };
}

/** A few writes fill a segment, and a few segments every level. */
const tinyTables: Partial<WorkloadShape> = {
  valueBytesMax: 300,
  hasBackup: false,
  endsInOrder: false,
  killAfterAcks: Infinity,
};

async function play(
  rounds: KillRounds,
  count: number,
  round: (index: number) => Promise<RoundReport>,
): Promise<RoundReport[]> {
  const reports: RoundReport[] = [];
  for (let index = 0; index < count; index++) reports.push(await round(index));
  await rounds.finish();
  return reports;
}

function sum(reports: readonly RoundReport[], of: (report: RoundReport) => number): number {
  return reports.reduce((total, report) => total + of(report), 0);
}
