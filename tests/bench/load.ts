import type { Dialect } from "./dialect.ts";
import type { KeySource } from "./key-source.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** What is asked of a server, in whichever way it is asked. */
export interface Load {
  port: number;
  dialect: Dialect;
  connections: number;
  /** How many of a hundred requests are sets; the others are gets. */
  setPercent: number;
  keys: KeySource;
  valueBytes: number;
  /** Goes into every value, so that it can be told later which run wrote it. */
  stamp: number;
  warmUpMs: number;
  measureMs: number;
  /** Hears of each second while it is measured. */
  onSecond?: (second: LoadSecond) => void;
}

export interface LoadSecond {
  /** Since the measurement began. */
  second: number;
  opsPerSec: number;
  p99Ms: number;
  maxMs: number;
}

/** What a load counts while it runs. */
export class LoadMeter {
  readonly latencies = new LatencyHistogram();
  /** Gets of what was not there, since the warm-up began. */
  missing = 0;
  /** Entries whose sets were acknowledged, the last ten thousand of those that were picked. */
  readonly #acknowledged = new Float64Array(acknowledgedKept);
  #acknowledgedCount = 0;
  readonly #second = new LatencyHistogram();
  readonly #onSecond: Load["onSecond"];
  #startedAtMs = Infinity;
  #secondStartedAtMs = Infinity;

  constructor(onSecond: Load["onSecond"]) {
    this.#onSecond = onSecond;
  }

  get isMeasuring(): boolean {
    return this.#startedAtMs !== Infinity;
  }

  start(nowMs: number): void {
    this.#startedAtMs = this.#secondStartedAtMs = nowMs;
  }

  /** Measures from now until then, second by second; what comes later is not counted. */
  async during(awaited: Promise<unknown>): Promise<{ seconds: number; count: number }> {
    const startedAtMs = performance.now();
    this.start(startedAtMs);
    const tick = setInterval(() => this.endSecond(performance.now()), 1000);
    try {
      await awaited;
    } finally {
      clearInterval(tick);
    }
    const endedAtMs = performance.now();
    this.endSecond(endedAtMs);
    return { seconds: (endedAtMs - startedAtMs) / 1000, count: this.latencies.count };
  }

  record(ms: number): void {
    this.#second.record(ms);
  }

  /** Ends a second of the series. A short rest at the end of the measurement makes no point of its own. */
  endSecond(nowMs: number): void {
    const elapsedMs = nowMs - this.#secondStartedAtMs;
    const second = this.#second;
    if (elapsedMs >= pointMsMin) {
      this.#onSecond?.({
        second: (nowMs - this.#startedAtMs) / 1000,
        opsPerSec: (second.count / elapsedMs) * 1000,
        p99Ms: second.percentileMs(0.99),
        maxMs: second.maxMs,
      });
    }
    this.latencies.add(second);
    second.clear();
    this.#secondStartedAtMs = nowMs;
  }

  acknowledge(entryNumber: number): void {
    this.#acknowledged[this.#acknowledgedCount++ % acknowledgedKept] = entryNumber;
  }

  get acknowledged(): number[] {
    return [...this.#acknowledged.subarray(0, Math.min(this.#acknowledgedCount, acknowledgedKept))];
  }
}

const acknowledgedKept = 10_000;
const pointMsMin = 250;

export interface LoadResult {
  opsPerSec: number;
  latencies: LatencyHistogram;
  missing: number;
  acknowledged: number[];
}

/** The server said no: there is no number then. */
export class RefusedError extends Error {
  constructor(dialect: Dialect, message: string) {
    super(`${dialect.name} answered with an error: ${message}`);
  }
}
