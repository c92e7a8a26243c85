import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { verifyLog } from "../../src/wal/inspect.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { KillRounds, type RoundReport } from "../support/kill-rounds.ts";
import { freshSeed } from "../support/seeds.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { describeShape, randomShape } from "../support/workload-shape.ts";
import { seededRandom } from "../../src/lib/random.ts";

/**
 * `bun run torture --minutes 5 [--seed N]`: kills and restarts the real server on one directory, round after round,
 * under eight writers and more and some readers, and judges after each restart what it recovered. Exits with 1 on the
 * first thing that should not be.
 *
 * Every round follows from its own seed. `--round-seed S` prints what that round does and plays it alone, on an empty
 * directory, `--repeat N` times: what the clients do is the same again, how the machine interleaves it is not.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string" },
    "round-seed": { type: "string" },
    repeat: { type: "string", default: "20" },
  },
});

/** Where a log is left for a fresh one: some seconds of replay, and a heap that two cores share with the clients. */
const logBytesPerStore = 512 * 1024 * 1024;

if (flags["round-seed"] === undefined)
  await torture(Number(flags.minutes), Number(flags.seed ?? freshSeed()));
else await replay(Number(flags["round-seed"]), Number(flags.repeat));

async function torture(minutes: number, seed: number): Promise<void> {
  console.log(`torture for ${minutes} minutes, seed ${seed}`);
  const endsMs = performance.now() + minutes * 60_000;
  const random = seededRandom(seed);
  const reports: RoundReport[] = [];
  while (performance.now() < endsMs) {
    // A store is given up when restarts would only replay ever more of the same.
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    while (performance.now() < endsMs && logBytes(directory.path) < logBytesPerStore) {
      const roundSeed = random.uint32();
      await guarded(roundSeed, async () => reports.push(await rounds.round(roundSeed)));
      if (reports.length % 20 === 0) printRound(reports);
    }
    await guarded(reports.at(-1)?.seed ?? seed, () => rounds.finish());
    await guarded(reports.at(-1)?.seed ?? seed, () => assertVerified(directory.path));
  }
  printSummary(reports, seed);
}

async function replay(roundSeed: number, repeat: number): Promise<void> {
  console.log(`round ${roundSeed}: ${describeShape(randomShape(seededRandom(roundSeed)))}`);
  const reports: RoundReport[] = [];
  for (let index = 0; index < repeat; index++) {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    await guarded(roundSeed, async () => reports.push(await rounds.round(roundSeed)));
    await guarded(roundSeed, () => rounds.finish());
  }
  printSummary(reports, roundSeed);
}

function logBytes(directory: string): number {
  try {
    const wal = join(directory, "wal");
    return readdirSync(wal).reduce((sum, name) => sum + statSync(join(wal, name)).size, 0);
  } catch {
    return 0; // Before the first round.
  }
}

function assertVerified(directory: string): void {
  const { verdict } = verifyLog(realFileSystem, directory);
  if (verdict.kind === "corrupt") throw verdict.error;
}

/** A violation ends everything: what comes after it says nothing. */
async function guarded(roundSeed: number, act: () => unknown): Promise<void> {
  try {
    await act();
  } catch (error) {
    console.error(error);
    console.error(`1 violation; the round is printed and played again by --round-seed ${roundSeed}`);
    process.exit(1);
  }
}

function printRound(reports: readonly RoundReport[]): void {
  const { seed, acknowledged, reads, recoveryMs } = reports.at(-1)!;
  console.log(
    `round ${reports.length}, seed ${seed}: ${acknowledged} writes acknowledged, ${reads} reads, ` +
      `restarted in ${Math.round(recoveryMs)} ms`,
  );
}

function printSummary(reports: readonly RoundReport[], seed: number): void {
  const sum = (of: (report: RoundReport) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  const recoveries = reports.map((report) => report.recoveryMs).sort((a, b) => a - b);
  const writers = reports.map((report) => report.shape.writers);
  console.log(
    [
      `rounds            ${reports.length}, each with ${Math.min(...writers)} to ${Math.max(...writers)} writers`,
      `kills             ${sum((report) => report.kills)}`,
      `torn tails made   ${sum((report) => (report.hadTornTail ? 1 : 0))}`,
      `writes acked      ${sum((report) => report.acknowledged)}`,
      `reads checked     ${sum((report) => report.reads)}`,
      `restart to ready  median ${Math.round(recoveries[recoveries.length >> 1] ?? 0)} ms, longest ${Math.round(recoveries.at(-1) ?? 0)} ms`,
      `violations        0`,
      `seed              ${seed}`,
    ].join("\n"),
  );
}
