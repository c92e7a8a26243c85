import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../../src/lib/clock.ts";

/**
 * Time that passes only by being asked for and waited for: a short delay is over at the next turn of the event loop,
 * and a long one never. So what a run does follows from its script, call for call, however busy the machine is.
 */
export class TurnClock implements Clock {
  readonly #delayMsMax: number;
  #nowMs = 1_000_000;

  constructor(delayMsMax = 100) {
    this.#delayMsMax = delayMsMax;
  }

  /** A little later each time: whoever polls until a moment comes to it. */
  monotonicMs(): number {
    return (this.#nowMs += 0.01);
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  schedule(delayMs: number, action: () => void): Timer {
    if (delayMs > this.#delayMsMax) return { cancel: () => {} };
    const timer = setImmediate(() => {
      // Those who look again and again, for room or for quiet, must not use up the leases of the others.
      this.#nowMs += Math.min(delayMs, advanceMsMax);
      action();
    });
    return { cancel: () => clearImmediate(timer) };
  }

  afterPoll(action: () => void): void {
    setImmediate(action);
  }
}

const advanceMsMax = 20;

export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
