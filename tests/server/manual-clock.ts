import type { Clock, Timer } from "../../src/lib/clock.ts";

interface Alarm {
  readonly atMs: number;
  readonly action: () => void;
}

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  nowMs = 1_000;
  #stallMs = 0;
  #alarms: Alarm[] = [];
  #afterPoll: (() => void)[] = [];

  get alarmCount(): number {
    return this.#alarms.length;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }

  schedule(delayMs: number, action: () => void): Timer {
    const alarm = { atMs: this.nowMs + delayMs, action };
    this.#alarms.push(alarm);
    return { cancel: () => (this.#alarms = this.#alarms.filter((other) => other !== alarm)) };
  }

  afterPoll(action: () => void): void {
    this.#afterPoll.push(action);
  }

  /** Runs what waits for the end of this turn, and nothing that it brings up. */
  pass(): void {
    for (const action of this.#afterPoll.splice(0)) action();
  }

  /** Runs what waits for the end of this turn, and what that brings up, turn by turn. Returns the turns. */
  poll(): number {
    let turns = 0;
    while (this.#afterPoll.length > 0) {
      turns++;
      if (turns > turnsMax) throw new Error(`Cannot end: each of ${turnsMax} turns brought up another one`);
      this.pass();
    }
    return turns;
  }

  /** The next alarm comes late by this. */
  stall(ms: number): void {
    this.#stallMs = ms;
  }

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.#alarms.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.nowMs = next.atMs + this.#stallMs;
      this.#stallMs = 0;
      next.action();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }
}

/** Whoever still has something to do after so many turns is waiting for something, and spins. */
const turnsMax = 100_000;
