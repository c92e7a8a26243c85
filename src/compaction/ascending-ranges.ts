import { compareKeys } from "../memtable/compare-keys.ts";
import type { KeyRange } from "./levels.ts";

/**
 * Ranges that do not overlap, in the order of their keys, asked about keys that ascend as well: a merge asks for each
 * of its keys, and all questions together walk over the ranges once.
 */
export class AscendingRanges {
  readonly #firstKeys: readonly Buffer[];
  readonly #lastKeys: readonly Buffer[];
  #current = 0;

  constructor(ranges: readonly KeyRange[]) {
    this.#firstKeys = ranges.map(({ firstKey }) => bufferOver(firstKey));
    this.#lastKeys = ranges.map(({ lastKey }) => bufferOver(lastKey));
  }

  /** How many of the ranges end before the key. The key is no less than that of the question before. */
  passed(key: Buffer, keyStart: number, keyEnd: number): number {
    const lastKeys = this.#lastKeys;
    while (this.#current < lastKeys.length) {
      const lastKey = lastKeys[this.#current]!;
      if (compareKeys(lastKey, 0, lastKey.length, key, keyStart, keyEnd) >= 0) break;
      this.#current++;
    }
    return this.#current;
  }

  /** Whether the key lies in one of the ranges. The key is no less than that of the question before. */
  hold(key: Buffer, keyStart: number, keyEnd: number): boolean {
    const firstKey = this.#firstKeys[this.passed(key, keyStart, keyEnd)];
    return firstKey !== undefined && compareKeys(firstKey, 0, firstKey.length, key, keyStart, keyEnd) <= 0;
  }
}

/** What comes from another thread is no Buffer any more. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
