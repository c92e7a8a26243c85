import type { Clock } from "../lib/clock.ts";

/** Who has something to do once all sockets that are ready now were read. */
export interface TurnEnder {
  turnEnded(): void;
}

/**
 * Lets sessions hand their answers to the sockets together, at the end of a turn of the event loop, and not each as
 * soon as its requests are done. A write to a process that sleeps wakes it, which costs more than the write, and a
 * process with many connections would fall asleep between two of them, and be woken for each.
 */
export class TurnEnd {
  readonly #clock: Pick<Clock, "afterPoll">;
  #waiting: TurnEnder[] = [];
  #spare: TurnEnder[] = [];

  constructor(clock: Pick<Clock, "afterPoll">) {
    this.#clock = clock;
  }

  /** Calls back once, at the end of this turn. */
  add(ender: TurnEnder): void {
    if (this.#waiting.push(ender) === 1) this.#clock.afterPoll(() => this.end());
  }

  /** The turn is over. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = this.#spare;
    for (const ender of waiting) ender.turnEnded();
    waiting.length = 0;
    this.#spare = waiting;
  }
}
