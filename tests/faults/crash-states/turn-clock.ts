import { setImmediate } from "node:timers";
import type { Clock } from "../../../src/lib/clock.ts";

/**
 * Time that passes only by being asked for, and by short delays, which are over at the next turn of the event loop;
 * long ones never are. So a run makes the same calls every time, however busy the machine is.
 */
export function turnClock(): Clock {
  let nowMs = 0;
  return {
    monotonicMs: () => (nowMs += 0.01),
    wallMs: () => 1_700_000_000_000,
    schedule(delayMs, action) {
      if (delayMs > delayMsMax) return { cancel: () => {} };
      const timer = setImmediate(() => {
        nowMs += delayMs;
        action();
      });
      return { cancel: () => clearImmediate(timer) };
    },
    afterPoll: (action) => void setImmediate(action),
  };
}

const delayMsMax = 100;
