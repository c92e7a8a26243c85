import { parseArgs } from "node:util";
import { seededRandom } from "../../../src/lib/random.ts";
import { freshSeed } from "../../support/seeds.ts";
import { whyNoStrace } from "../../support/strace.ts";
import { addTally, pointsOf, Violation } from "../crash-states/enumerate.ts";
import { emptyLifeTally, enumerateLife } from "./enumerate-lives.ts";
import { lives, PlayedLives, stagesOf } from "./lives.ts";
import { missingSafeguards, violationWithout } from "./missing-safeguards.ts";

/**
 * `bun tests/faults/traced-states/long.ts --minutes 30 [--seed N] [--only "a flush"]`: every crash at every system call
 * of every life of the real server, and then of lives with other values, until the time is over or `--distinct N`
 * different disks were recovered. Exits with 1 on the first violation, which names the command that looks for it again:
 * a real server does not do the same twice.
 *
 * `--states N` bounds the disks of one moment; of `--recoveries N` of those that were recovered in a stage the recovery
 * is crashed as well, with `--recovery-states N` disks a moment; and `--real N` of these in a life are opened by the
 * real server, too.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    states: { type: "string", default: "250" },
    distinct: { type: "string", default: "Infinity" },
    only: { type: "string" },
    recoveries: { type: "string", default: "3" },
    "recovery-states": { type: "string", default: "30" },
    real: { type: "string", default: "3" },
  },
});

const { only } = flags;
const seed = Number(flags.seed ?? freshSeed());
const statesMax = Number(flags.states);
const bounds = {
  only,
  statesMax,
  deepRecoveries: Number(flags.recoveries),
  deepStatesMax: Number(flags["recovery-states"]),
  realStartsMax: Number(flags.real),
  distinct: new Set<bigint>(),
};
const tally = emptyLifeTally();
const startedMs = performance.now();
if (whyNoStrace !== undefined) {
  console.log(`traced states     SKIPPED, because ${whyNoStrace}`);
  process.exit(0);
}
const missed = only === undefined ? await findMissingSafeguards() : [];
if (missed.length > 0) {
  console.error(`Not found by seed ${seed}: a server without ${missed.join("; one without ")}`);
  process.exit(1);
}
const livesLived = await run().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
console.log(summary());
process.exit(0);

/** What is enumerated says little if it could not fail: what of that did not? */
async function findMissingSafeguards(): Promise<string[]> {
  const notFound: string[] = [];
  for (const missing of missingSafeguards) {
    if (!((await violationWithout(missing, seed)) instanceof Violation)) notFound.push(missing.what);
  }
  return notFound;
}

async function run(): Promise<number> {
  const chosen = lives.filter(({ name }) => only === undefined || stagesOf(name).includes(only));
  if (chosen.length === 0) throw new Error(`There is no stage "${only}" in any life`);
  const random = seededRandom(seed);
  let count = 0;
  for (let round = 0; ; round++) {
    const roundSeed = round === 0 ? seed : random.uint32();
    const played = new PlayedLives(roundSeed);
    for (const { name } of chosen) {
      if (isOver()) return count;
      const found = await enumerateLife(played, name, { ...bounds, seed: roundSeed });
      addTally(tally, found);
      tally.stages += found.stages;
      tally.realStarts += found.realStarts;
      count++;
    }
  }
}

function isOver(): boolean {
  const isLate = performance.now() - startedMs >= Number(flags.minutes) * 60_000;
  return isLate || bounds.distinct.size >= Number(flags.distinct);
}

function summary(): string {
  const seconds = (performance.now() - startedMs) / 1000;
  const { points, deepPoints, judged, realStarts, stages } = tally;
  const count = (number: number) => Math.round(number).toLocaleString("en");
  const distinct = bounds.distinct.size;
  return (
    `traced states     ${count(distinct)} different disks, ${count(judged)} judgements, 0 violations, in ${count(seconds)} s ` +
    `(${count(distinct / seconds)} a second), ${livesLived} lives of ${stages} stages, ${realStarts} real starts, ` +
    `${only === undefined ? missingSafeguards.length : 0} missing safeguards found, seed ${seed}\n` +
    `                  ${count(pointsOf(tally))} moments, ${count(deepPoints)} of them within a recovery: ` +
    `${count(points.all)} with all states, ${count(points["two deviations"])} with all of two deviations, ` +
    `${count(points.bound)} with ${statesMax}`
  );
}
