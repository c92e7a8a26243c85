import type { Clock } from "../lib/clock.ts";
import {
  levelZeroTablesSlow,
  levelZeroTablesStop,
  memtablesWaitingMax,
  slowedBytesPerSecondMin,
} from "../lib/limits.ts";
import type { Pace } from "../wal/options.ts";

/** So often a log that has to stop asks whether it may go on. */
const stopPollMs = 5;
/** One group waits no longer than this for the bytes of those before it: many short pauses instead of a long one. */
const pauseMsMax = 20;
/** The rate of flushes follows what they carry, small entries or large ones, within a few of them. */
const weightOfNewest = 0.3;
const tellingBytesMin = 4 * 1024 * 1024;

/**
 * Slows writers down when flushes or compactions fall behind, in small steps and before there is a reason to stop
 * them: the next group of the log waits a little, and everybody's writes share what it can carry. Reads never wait.
 *
 *     pressure 0 ───────── 1      of the memtables that wait for their flush, and of the tables of level 0
 *     rate     2 ······ 0         of bytes written to the log, in terms of the rate of the last flushes
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
  #flushBytesPerMs = slowedBytesPerSecondMin / 1000;
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

  /** A flush took so long for a segment of so many bytes: what writers are slowed down to. */
  flushed(bytes: number, ms: number): void {
    // A small one says more of syncs than of bytes.
    if (bytes < tellingBytesMin) return;
    const bytesPerMs = Math.max(bytes / Math.max(ms, 1), slowedBytesPerSecondMin / 1000);
    this.#flushBytesPerMs += (bytesPerMs - this.#flushBytesPerMs) * weightOfNewest;
  }

  wrote(bytes: number): void {
    const { pressure } = this;
    if (pressure === 0) return;
    const nowMs = this.#clock.monotonicMs();
    // Twice as fast as flushes at the least pressure, as fast in the middle.
    const bytesPerMs = 2 * this.#flushBytesPerMs * Math.max(1 - pressure, 0.05);
    // A debt older than the longest pause is forgiven: rates rise again as soon as the pressure falls.
    const fromMs = Math.min(Math.max(nowMs, this.#paidMs), nowMs + pauseMsMax);
    this.#paidMs = fromMs + bytes / bytesPerMs;
  }
}
