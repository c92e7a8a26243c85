import {
  gatherPollsMax,
  gatherShare,
  gatherShareMax,
  gatherSyncMsMin,
  gatherTimerMsMin,
} from "../lib/limits.ts";
import type { LogWriterOptions } from "./options.ts";
import type { SegmentFile } from "./segment-file.ts";
import { SyncPolicy } from "./sync-policy.ts";

/** Syncs the segment that is written to, one sync at a time, and tells who listens when one has returned. */
export class LogSyncs {
  count = 0;
  readonly #options: LogWriterOptions;
  readonly #policy = new SyncPolicy();
  readonly #requestsSeen: () => number;
  #inFlight: Promise<void> | undefined;
  /** When the last sync that was not waited for ended, and how long it took. */
  #endedMs = 0;
  #tookMs = 0;
  #whenCame: (() => void) | undefined;

  /** `requestsSeen` counts all that was asked of the log's owner: whether the event loop has others to serve. */
  constructor(options: LogWriterOptions, requestsSeen: () => number) {
    this.#options = options;
    this.#requestsSeen = requestsSeen;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  /** Resolves when all that is written is durable, also what is written meanwhile. */
  async makeDurable(segment: SegmentFile): Promise<void> {
    while (segment.durableOffset < segment.writtenOffset) {
      const isInline = this.#inFlight === undefined && this.#options.syncsInline && this.#policy.isInline;
      if (isInline) this.#now(segment);
      else await this.once(segment);
    }
  }

  /**
   * Joins the sync in flight, or begins one. Never a second one beside it: the system reports lost pages to one
   * sync only, and the other would return as if all were well.
   */
  once(segment: SegmentFile): Promise<void> {
    this.#inFlight ??= this.#begin(segment).finally(() => (this.#inFlight = undefined));
    return this.#inFlight;
  }

  /** Resolves when no sync is in flight, however it ended: whoever began it hears of that. */
  async ended(): Promise<void> {
    await this.#inFlight?.catch(() => {});
  }

  /**
   * Clients that wait for their answers come again once they have them. If the next group left at once, they would
   * miss it, and from then on two crowds would take turns, each of them waiting for two syncs. So after a sync that
   * took long the next group waits for those that are awaited, while they come, for a part of that sync's time.
   */
  async gather(awaited: () => number): Promise<void> {
    if (this.#tookMs < gatherSyncMsMin) return;
    const { clock } = this.#options;
    const untilMs = this.#endedMs + this.#tookMs * gatherShareMax;
    const quietMsMax = this.#tookMs * gatherShare;
    let lastMs = this.#endedMs;
    let missing = awaited();
    for (let polls = 0; polls < gatherPollsMax && missing > 0; polls++) {
      const nowMs = clock.monotonicMs();
      const leftMs = Math.min(untilMs, lastMs + quietMsMax) - nowMs;
      if (leftMs <= 0) return;
      if (quietMsMax < gatherTimerMsMin) await new Promise<void>((resolve) => clock.afterPoll(resolve));
      else await this.#allOrLater(awaited, leftMs);
      const missed = missing;
      missing = awaited();
      if (missing !== missed) lastMs = clock.monotonicMs();
    }
  }

  /** One more came. Whoever waits for all of them need not wait for the timer. */
  came(): void {
    this.#whenCame?.();
  }

  async #allOrLater(awaited: () => number, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.clock.schedule(Math.max(ms, gatherTimerMsMin), resolve, true);
    this.#whenCame = () => {
      if (awaited() <= 0) resolve();
    };
    await promise;
    this.#whenCame = undefined;
    timer.cancel();
  }

  async #begin(segment: SegmentFile): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const seenBefore = this.#requestsSeen();
    await segment.sync();
    this.#endedMs = clock.monotonicMs();
    this.#tookMs = this.#endedMs - startedMs;
    this.#policy.synced(this.#tookMs, this.#requestsSeen() === seenBefore);
    this.#returned();
  }

  #now(segment: SegmentFile): void {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    segment.syncNow();
    this.#policy.syncedInline(clock.monotonicMs() - startedMs);
    this.#returned();
  }

  #returned(): void {
    this.count++;
    this.#options.listener.advanced();
  }
}
