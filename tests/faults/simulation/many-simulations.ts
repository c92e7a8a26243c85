import { shrink } from "./shrink.ts";
import { commandOf, type SimulationOptions } from "./simulation-options.ts";
import { noCounts, type Counts } from "./counts.ts";
import { simulate, type Outcome } from "./simulation.ts";

export interface Failure {
  readonly seed: number;
  readonly options: SimulationOptions;
  readonly outcome: Outcome;
}

export interface Report {
  readonly seeds: number;
  readonly counts: Counts;
  readonly failure: Failure | undefined;
}

/** Runs one seed after the other, until one fails, `goesOn` says no, or 2^32 seeds are through. */
export function simulateMany(
  firstSeed: number,
  options: SimulationOptions,
  goesOn: (seedsRun: number) => boolean,
): Report {
  const counts = noCounts();
  let seeds = 0;
  for (; seeds < 2 ** 32 && goesOn(seeds); seeds++) {
    const seed = (firstSeed + seeds) >>> 0;
    const outcome = simulate(seed, options);
    for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] += outcome.counts[name];
    if (outcome.violation !== undefined) {
      return { seeds: seeds + 1, counts, failure: { seed, options, outcome } };
    }
  }
  return { seeds, counts, failure: undefined };
}

/** One line of what was run. */
export function reportLine({ seeds, counts }: Report, firstSeed: number, seconds: number): string {
  const { steps, simulatedMs, answers, kills, powerCuts, crashesOfStarts, recoveries, faults, fullDisks } =
    counts;
  return [
    `${seeds} seeds from ${firstSeed} in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(0)} a second)`,
    `${(simulatedMs / 1000).toFixed(0)} s simulated`,
    `${steps} events, ${answers} answers`,
    `${kills} kills, ${powerCuts} power cuts, ${crashesOfStarts} of them during a start, ${recoveries} recoveries`,
    `${faults} stores ended by faults, ${fullDisks} full disks, ${counts.flushes} flushes, ${counts.merges} merges`,
  ].join("; ");
}

/** What failed, the same in the smallest world in which it does, and the command for each. */
export function failureLines({ seed, options, outcome }: Failure): string {
  const small = shrink(seed, options);
  const smallOutcome = simulate(seed, small, true);
  return [
    `Violation with seed ${seed}: ${outcome.violation}`,
    `Repeat it with: ${commandOf(seed, options)}`,
    `In a smaller world: ${smallOutcome.violation}`,
    `Repeat that with: ${commandOf(seed, small)}`,
    "",
    ...smallOutcome.story.slice(-storyLinesMax),
  ].join("\n");
}

const storyLinesMax = 200;
