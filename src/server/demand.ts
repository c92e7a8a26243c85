import { appetiteHalvesMs, modestEffortMax } from "../lib/limits.ts";

/**
 * What all sessions of a server together ask for, and so what of it is a modest share. Half of all is forgotten at the
 * end of each interval. A share is modest if it is at most half of the average of those who asked for anything in the
 * last interval: beside one that floods that is much, beside a thousand it is little.
 */
export class Demand {
  /** Counted from an arbitrary one on. */
  interval = 0;
  /** A session that has asked for more than this, counted as everything is here, is greedy. */
  modestEffort = modestEffortMax;
  #endMs: number;
  #effort = 0;
  #sessions = 0;

  constructor(nowMs: number) {
    this.#endMs = nowMs + appetiteHalvesMs;
  }

  /** Time has passed. */
  look(nowMs: number): void {
    if (nowMs >= this.#endMs) this.#forget(nowMs);
  }

  /** A session was served; `isFirst`: for the first time in this interval. */
  add(effort: number, isFirst: boolean): void {
    this.#effort += effort;
    if (isFirst) this.#sessions++;
  }

  #forget(nowMs: number): void {
    const passed = Math.floor((nowMs - this.#endMs) / appetiteHalvesMs) + 1;
    this.interval += passed;
    this.#endMs += passed * appetiteHalvesMs;
    this.#effort /= 2 ** passed;
    this.modestEffort = Math.max(modestEffortMax, this.#effort / (2 * Math.max(1, this.#sessions)));
    this.#sessions = 0;
  }
}
