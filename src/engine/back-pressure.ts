import type { Clock } from "../lib/clock.ts";
import {
  levelZeroTablesSlow,
  levelZeroTablesStop,
  memtablesWaitingMax,
  slowedBytesPerSecondMax,
} from "../lib/limits.ts";
import type { Pace } from "../wal/options.ts";

/** So often a log that has to stop asks whether it may go on. */
const stopPollMs = 5;
/** One group waits no longer than this for the bytes of those before it: many short pauses instead of a long one. */
const pauseMsMax = 20;

/**
 * Slows writers down when flushes or compactions fall behind, in small steps and before there is a reason to stop
 * them: the next group of the log waits a little, and everybody's writes share what it can carry. Reads never wait.
 *
 *     pressure 0 ───────── 1      of the memtables that wait for their flush, and of the tables of level 0
 *     rate     full ··· 0         of bytes written to the log
 */
export class BackPressure implements Pace {
  /** Sealed memtables that no table holds yet. */
  memtablesWaiting = 0;
  levelZeroTables = 0;
  /** What flushes of all that is in memory will need of the disk. */
  reservedBytes = 0;
  /** Nobody is slowed down any more: the store closes. */
  isReleased = false;
  /** How long groups waited in all, and how often. */
  waitedMs = 0;
  waits = 0;
  readonly #clock: Clock;
  /** When the bytes that were written have gone by at the present rate. */
  #paidMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** 0: nothing waits that need not; 1: nothing more may come. */
  get pressure(): number {
    // One memtable that is just being flushed is the normal state.
    const memory = (this.memtablesWaiting - 1) / (memtablesWaitingMax - 1);
    const levelZero =
      (this.levelZeroTables - levelZeroTablesSlow) / (levelZeroTablesStop - levelZeroTablesSlow);
    return Math.min(1, Math.max(0, memory, levelZero));
  }

  waitMs(): number {
    const { pressure } = this;
    if (pressure === 0 || this.isReleased) return 0;
    const waitMs =
      pressure === 1 ? stopPollMs : Math.min(pauseMsMax, this.#paidMs - this.#clock.monotonicMs());
    if (waitMs < 1) return 0;
    this.waits++;
    this.waitedMs += waitMs;
    return waitMs;
  }

  wrote(bytes: number): void {
    const { pressure } = this;
    if (pressure === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const bytesPerMs = (slowedBytesPerSecondMax * Math.max(1 - pressure, 0.05)) / 1000;
    // A debt older than the longest pause is forgiven: rates rise again as soon as the pressure falls.
    const fromMs = Math.min(Math.max(nowMs, this.#paidMs), nowMs + pauseMsMax);
    this.#paidMs = fromMs + bytes / bytesPerMs;
  }
}
