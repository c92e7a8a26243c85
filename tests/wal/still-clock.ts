import type { Clock, Timer } from "../../src/lib/clock.ts";

interface Alarm {
  readonly atMs: number;
  readonly action: () => void;
}

/** Time stands still until the test moves it. The event loop's turns go on, so what waits for one is not held up. */
export class StillClock implements Clock {
  #nowMs = 1_000;
  #alarms: Alarm[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  schedule(delayMs: number, action: () => void): Timer {
    const alarm = { atMs: this.#nowMs + delayMs, action };
    this.#alarms.push(alarm);
    return { cancel: () => (this.#alarms = this.#alarms.filter((other) => other !== alarm)) };
  }

  afterPoll(action: () => void): void {
    setImmediate(action);
  }

  /** The delays until what is scheduled now, shortest first. */
  get alarmsInMs(): number[] {
    return this.#alarms.map(({ atMs }) => atMs - this.#nowMs).sort((one, other) => one - other);
  }

  /** Time goes on, a millisecond at a time, while somebody waits for this. */
  async passing<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => void (isOver = true);
    promise.then(over, over);
    await settle();
    while (!isOver) {
      this.advance(1);
      await settle();
    }
    return promise;
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#alarms.toSorted((one, other) => one.atMs - other.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#nowMs = next.atMs;
      next.action();
    }
    this.#nowMs = endMs;
  }
}

/** Lets everything that needs no time happen: enough turns for a write, a sync and what follows them. */
export async function settle(turns = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}
