import { parseArgs } from "node:util";
import { seededRandom } from "../../../src/lib/random.ts";
import { freshSeed } from "../../support/seeds.ts";
import { addTally, emptyTally, enumerate, pointsOf } from "./enumerate.ts";
import { workloadNamed, workloads } from "./workloads.ts";

/**
 * `bun tests/faults/crash-states/long.ts --minutes 30 [--seed N] [--only "a flush"]`: every crash of every
 * workload, with other values each time around, until the time is over or `--distinct N` different disks were recovered.
 * Exits with 1 on the first violation, which names the command that repeats it.
 *
 * `--states N` bounds the disks of one moment; `--recoveries N` of those that were recovered are crashed within their
 * recovery as well, with `--recovery-states N` disks a moment.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    states: { type: "string", default: "1000" },
    distinct: { type: "string", default: "Infinity" },
    only: { type: "string" },
    recoveries: { type: "string", default: "8" },
    "recovery-states": { type: "string", default: "50" },
  },
});

const seed = Number(flags.seed ?? freshSeed());
const statesMax = Number(flags.states);
const deepRecoveries = Number(flags.recoveries);
const deepStatesMax = Number(flags["recovery-states"]);
const distinct = new Set<bigint>();
const tally = emptyTally();
const startedMs = performance.now();
const rounds = await run().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
console.log(summary());

/** Rounds are whole, so that what a seed stands for does not depend on the machine; only the last one may be cut. */
async function run(): Promise<number> {
  const chosen = flags.only === undefined ? workloads : [workloadNamed(flags.only)];
  const random = seededRandom(seed);
  for (let round = 0; ; round++) {
    // The first round has the seed itself, for that is what a violation names.
    const roundSeed = round === 0 ? seed : random.uint32();
    for (const workload of chosen) {
      if (isOver()) return round;
      addTally(
        tally,
        await enumerate(workload, { seed: roundSeed, statesMax, deepRecoveries, deepStatesMax, distinct }),
      );
    }
  }
}

function isOver(): boolean {
  return (
    performance.now() - startedMs >= Number(flags.minutes) * 60_000 || distinct.size >= Number(flags.distinct)
  );
}

function summary(): string {
  const seconds = (performance.now() - startedMs) / 1000;
  const { points, deepPoints, judged } = tally;
  const all = pointsOf(tally);
  const count = (number: number) => Math.round(number).toLocaleString("en");
  return (
    `crash states      ${count(distinct.size)} different disks, ${count(judged)} judgements, 0 violations, ` +
    `in ${count(seconds)} s (${count(distinct.size / seconds)} a second), ${rounds} rounds, seed ${seed}\n` +
    `                  ${count(all)} moments, ${count(deepPoints)} of them within a recovery: ${count(points.all)} with all ` +
    `states, ${count(points["two deviations"])} with all of two deviations, ${count(points.bound)} with ${statesMax}`
  );
}
