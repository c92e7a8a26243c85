import { DrawnChoices, GivenChoices, Odometer, type Bounds } from "./choices.ts";
import { playSchedule, type ScheduleOptions, type ScheduleOutcome } from "./schedule.ts";
import type { Script } from "./scripts.ts";

export interface Exploration {
  readonly schedules: number;
  readonly recoveries: number;
  /** Choices in the longest schedule. */
  readonly choicesMax: number;
  /** Every schedule within the bounds was played. */
  readonly isComplete: boolean;
  readonly failure: ScheduleFailure | undefined;
}

export interface ScheduleFailure {
  readonly choices: readonly number[];
  readonly violation: string;
}

export interface ExploreOptions extends ScheduleOptions {
  /** Asked before each schedule but the first. Default: always. */
  readonly goesOn?: (schedules: number) => boolean;
  /** Each n-th schedule is crashed at every event, and not only at its end. Default: none. */
  readonly crashesEvery?: number;
}

/** Plays every schedule of a script within the bounds, until one goes wrong. */
export function explore(script: Script, bounds: Bounds, options: ExploreOptions = {}): Exploration {
  const odometer = new Odometer(bounds);
  const schedule = new Counting(options);
  let isComplete = false;
  while (!isComplete && schedule.goesOn) {
    const outcome = playSchedule(script, odometer, schedule.options());
    schedule.played(outcome, odometer.choices);
    isComplete = !odometer.advance();
  }
  return { ...schedule.result, choicesMax: odometer.choicesMax, isComplete };
}

/** Plays schedules that seeds decide, one after the other, until one goes wrong. They reach where no bound does. */
export function exploreAtRandom(script: Script, firstSeed: number, options: ExploreOptions): Exploration {
  const schedule = new Counting(options);
  let choicesMax = 0;
  while (schedule.goesOn) {
    const drawn = new DrawnChoices((firstSeed + schedule.result.schedules) >>> 0);
    schedule.played(playSchedule(script, drawn, schedule.options()), drawn.choices);
    choicesMax = Math.max(choicesMax, drawn.choices.length);
  }
  return { ...schedule.result, choicesMax, isComplete: false };
}

/** What happened in a schedule, in words. */
export function storyOf(script: Script, choices: readonly number[], options: ScheduleOptions = {}): string {
  const { story, violation } = playSchedule(script, new GivenChoices(choices), { ...options, tells: true });
  return [...story, violation ?? "no violation"].join("\n");
}

class Counting {
  readonly result: { schedules: number; recoveries: number; failure: ScheduleFailure | undefined } = {
    schedules: 0,
    recoveries: 0,
    failure: undefined,
  };
  readonly #options: ExploreOptions;

  constructor(options: ExploreOptions) {
    this.#options = options;
  }

  get goesOn(): boolean {
    const { schedules, failure } = this.result;
    return failure === undefined && (schedules === 0 || this.#options.goesOn?.(schedules) !== false);
  }

  /** Of the next schedule. */
  options(): ScheduleOptions {
    const { crashesEvery = Infinity } = this.#options;
    return { ...this.#options, crashesEverywhere: (this.result.schedules + 1) % crashesEvery === 0 };
  }

  played({ violation, recoveries }: ScheduleOutcome, choices: readonly number[]): void {
    this.result.schedules++;
    this.result.recoveries += recoveries;
    if (violation !== undefined) this.result.failure = { choices, violation };
  }
}
