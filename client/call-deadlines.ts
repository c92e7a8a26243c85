import type { Clock, Timer } from "../src/lib/clock.ts";
import type { Call } from "./call.ts";

/**
 * Ends calls whose time is up. A timer for each call would cost more than the call, so there is one, for the
 * earliest deadline, and when it fires all slots are looked at. That is at most every few milliseconds, less often the
 * more slots there are, so that it never takes a noticeable part of the time; a call ends that much late at most.
 */
export class CallDeadlines {
  // Invariant: no call with a promise has a deadline before #nextMs minus the pause between two sweeps.
  readonly #clock: Clock;
  readonly #slots: readonly Call[];
  readonly #expired: (call: Call) => void;
  #nextMs = Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock, slots: readonly Call[], expired: (call: Call) => void) {
    this.#clock = clock;
    this.#slots = slots;
    this.#expired = expired;
  }

  /** A call was made that ends then. */
  watch(deadlineMs: number, nowMs: number): void {
    if (deadlineMs < this.#nextMs) this.#schedule(deadlineMs, nowMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#nextMs = Infinity;
  }

  #schedule(atMs: number, nowMs: number): void {
    this.#timer?.cancel();
    this.#nextMs = atMs;
    // After a pause of the whole process answers may lie in the socket: they are read before anything is given up.
    const sweepSoon = () => this.#clock.afterPoll(() => this.#sweep());
    this.#timer = this.#clock.schedule(Math.max(0, Math.ceil(atMs - nowMs)), sweepSoon);
  }

  #sweep(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#nextMs = Infinity;
    const nowMs = this.#clock.monotonicMs();
    let nextMs = Infinity;
    for (const call of this.#slots) {
      if (call.state !== "queued" && call.state !== "sent") continue;
      if (call.deadlineMs <= nowMs) this.#expired(call);
      else if (call.deadlineMs < nextMs) nextMs = call.deadlineMs;
    }
    const pauseMs = Math.max(pauseMsMin, this.#slots.length / slotsPerPauseMs);
    if (nextMs < Infinity) this.#schedule(Math.max(nextMs, nowMs + pauseMs), nowMs);
  }
}

const pauseMsMin = 2;
const slotsPerPauseMs = 2_000;
