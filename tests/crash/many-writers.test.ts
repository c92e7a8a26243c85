import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { KillRounds, type RoundReport } from "../support/kill-rounds.ts";
import { withSeed } from "../support/seeds.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { writersMin, type WorkloadShape } from "../support/workload-shape.ts";

setDefaultTimeout(120_000);

/**
 * Many pipelining writers and some readers, raw and through the typed client, a SIGKILL at a random moment, a
 * restart that is judged: over and over on one store. What may be there then is said in oracle.ts.
 */
test("every acknowledged write, and all that a reader saw, outlives thirty kills under load", async () => {
  await withSeed(async (random) => {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    const reports = await play(rounds, 30, () => rounds.round(random.uint32()));
    expect(Math.min(...reports.map(({ shape }) => shape.writers))).toBeGreaterThanOrEqual(writersMin);
    expect(sum(reports, ({ acknowledged }) => acknowledged)).toBeGreaterThan(1_000);
    expect(sum(reports, ({ reads }) => reads)).toBeGreaterThan(100);
    expect(readdirSync(join(directory.path, "wal")).length).toBeGreaterThan(2);
  });
});

test("what is observed is durable: twelve kills with readers on the very keys that are written", async () => {
  const contended: Partial<WorkloadShape> = {
    readers: 6,
    keyCount: 4,
    depth: 4,
    deleteShare: 30,
    conditionShare: 30,
    killAfterAcks: 2_000,
    killAfterMs: 150,
  };
  await withSeed(async (random) => {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    const reports = await play(rounds, 12, () => rounds.round(random.uint32(), contended));
    expect(sum(reports, ({ reads }) => reads)).toBeGreaterThan(500);
  });
});

async function play(
  rounds: KillRounds,
  count: number,
  round: () => Promise<RoundReport>,
): Promise<RoundReport[]> {
  const reports: RoundReport[] = [];
  for (let index = 0; index < count; index++) reports.push(await round());
  await rounds.finish();
  return reports;
}

function sum(reports: readonly RoundReport[], of: (report: RoundReport) => number): number {
  return reports.reduce((total, report) => total + of(report), 0);
}
