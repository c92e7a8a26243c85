import { inlineSyncMsMax } from "../lib/limits.ts";

/**
 * Decides whether the event loop waits for a sync. Off the loop it costs two hand-overs between threads, a fifth of a
 * quick disk's sync, which pays where there is something to do meanwhile; on the loop it costs nothing more, but
 * whoever comes meanwhile waits for all of it.
 *
 * So it is a matter of what was seen last: nobody came during the last syncs that were not waited for, and the disk
 * was quick. Who waits can't see who comes, so every few syncs one is not waited for. A sync that took long ends it
 * at once, and then the disk has to be quick for a while.
 */
export class SyncPolicy {
  #quietSyncs = 0;
  #inlineSyncs = 0;
  /** So many more have to be quick before one is waited for. */
  #slowSyncsAgo = 0;

  /** Whether the next sync is to be waited for. */
  get isInline(): boolean {
    return (
      this.#quietSyncs >= quietSyncsMin && this.#slowSyncsAgo === 0 && this.#inlineSyncs < inlineSyncsMax
    );
  }

  /** A sync was not waited for, and took so long; `wasQuiet`: nothing was asked of the store meanwhile. */
  synced(ms: number, wasQuiet: boolean): void {
    this.#quietSyncs = wasQuiet ? this.#quietSyncs + 1 : 0;
    this.#inlineSyncs = 0;
    this.#weigh(ms);
  }

  /** A sync was waited for, and took so long. */
  syncedInline(ms: number): void {
    this.#inlineSyncs++;
    this.#weigh(ms);
  }

  #weigh(ms: number): void {
    if (ms > inlineSyncMsMax) this.#slowSyncsAgo = quickSyncsMin;
    else if (this.#slowSyncsAgo > 0) this.#slowSyncsAgo--;
  }
}

const quietSyncsMin = 2;
const inlineSyncsMax = 15;
const quickSyncsMin = 64;
