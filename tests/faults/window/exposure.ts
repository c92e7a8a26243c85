/**
 * How long damage to an acknowledged write would look like a torn tail: from the sync that made it durable, and let its
 * answer go, to the sync of the next group or seal, which vouches for it.
 */
export class Exposure {
  /** When syncs returned, in order. */
  readonly #syncsMs: number[] = [];
  /** For each acknowledged write the sync that made it durable, as an index. */
  readonly #ackedBy: number[] = [];

  synced(atMs: number): void {
    this.#syncsMs.push(atMs);
  }

  /** A write was acknowledged just now. */
  acknowledged(): void {
    if (this.#syncsMs.length === 0) throw new Error("A write was acknowledged before any sync returned");
    this.#ackedBy.push(this.#syncsMs.length - 1);
  }

  /** Whether something vouches for every write that was acknowledged. */
  get isOver(): boolean {
    return (this.#ackedBy.at(-1) ?? -1) < this.#syncsMs.length - 1;
  }

  /** In milliseconds, ascending; one for each write. */
  windowsMs(): number[] {
    if (!this.isOver) throw new Error("Nothing vouches for the last writes yet");
    return this.#ackedBy
      .map((index) => this.#syncsMs[index + 1]! - this.#syncsMs[index]!)
      .sort((one, other) => one - other);
  }
}
