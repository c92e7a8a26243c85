import { keyBytes, writeKey } from "./numbered-entries.ts";

/** The entries 0 .. entryCount - 1 in the order of their keys: ranges are named by the rank of their first. */
export class OrderedEntries {
  readonly #numbers: Uint32Array;

  constructor(entryCount: number) {
    const key = new DataView(new ArrayBuffer(keyBytes));
    // No two keys agree in their first word, so that it decides their order.
    const words = new Uint32Array(entryCount);
    for (let number = 0; number < entryCount; number++) {
      writeKey(key, 0, number);
      words[number] = key.getUint32(0);
    }
    this.#numbers = new Uint32Array(entryCount).map((_, number) => number);
    this.#numbers.sort((a, b) => words[a]! - words[b]!);
  }

  /** The entry of this rank, which begins with 0. */
  numberOf(rank: number): number {
    return this.#numbers[rank]!;
  }

  writeKeyOf(view: DataView, at: number, rank: number): void {
    writeKey(view, at, this.#numbers[rank]!);
  }

  /** Whether these are `count` entries from this rank on, all of them, in order. */
  isRange(rank: number, count: number, numbers: readonly number[]): boolean {
    return (
      numbers.length === count && numbers.every((number, index) => number === this.#numbers[rank + index])
    );
  }
}
