import type { Clock } from "../lib/clock.ts";
import { effortPerLook, modestTurnsMax, outputPerLook, wholeTurnsMin } from "../lib/limits.ts";
import type { Demand } from "./demand.ts";

/** What a session shows of the work that it does. */
export interface Work {
  /** Of the requests so far (intake.ts). */
  readonly effort: number;
}

export interface Output {
  readonly outputBytes: number;
}

/**
 * How much of the server one session asks for. It counts the effort of its requests, of which half is forgotten at the
 * end of each interval (demand.ts): that says whether the session is greedy, and has to share its time with others that
 * are (turns.ts). And it says when a turn has been long enough, which is not a matter of each request: a look at the
 * clock costs as much as a small one.
 */
export class Appetite {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #demand: Demand;
  readonly #work: Work;
  readonly #output: Output;
  /** As it was when the last turn began. */
  wasGreedy = false;
  #effort = 0;
  #interval = -1;
  /** So many turns in a row ended before all that was there had been taken, or so many did not. */
  #turnsCut = 0;
  #turnsWhole = 0;
  /** Its turns are hardly ever long enough. */
  #isEndless = false;
  #effortCounted = 0;
  #effortAtLook = 0;
  #outputAtLook = 0;

  constructor(clock: Pick<Clock, "monotonicMs">, demand: Demand, work: Work, output: Output) {
    this.#clock = clock;
    this.#demand = demand;
    this.#work = work;
    this.#output = output;
  }

  /**
   * Whether it asks for more than a modest one would. A turn begins. Of a thousand that flood each is served so
   * little, and so seldom, that by its effort it would be modest; but its turns are never long enough, only the last
   * one of a chunk is. So it takes a few that are, one after the other, until that is forgotten. And who was greedy
   * stays so while a write of its is held: to wait is not to ask for less.
   */
  isGreedy(nowMs: number, holdsWrite: boolean): boolean {
    const demand = this.#demand;
    demand.look(nowMs);
    this.#effortAtLook = this.#work.effort;
    this.#outputAtLook = this.#output.outputBytes;
    const passed = demand.interval - this.#interval;
    const asksForMuch = this.#isEndless || this.#effort / 2 ** passed > demand.modestEffort;
    this.wasGreedy = asksForMuch || (holdsWrite && this.wasGreedy);
    return this.wasGreedy;
  }

  /** Whether the turn, which was to end at `endMs`, is over. Small answers fill no room, and may be much work. */
  hasEaten(endMs: number, outputBytes: number): boolean {
    const { effort } = this.#work;
    const isShort =
      effort - this.#effortAtLook < effortPerLook && outputBytes - this.#outputAtLook < outputPerLook;
    if (isShort) return false;
    this.#effortAtLook = effort;
    this.#outputAtLook = outputBytes;
    return this.#clock.monotonicMs() >= endMs;
  }

  /** The turn is over, with or without something left to take. Whether anything was taken in it. */
  count(isCut: boolean): boolean {
    const effort = this.#work.effort - this.#effortCounted;
    if (effort === 0) return false;
    this.#turnsCut = isCut ? this.#turnsCut + 1 : 0;
    this.#turnsWhole = isCut ? 0 : this.#turnsWhole + 1;
    if (this.#turnsCut >= modestTurnsMax) this.#isEndless = true;
    else if (this.#turnsWhole >= wholeTurnsMin) this.#isEndless = false;
    const { interval } = this.#demand;
    const isFirst = interval !== this.#interval;
    if (isFirst) this.#effort /= 2 ** (interval - this.#interval);
    this.#interval = interval;
    this.#effort += effort;
    this.#effortCounted += effort;
    this.#demand.add(effort, isFirst);
    return true;
  }
}
