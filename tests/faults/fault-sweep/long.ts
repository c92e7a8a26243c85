import { parseArgs } from "node:util";
import { freshSeed } from "../../support/seeds.ts";
import { seededRandom, randomBelow } from "../../../src/lib/random.ts";
import { casesOf, storyOf, tryCase, type Case } from "./sweep.ts";
import { FaultTally, linesOf } from "./tally.ts";

/**
 * `bun tests/faults/fault-sweep/long.ts --minutes N [--seed S]`: every fault at every call, in an order that the seed
 * decides, until all are done or the time is up. `--case N`: that one alone. `--only PATTERN`: those whose story
 * matches, as "datasync /data/wal". Exits with 1 at the first broken promise, and says how to repeat it.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string" },
    case: { type: "string" },
    only: { type: "string" },
  },
});

const startedMs = performance.now();
const seed = Number(flags.seed ?? freshSeed());
const all = (await casesOf()).map((each, number) => ({ each, number }));
const chosen = shuffled(all.filter(({ each, number }) => isWanted(each, number)));
const tally = new FaultTally();
for (const { each, number } of chosen) {
  if (performance.now() - startedMs > Number(flags.minutes) * 60_000) break;
  try {
    tally.add(each, await tryCase(each));
  } catch (error) {
    console.error((error as Error).message);
    console.error(`Repeat this with bun tests/faults/fault-sweep/long.ts --case ${number}`);
    process.exit(1);
  }
}
console.log(linesOf(tally, chosen.length, (performance.now() - startedMs) / 1000, seed).join("\n"));

function isWanted(each: Case, number: number): boolean {
  if (flags.case !== undefined) return number === Number(flags.case);
  return flags.only === undefined || new RegExp(flags.only).test(storyOf(each));
}

function shuffled<T>(items: readonly T[]): T[] {
  const random = seededRandom(seed);
  const copy = [...items];
  for (let index = copy.length - 1; index > 0; index--) {
    const other = randomBelow(random, index + 1);
    [copy[index], copy[other]] = [copy[other]!, copy[index]!];
  }
  return copy;
}
