import { compareKeys } from "../memtable/compare-keys.ts";
import type { EntryPlace, EntrySource, SeekBound } from "./entry-cursor.ts";

/**
 * Walks over several sources as over one: in the order of the keys, each key once, with its newest entry, tombstones
 * too. Of two sources that stand on the same key, the older one moves on at once; so those that stand do so on
 * different keys, and lie sorted by them. A list and not a heap: nearly all entries of a large store are in its last
 * level, whose source then stays the first for many steps in a row, and each costs one comparison.
 */
export class MergedCursor {
  // Invariant: sorted by key in the direction of the walk, and no two on the same key.
  readonly #standing: RankedSource[] = [];
  readonly #reverse: boolean;
  #begun = false;

  /** `sources` from the newest to the oldest: what an earlier one has of a key is newer than all in later ones. */
  constructor(
    sources: readonly EntrySource[],
    from: SeekBound | undefined,
    reverse: boolean,
    versionMax: number,
  ) {
    this.#reverse = reverse;
    for (let rank = 0; rank < sources.length; rank++) {
      const source = sources[rank]!;
      if (!source.seek(from, reverse, versionMax)) continue;
      const ranked = { source, rank };
      this.#standing.unshift(ranked);
      this.#place(ranked, 0);
    }
  }

  /** Goes to the next key; false after the last. */
  next(): boolean {
    const standing = this.#standing;
    if (this.#begun && standing.length > 0) this.#move(standing[0]!, 0);
    this.#begun = true;
    return standing.length > 0;
  }

  /** The entry at the cursor, once `next` has said true, until it is called again. */
  get at(): EntryPlace {
    return this.#standing[0]!.source.at;
  }

  /** The source at `index` leaves its key. */
  #move(ranked: RankedSource, index: number): void {
    if (ranked.source.next()) this.#place(ranked, index);
    else this.#standing.splice(index, 1);
  }

  /** Brings a source from `index` to its place; those behind it are in theirs. */
  #place(ranked: RankedSource, index: number): void {
    const standing = this.#standing;
    for (;;) {
      const next = standing[index + 1];
      if (next === undefined) break;
      const order = this.#compare(ranked, next);
      if (order < 0) break;
      if (order > 0) {
        standing[index++] = next;
      } else if (ranked.rank > next.rank) {
        standing[index] = ranked;
        return this.#move(ranked, index);
      } else {
        standing[index] = ranked;
        return this.#move(next, index + 1);
      }
    }
    standing[index] = ranked;
  }

  #compare(one: RankedSource, other: RankedSource): number {
    const a = one.source.at;
    const b = other.source.at;
    const order = compareKeys(a.keyBytes, a.keyStart, a.keyEnd, b.keyBytes, b.keyStart, b.keyEnd);
    return this.#reverse ? -order : order;
  }
}

interface RankedSource {
  readonly source: EntrySource;
  readonly rank: number;
}
