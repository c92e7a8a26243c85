import { parseArgs } from "node:util";
import { randomBelow, seededRandom } from "../../../src/lib/random.ts";
import { freshSeed } from "../../support/seeds.ts";
import { whyNoStrace } from "../../support/strace.ts";
import { inTwoLanes } from "../../support/two-lanes.ts";
import { casesOf, nameOf, tryCase, type Case } from "./sweep.ts";
import { linesOf, RealFaultTally } from "./tally.ts";

/**
 * `bun tests/faults/real-fault-sweep/long.ts --minutes N [--seed S]`: every fault at every system call of the real
 * server, in an order that the seed decides, two at a time, until all are done or the time is up. `--case NAME`: that
 * one alone. `--only PATTERN`: those whose name matches, as "fdatasync wal". Exits with 1 at the first broken promise,
 * or with --go-on when all are tried, and says how to repeat it; and if a call was never met.
 */
const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    seed: { type: "string" },
    case: { type: "string" },
    only: { type: "string" },
    "go-on": { type: "boolean", default: false },
  },
});

if (whyNoStrace !== undefined) {
  console.log(`fault sweep of the real server: SKIPPED, because ${whyNoStrace}`);
  process.exit(0);
}

/** How often a call that was not met is aimed at anew, each time with several attempts. */
const roundsMax = 5;
const startedMs = performance.now();
const seed = Number(flags.seed ?? freshSeed());
const chosen = shuffled((await casesOf()).filter((each) => isWanted(nameOf(each))));
const tally = new RealFaultTally();
const isTimeUp = () => performance.now() - startedMs > Number(flags.minutes) * 60_000;
if (chosen.length === 0) throw new Error("The server makes no such call");
let waiting = chosen;
let round = 0;
for (; round < roundsMax && waiting.length > 0 && !isTimeUp(); round++) {
  const missed: Case[] = [];
  await inTwoLanes(waiting, (each) => tryAndTell(each, missed), isTimeUp);
  waiting = missed;
}
tally.missed.push(...waiting.map(nameOf));
console.log(linesOf(tally, chosen.length, (performance.now() - startedMs) / 1000, seed).join("\n"));
// A call that every run makes, and that can't be met any more, is one that nobody fails.
const isGivenUp = round === roundsMax && waiting.length > 0;
process.exit(tally.violations > 0 || isGivenUp ? 1 : 0);

function isWanted(name: string): boolean {
  if (flags.case !== undefined) return name === flags.case;
  return flags.only === undefined || new RegExp(flags.only).test(name);
}

function shuffled(cases: readonly Case[]): Case[] {
  const random = seededRandom(seed);
  const copy = [...cases];
  for (let index = copy.length - 1; index > 0; index--) {
    const other = randomBelow(random, index + 1);
    [copy[index], copy[other]] = [copy[other]!, copy[index]!];
  }
  return copy;
}

async function tryAndTell(each: Case, missed: Case[]): Promise<void> {
  try {
    const judged = await tryCase(each);
    if (judged.outcome === undefined) {
      missed.push(each);
      console.error(`missed: ${nameOf(each)}`);
    }
    tally.add(each, judged);
  } catch (error) {
    console.error((error as Error).message);
    console.error(`Repeat this with bun tests/faults/real-fault-sweep/long.ts --case "${nameOf(each)}"`);
    if (!flags["go-on"]) process.exit(1);
    tally.violations++;
  }
  if (tally.tried % 100 === 0) console.error(`${tally.met} of ${chosen.length} met, ${missed.length} missed`);
}
