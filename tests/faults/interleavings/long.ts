import { parseArgs } from "node:util";
import { freshSeed } from "../../support/seeds.ts";
import type { Bounds } from "./choices.ts";
import { explore, exploreAtRandom, storyOf, type Exploration } from "./explore.ts";
import { scripts, type Script } from "./scripts.ts";

/**
 * All schedules of all scripts within bounds that widen, for so many minutes; the last part of the time is for drawn
 * ones. With --script and --choices one schedule again, in words.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    script: { type: "string" },
    order: { type: "string", default: "oldest first" },
    choices: { type: "string" },
  },
});

const orders = ["oldest first", "newest first"] as const;
type Order = (typeof orders)[number];

const levels: readonly (Bounds & { name: string })[] = [
  { name: "1 departure", depth: Infinity, departuresMax: 1 },
  { name: "depth 5", depth: 5, departuresMax: Infinity },
  { name: "2 departures", depth: Infinity, departuresMax: 2 },
  { name: "depth 7", depth: 7, departuresMax: Infinity },
  { name: "3 departures", depth: Infinity, departuresMax: 3 },
  { name: "depth 9", depth: 9, departuresMax: Infinity },
  { name: "4 departures", depth: Infinity, departuresMax: 4 },
];
const randomShare = 0.25;
/** Most schedules are crashed at their end only: crashes everywhere cost thirty times as much. */
const crashesEvery = 100;

const seed = values.seed === undefined ? freshSeed() : Number(values.seed) >>> 0;
const startedMs = performance.now();
const minutesMs = Number(values.minutes) * 60_000;
const before = (share: number) => () => performance.now() - startedMs < minutesMs * share;
const order: Order = values.order === "newest first" ? "newest first" : "oldest first";
const total = { schedules: 0, recoveries: 0 };

process.exitCode = values.script === undefined ? main() : replay(values.script, values.choices ?? "");

function main(): number {
  const complete: string[] = [];
  for (const { name, ...bounds } of levels) {
    if (!exploreLevel(bounds)) return 1;
    if (!before(1 - randomShare)()) break;
    complete.push(name);
  }
  if (!drawSchedules()) return 1;
  const seconds = (performance.now() - startedMs) / 1000;
  const which = complete.length === 0 ? "no level" : complete.join(", ");
  console.log(
    `interleavings: ${total.schedules} schedules of ${scripts.length} scripts in ${seconds.toFixed(1)} s, ` +
      `${total.recoveries} crashes recovered from; complete: ${which}; seed ${seed}; 0 violations`,
  );
  return 0;
}

/** False: something went wrong. */
function exploreLevel(bounds: Bounds): boolean {
  const goesOn = before(1 - randomShare);
  for (const script of scripts) {
    for (const first of orders) {
      if (!goesOn()) return true;
      const found = explore(script, bounds, { order: first, seed, crashesEvery, goesOn });
      if (!isFine(script, first, found)) return false;
    }
  }
  return true;
}

function drawSchedules(): boolean {
  for (let round = 0; before(1)(); round++) {
    for (const script of scripts) {
      const goesOn = (schedules: number) => schedules < 20 && before(1)();
      const found = exploreAtRandom(script, seed + 20 * round, { seed, crashesEvery, goesOn });
      if (!isFine(script, "oldest first", found)) return false;
    }
  }
  return true;
}

function isFine(script: Script, first: Order, { failure, schedules, recoveries }: Exploration): boolean {
  total.schedules += schedules;
  total.recoveries += recoveries;
  if (failure === undefined) return true;
  const words = `--script "${script.name}" --order "${first}" --choices ${failure.choices.join(",")} --seed ${seed}`;
  console.error(`${script.name}: ${failure.violation}`);
  console.error(`Repeat it with: bun tests/faults/interleavings/long.ts ${words}`);
  return false;
}

function replay(name: string, choices: string): number {
  const script = scripts.find((candidate) => candidate.name === name);
  if (script === undefined) {
    console.error(
      `There is no script of that name; there are: ${scripts.map((each) => each.name).join("; ")}`,
    );
    return 2;
  }
  const story = storyOf(script, choices === "" ? [] : choices.split(",").map(Number), {
    order,
    seed,
    crashesEverywhere: true,
  });
  console.log(story);
  return story.endsWith("no violation") ? 0 : 1;
}
