import { gatherPollsMax, gatherShare, gatherSyncMsMin } from "../lib/limits.ts";
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
  #gatherUntilMs = 0;

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
   * took long the next group waits while more is awaited, for a part of the time of that sync at most.
   */
  async gather(isMoreAwaited: () => boolean): Promise<void> {
    const { clock } = this.#options;
    for (let polls = 0; polls < gatherPollsMax && isMoreAwaited(); polls++) {
      if (clock.monotonicMs() >= this.#gatherUntilMs) return;
      await new Promise<void>((resolve) => clock.afterPoll(resolve));
    }
  }

  async #begin(segment: SegmentFile): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const seenBefore = this.#requestsSeen();
    await segment.sync();
    const endedMs = clock.monotonicMs();
    const tookMs = endedMs - startedMs;
    this.#policy.synced(tookMs, this.#requestsSeen() === seenBefore);
    this.#gatherUntilMs = tookMs < gatherSyncMsMin ? 0 : endedMs + tookMs * gatherShare;
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
