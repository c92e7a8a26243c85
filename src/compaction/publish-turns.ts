/**
 * The jobs of a runner share a directory, and give names to their tables there. Each syncs it alone, and only if no
 * sync has failed since before its first name: of two at once the system may tell one of what both have lost, and a
 * later one succeeds without those names (src/wal/README.md, section 9).
 */
export class PublishTurns {
  /** How many syncs have failed. A job remembers what it was before it gave a name. */
  failures = 0;
  #lastFailure: unknown;
  /** Resolves when the last one has ended, one way or the other. */
  #ended: Promise<void> = Promise.resolve();

  /** `sync` in its turn; or the failure that may have taken names of this job along. */
  take(failuresBefore: number, sync: () => Promise<void>): Promise<void> {
    const synced = this.#ended.then(async () => {
      if (this.failures !== failuresBefore) throw this.#lastFailure;
      try {
        await sync();
      } catch (error) {
        this.failures++;
        this.#lastFailure = error;
        throw error;
      }
    });
    this.#ended = synced.catch(() => {});
    return synced;
  }
}
