import type { Clock, Timer } from "../../../src/lib/clock.ts";

/** Time that passes when a test says so. Promises get their turn after each timer, as they do in the real world. */
export class TestClock implements Clock {
  nowMs = 0;
  #alarms: Alarm[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#alarms.length;
  }

  /** How many of them keep the process alive. */
  get keepingAlive(): number {
    return this.#alarms.filter((alarm) => alarm.keepsProcessAlive).length;
  }

  schedule(delayMs: number, action: () => void, keepsProcessAlive = false): Timer {
    const alarm = { atMs: this.nowMs + delayMs, action, keepsProcessAlive };
    this.#alarms.push(alarm);
    return { cancel: () => (this.#alarms = this.#alarms.filter((other) => other !== alarm)) };
  }

  afterPoll(action: () => void): void {
    this.schedule(0, action);
  }

  async advance(ms: number): Promise<void> {
    await settle();
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.#alarms.reduce<Alarm | undefined>(
        (first, alarm) => (first === undefined || alarm.atMs < first.atMs ? alarm : first),
        undefined,
      );
      if (next === undefined || next.atMs > endMs) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.action();
      await settle();
    }
    this.nowMs = endMs;
    await settle();
  }
}

interface Alarm {
  readonly atMs: number;
  readonly action: () => void;
  readonly keepsProcessAlive: boolean;
}

/** Lets every promise that can go on go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
