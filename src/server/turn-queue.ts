import { assert } from "../lib/assert.ts";

/** First in, first out, however long it gets: what has left is moved away in lots, so each costs a constant time. */
export class TurnQueue<T> {
  // Invariant: those before `head` have left, and are fewer than those behind it, or none.
  readonly #entries: T[] = [];
  #head = 0;

  get length(): number {
    return this.#entries.length - this.#head;
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  shift(): T {
    assert(this.length > 0, "only who waits is called");
    const entry = this.#entries[this.#head++]!;
    if (this.#head * 2 >= this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    return entry;
  }
}
