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

  async #begin(segment: SegmentFile): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const seenBefore = this.#requestsSeen();
    await segment.sync();
    this.#policy.synced(clock.monotonicMs() - startedMs, this.#requestsSeen() === seenBefore);
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
