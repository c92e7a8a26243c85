import type { AnswerMeter } from "./answer-meter.ts";
import type { KeySource } from "./key-source.ts";
import type { EntrySource } from "./request-window.ts";

export interface Timing {
  /** What is answered in this time is not counted. */
  warmUpMs: number;
  measureMs: number;
}

/** Says which entry comes next until the time is over; when the warm-up is, the meter begins anew. */
export function timedSource(keys: KeySource, meter: AnswerMeter, timing: Timing): EntrySource {
  const measureFromMs = performance.now() + timing.warmUpMs;
  const endMs = measureFromMs + timing.measureMs;
  let isMeasuring = false;
  return {
    next() {
      const nowMs = performance.now();
      if (!isMeasuring && nowMs >= measureFromMs) {
        isMeasuring = true;
        meter.restart(nowMs);
      }
      return nowMs < endMs ? keys.next() : -1;
    },
  };
}
