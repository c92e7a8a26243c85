import { drainMicrotasks } from "bun:jsc";
import type { Clock, Timer } from "../../../src/lib/clock.ts";
import type { Trace } from "./trace.ts";

/** Decides wherever things may go one way or another. */
export interface Choices {
  /** A whole number in 0 .. bound - 1. */
  below(bound: number): number;
}

/** Something that will happen. */
export interface SimulatedEvent {
  readonly what: string;
  readonly owner: object;
  /** Events of one lane happen in the order in which they were added. */
  readonly lane: string | undefined;
  readonly atUs: number;
  readonly action: () => void;
}

/**
 * What may happen next. `time`: the events whose time comes first, in any order among themselves. The others: every
 * event that no other one of its lane comes before, whatever its time; of timers only the one that comes first. Among
 * those without a lane, which are the ends of syncs, the first candidate is the oldest or the newest.
 */
export type Order = "time" | "oldest first" | "newest first";

/**
 * All that happens in a simulated world, one event after the other: a microtask queue is emptied between any two, so
 * whatever a promise leads to belongs to the event that resolved it. Which of the events that may come next does so is
 * chosen, and nothing else decides anything: the same choices give the same run.
 *
 * Time is a whole number of microseconds and passes between events only. It stands still while code runs.
 */
export class Scheduler {
  nowUs = 0;
  steps = 0;
  readonly trace: Trace;
  readonly #choices: Choices;
  readonly #order: Order;
  #events: SimulatedEvent[] = [];
  #lastTurnUs = 0;

  constructor(choices: Choices, trace: Trace, order: Order = "time") {
    this.#choices = choices;
    this.trace = trace;
    this.#order = order;
  }

  /** `owner`: with whom the event dies (`drop`). */
  add(
    owner: object,
    what: string,
    delayUs: number,
    action: () => void,
    lane: string | undefined = undefined,
  ): SimulatedEvent {
    const event = { what, owner, lane, atUs: this.nowUs + Math.max(0, Math.ceil(delayUs)), action };
    this.#events.push(event);
    return event;
  }

  cancel(event: SimulatedEvent): void {
    const index = this.#events.indexOf(event);
    if (index >= 0) this.#events.splice(index, 1);
  }

  /** None of its events happens any more: a machine that has stopped does nothing. */
  drop(owner: object): void {
    this.#events = this.#events.filter((event) => event.owner !== owner);
  }

  /** The kinds of what may happen next. */
  get candidates(): readonly SimulatedEvent[] {
    return this.#order === "time" ? this.#firstInTime() : this.#firstOfLanes();
  }

  /** Lets one event happen, and all that follows from it at once. False: there is none. */
  step(): boolean {
    const candidates = this.candidates;
    if (candidates.length === 0) return false;
    const index = candidates.length === 1 ? 0 : this.#choices.below(candidates.length);
    const event = candidates[index]!;
    this.cancel(event);
    this.nowUs = Math.max(this.nowUs, event.atUs);
    this.steps++;
    this.trace.event(event.what, this.nowUs, index, candidates.length);
    event.action();
    this.settle();
    return true;
  }

  /** Empties the queue of microtasks. */
  settle(): void {
    drainMicrotasks();
  }

  /** The clock of a machine, whose events die with `owner`. `latenessUs` says how late a timer is, and a turn. */
  clock(owner: object, latenessUs: (of: "timer" | "turn") => number): Clock {
    return {
      monotonicMs: () => this.nowUs / 1000,
      wallMs: () => 1_700_000_000_000 + Math.floor(this.nowUs / 1000),
      schedule: (delayMs, action): Timer => {
        const delayUs = Math.max(1, delayMs) * 1000 + latenessUs("timer");
        const event = this.add(owner, "timer", delayUs, action, "timer");
        return { cancel: () => this.cancel(event) };
      },
      afterPoll: (action) => {
        // One turn of an event loop ends after the other.
        this.#lastTurnUs = Math.max(this.#lastTurnUs, this.nowUs + latenessUs("turn"));
        this.add(owner, "turn", this.#lastTurnUs - this.nowUs, action, "turn");
      },
    };
  }

  #firstInTime(): SimulatedEvent[] {
    let atUs = Infinity;
    const first: SimulatedEvent[] = [];
    const lanes: string[] = [];
    for (const event of this.#events) {
      if (event.atUs > atUs) continue;
      if (event.atUs < atUs) {
        atUs = event.atUs;
        first.length = lanes.length = 0;
      }
      // Timers of one moment may come in any order; all else keeps to its lane.
      if (event.lane !== undefined && event.lane !== "timer") {
        if (lanes.includes(event.lane)) continue;
        lanes.push(event.lane);
      }
      first.push(event);
    }
    return first;
  }

  /** Turns first, timers last: who always takes the first gets a run that a fast machine with a patient clock has. */
  #firstOfLanes(): SimulatedEvent[] {
    const lanes = new Set<string>();
    const first: SimulatedEvent[] = [];
    let timer: SimulatedEvent | undefined;
    for (const event of this.#events) {
      if (event.lane === "timer") {
        if (timer === undefined || event.atUs < timer.atUs) timer = event;
      } else if (event.lane === undefined) {
        first.push(event);
      } else if (!lanes.has(event.lane)) {
        lanes.add(event.lane);
        first.push(event);
      }
    }
    if (this.#order === "newest first") first.reverse();
    first.sort((one, other) => rank(one) - rank(other));
    return timer === undefined ? first : [...first, timer];
  }
}

const rank = ({ lane }: SimulatedEvent) => (lane === "turn" ? 0 : lane === undefined ? 1 : 2);
