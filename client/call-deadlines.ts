import type { Clock, Timer } from "../src/lib/clock.ts";
import type { Call } from "./call.ts";

/**
 * Ends calls whose time is up. A timer for each call would cost more than the call, so there is one, for the
 * earliest deadline, and when it fires all slots are looked at. That is at most every few milliseconds, less often the
 * more slots there are, so that it never takes a noticeable part of the time; a call ends that much late at most.
 */
export class CallDeadlines {
  // Invariant: no call with a promise has a deadline before #nextMs minus the pause between two sweeps. Those in #made,
  // whose time has not begun, have none yet.
  readonly #clock: Clock;
  readonly #slots: readonly Call[];
  readonly #expired: (call: Call) => void;
  #nextMs = Infinity;
  #timer: Timer | undefined;
  /** Calls of this tick. Some may be over, and their slots free or taken again: their time begins for nothing. */
  readonly #made: Call[] = [];

  constructor(clock: Clock, slots: readonly Call[], expired: (call: Call) => void) {
    this.#clock = clock;
    this.#slots = slots;
    this.#expired = expired;
  }

  /** A call was made. Its time begins at the end of the tick, so that the clock is read once for all calls of one. */
  add(call: Call): void {
    call.deadlineMs = Infinity;
    this.#made.push(call);
  }

  /** The tick is over. */
  begin(): void {
    const made = this.#made;
    if (made.length === 0) return;
    const nowMs = this.#clock.monotonicMs();
    let firstMs = Infinity;
    for (const call of made) {
      call.deadlineMs = nowMs + call.timeoutMs;
      if (call.deadlineMs < firstMs) firstMs = call.deadlineMs;
    }
    made.length = 0;
    if (firstMs < this.#nextMs) this.#schedule(firstMs, nowMs);
  }

  stop(): void {
    this.#made.length = 0;
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
