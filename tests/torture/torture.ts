import { parseArgs } from "node:util";
import { seededRandom } from "../../src/lib/random.ts";
import { KillRounds, type RoundReport } from "../support/kill-rounds.ts";
import { freshSeed } from "../support/seeds.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { describeShape, randomShape } from "../support/workload-shape.ts";
import { FaultLab } from "./fault-lab.ts";
import { OtherTests } from "./other-tests.ts";
import { summaryOf } from "./summary.ts";

/**
 * `bun run torture --minutes 5 [--seed N] [--model-runs N] [--aimed all] [--faults N]`: kills and restarts the real server on one
 * directory, round after round, under eight writers and more, some readers and some who hold snapshots; sizes, and with
 * them how much is flushed and merged, are drawn anew for each round. What each restart recovered is judged, every byte
 * of the store is checked between any two servers, and backups that were made meanwhile are opened. Exits with 1 on the
 * first thing that should not be.
 *
 * Beside it, in processes of their own: the model test of the engine, in so many runs of a hundred steps and more, and
 * kills and faults at every single system call; then the long version of each part of the fault lab (tests/faults), for
 * so many minutes each. From 20 minutes on all are done unless the flags say otherwise. `--minutes 0 --faults 10` is the
 * fault lab alone.
 *
 * Every round follows from its own seed. `--round-seed S` prints what that round does and plays it alone, on an empty
 * directory, `--repeat N` times: what the clients do is the same again, how the machine interleaves it is not.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string" },
    "model-runs": { type: "string" },
    aimed: { type: "string" },
    faults: { type: "string" },
    "round-seed": { type: "string" },
    repeat: { type: "string", default: "20" },
  },
});

/** Then a store is left for a fresh one, so that first boots and young stores have their turn. */
const roundsPerStore = 40;
/** Runs of this length have everything on. */
const minutesOfEverything = 20;

if (flags["round-seed"] === undefined)
  await torture(Number(flags.minutes), Number(flags.seed ?? freshSeed()));
else await replay(Number(flags["round-seed"]), Number(flags.repeat));

async function torture(minutes: number, seed: number): Promise<void> {
  const isLong = minutes >= minutesOfEverything;
  const modelRuns = Number(flags["model-runs"] ?? (isLong ? 10_000 : 0));
  const isAimed = (flags.aimed ?? (isLong ? "all" : "none")) === "all";
  const faultMinutes = Number(flags.faults ?? (isLong ? 1 : 0));
  console.log(
    `torture for ${minutes} minutes, seed ${seed}, ${modelRuns} runs of the model, aimed: ${isAimed}, ` +
      `${faultMinutes} minutes for each part of the fault lab`,
  );
  using others = new OtherTests(seed, { modelRuns, isAimed });
  const endsMs = performance.now() + minutes * 60_000;
  const random = seededRandom(seed);
  const reports: RoundReport[] = [];
  while (performance.now() < endsMs) {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    for (let round = 0; round < roundsPerStore && performance.now() < endsMs; round++) {
      const roundSeed = random.uint32();
      await guarded(roundSeed, others, async () => reports.push(await rounds.round(roundSeed)));
      if (reports.length % 20 === 0) printRound(reports);
    }
    await guarded(reports.at(-1)?.seed ?? seed, others, () => rounds.finish());
  }
  const beside = await others.ended;
  using lab = new FaultLab(seed, faultMinutes);
  const faults = await lab.ended;
  const rounds = reports.length === 0 ? [] : summaryOf(reports);
  console.log([...rounds, ...beside.lines, ...faults.lines, `seed              ${seed}`].join("\n"));
  if (beside.hasFailed || faults.hasFailed) process.exitCode = 1;
}

async function replay(roundSeed: number, repeat: number): Promise<void> {
  console.log(`round ${roundSeed}: ${describeShape(randomShape(seededRandom(roundSeed)))}`);
  const reports: RoundReport[] = [];
  for (let index = 0; index < repeat; index++) {
    using directory = temporaryDirectory();
    const rounds = new KillRounds(directory.path);
    await guarded(roundSeed, undefined, async () => reports.push(await rounds.round(roundSeed)));
    await guarded(roundSeed, undefined, () => rounds.finish());
  }
  console.log([...summaryOf(reports), `seed              ${roundSeed}`].join("\n"));
}

/** A violation ends everything: what comes after it says nothing. */
async function guarded(roundSeed: number, others: OtherTests | undefined, act: () => unknown): Promise<void> {
  try {
    await act();
  } catch (error) {
    console.error(error);
    console.error(`1 violation; the round is printed and played again by --round-seed ${roundSeed}`);
    others?.[Symbol.dispose]();
    process.exit(1);
  }
}

function printRound(reports: readonly RoundReport[]): void {
  const { seed, acknowledged, reads, flushes, compactions, recoveryMs } = reports.at(-1)!;
  console.log(
    `round ${reports.length}, seed ${seed}: ${acknowledged} writes acknowledged, ${reads} reads, ${flushes} flushes, ` +
      `${compactions} compactions, started in ${Math.round(recoveryMs)} ms`,
  );
}
