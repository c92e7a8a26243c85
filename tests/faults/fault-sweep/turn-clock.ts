import type { Clock } from "../../../src/lib/clock.ts";

/**
 * Time that only passes when somebody waits for it, and slowly: a short delay is over at the next turn of the event
 * loop, and a long one never. So what a run does depends on nothing but its script, and is the same each time, call for
 * call.
 */
export class TurnClock implements Clock {
  #nowMs = 1_000_000;

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  schedule(delayMs: number, action: () => void): { cancel(): void } {
    if (delayMs > longestDelayMs) return { cancel: () => {} };
    const timer = setImmediate(() => {
      this.#nowMs += Math.min(delayMs, 20);
      action();
    });
    return { cancel: () => clearImmediate(timer) };
  }

  afterPoll(action: () => void): void {
    setImmediate(action);
  }
}

/** Those who wait for room on the disk, or for the store to be idle, wait for a second. */
const longestDelayMs = 1_000;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
