import type { Clock } from "../lib/clock.ts";

/**
 * Spreads what is written evenly, so that the log's own syncs find the disk free most of the time: a megabyte takes
 * its share of a second, whether it was written, waited for or put together in it. Time in which nothing was written
 * is not made up for.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecondMax: number;
  #dueMs: number;

  /** `bytesPerSecondMax` 0: no limit. */
  constructor(clock: Clock, bytesPerSecondMax: number) {
    this.#clock = clock;
    this.#bytesPerSecondMax = bytesPerSecondMax;
    this.#dueMs = clock.monotonicMs();
  }

  /** Resolves when the time of so many bytes, which were just written, is over. */
  async wrote(bytes: number): Promise<void> {
    if (this.#bytesPerSecondMax === 0) return;
    const chunkMs = (bytes / this.#bytesPerSecondMax) * 1000;
    const nowMs = this.#clock.monotonicMs();
    this.#dueMs = Math.max(this.#dueMs + chunkMs, nowMs);
    const waitMs = this.#dueMs - nowMs;
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#clock.schedule(waitMs, resolve, true));
  }
}
