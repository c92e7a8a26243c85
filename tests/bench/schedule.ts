/**
 * When each request of an open loop is due: at a fixed rate, in a burst at the beginning of each millisecond, whatever
 * the server does meanwhile. The moment is a function of the request's number, so it cannot shift when sending is late.
 */
export class Schedule {
  readonly #startMs: number;
  readonly #perTick: number;

  constructor(startMs: number, perSecond: number) {
    this.#startMs = startMs;
    this.#perTick = (perSecond * tickMs) / 1000;
  }

  /** How many requests are due by now, the first one being due at the start. */
  dueBy(nowMs: number): number {
    const ticks = Math.floor((nowMs - this.#startMs) / tickMs) + 1;
    return Math.floor(Math.max(0, ticks) * this.#perTick);
  }

  /** How many requests the first so many milliseconds hold. */
  countOf(durationMs: number): number {
    return Math.floor(Math.round(durationMs / tickMs) * this.#perTick);
  }

  /** The beginning of the first tick by which more requests than `index` are due. */
  intendedMs(index: number): number {
    let tick = Math.max(0, Math.ceil((index + 1) / this.#perTick) - 1);
    // The quotient may be a hair off, to either side.
    if (Math.floor((tick + 1) * this.#perTick) <= index) tick++;
    else if (Math.floor(tick * this.#perTick) > index) tick--;
    return this.#startMs + tick * tickMs;
  }
}

export const tickMs = 1;
