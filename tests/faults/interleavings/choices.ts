import { assert } from "../../../src/lib/assert.ts";
import { Dice } from "../simulation/dice.ts";
import type { Choices } from "../simulation/scheduler.ts";

/** How far schedules are enumerated. */
export interface Bounds {
  /** From this choice on, counted from 0, the first of the candidates is always taken. */
  readonly depth: number;
  /** So many of the choices of one schedule may take another candidate than the first. */
  readonly departuresMax: number;
}

interface Digit {
  value: number;
  readonly bound: number;
}

/**
 * All ways to choose, one run after the other: the choices of a run are the digits of a number, `advance` counts it up
 * by one, and the next run begins with the same choices up to the digit that changed. How many candidates there are at
 * a choice follows from the choices before it, so nothing need be known of a run beforehand.
 */
export class Odometer implements Choices {
  readonly #bounds: Bounds;
  readonly #digits: Digit[] = [];
  #position = 0;
  /** The longest run so far, in choices. */
  choicesMax = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  below(bound: number): number {
    const digit = this.#digits[this.#position];
    if (digit === undefined) this.#digits.push({ value: 0, bound });
    else assert(digit.bound === bound, "the same choices lead to the same candidates");
    return this.#digits[this.#position++]?.value ?? 0;
  }

  /** The choices of this run, as far as another one than the first was made. */
  get choices(): readonly number[] {
    const values = this.#digits.map(({ value }) => value);
    return values.slice(0, values.findLastIndex((value) => value > 0) + 1);
  }

  /** Goes to the next way; false: that was the last one. */
  advance(): boolean {
    this.choicesMax = Math.max(this.choicesMax, this.#position);
    this.#digits.length = Math.min(this.#position, this.#bounds.depth);
    this.#position = 0;
    for (let last = this.#digits.at(-1); last !== undefined; last = this.#digits.at(-1)) {
      const departures = this.#digits.filter(({ value }) => value > 0).length;
      const isFree = last.value > 0 || departures < this.#bounds.departuresMax;
      if (isFree && last.value + 1 < last.bound) {
        last.value++;
        return true;
      }
      this.#digits.pop();
    }
    return false;
  }
}

/** Takes the first candidate in one of three cases, and else any; and knows afterwards what it took. */
export class DrawnChoices implements Choices {
  readonly choices: number[] = [];
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seed, "schedule");
  }

  below(bound: number): number {
    const value = this.#dice.oneIn(3) ? 0 : this.#dice.below(bound);
    this.choices.push(value);
    return value;
  }
}

/** Makes the given choices, and takes the first candidate ever after: one schedule again. */
export class GivenChoices implements Choices {
  readonly #choices: readonly number[];
  #position = 0;

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  below(bound: number): number {
    return Math.min(this.#choices[this.#position++] ?? 0, bound - 1);
  }
}
