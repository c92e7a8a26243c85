/**
 * Whoever changes names in the log's directory and syncs it has it alone, and comes no more once one has failed: of
 * two syncs at once, the system may tell one of what both have lost.
 */
export class DirectoryTurns {
  /** Resolves when the last one has ended, one way or the other. */
  ended: Promise<void> = Promise.resolve();
  readonly #assertSound: () => void;
  readonly #failed: (error: unknown) => unknown;

  /** `assertSound` throws once the log has failed; `failed` makes it fail, and returns what is thrown for it. */
  constructor(assertSound: () => void, failed: (error: unknown) => unknown) {
    this.#assertSound = assertSound;
    this.#failed = failed;
  }

  take<T>(act: () => Promise<T>): Promise<T> {
    const acted = this.ended.then(() => {
      this.#assertSound();
      return act();
    });
    // Before the next one's turn.
    const told = acted.catch((error) => {
      throw this.#failed(error);
    });
    this.ended = told.then(
      () => {},
      () => {},
    );
    return told;
  }
}
