import { clearTimeout, setImmediate, setTimeout } from "node:timers";

/**
 * The only file that touches the time of the machine. Everything that waits or measures takes a Clock, so that
 * tests can own the time.
 */
export interface Clock {
  /** Milliseconds that never go backwards; only differences mean anything. */
  monotonicMs(): number;
  /** Milliseconds since 1970; may jump. */
  wallMs(): number;
  /** Calls `action` once, after `delayMs`. Only a timer that was asked to keeps the process alive until then. */
  schedule(delayMs: number, action: () => void, keepsProcessAlive?: boolean): Timer;
  /** Calls `action` after the sockets that are ready now were read: where a group of concurrent writes is cut. */
  afterPoll(action: () => void): void;
}

export interface Timer {
  cancel(): void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),

  schedule(delayMs, action, keepsProcessAlive = false) {
    const timer = setTimeout(action, delayMs);
    if (!keepsProcessAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },

  afterPoll(action) {
    setImmediate(action);
  },
};
