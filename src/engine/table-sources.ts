import { compareKeys } from "../memtable/compare-keys.ts";
import type { EntryPlace, EntrySource, SeekBound } from "./entry-cursor.ts";
import { firstReaching, type OpenTable } from "./open-table.ts";

/** One table, for a scan. */
export class TableSource implements EntrySource {
  readonly at: EntryPlace;
  readonly #table: OpenTable;

  constructor(table: OpenTable) {
    this.#table = table;
    this.at = table.cursor;
  }

  seek(from: SeekBound | undefined, reverse: boolean, versionMax: number): boolean {
    const { cursor } = this.#table;
    if (from === undefined) return cursor.seekStart(reverse, versionMax);
    return cursor.seek(from.key, 0, from.key.length, reverse, from.inclusive, versionMax);
  }

  next(): boolean {
    return this.#table.cursor.next();
  }
}

/** The tables of one level, which do not overlap, one behind the other. */
export class LevelSource implements EntrySource {
  at: EntryPlace;
  readonly #tables: readonly OpenTable[];
  #index = 0;
  #reverse = false;
  #versionMax = 0;

  constructor(tables: readonly OpenTable[]) {
    this.#tables = tables;
    this.at = tables[0]!.cursor;
  }

  seek(from: SeekBound | undefined, reverse: boolean, versionMax: number): boolean {
    this.#reverse = reverse;
    this.#versionMax = versionMax;
    if (from === undefined) return this.#enter(reverse ? this.#tables.length - 1 : 0);
    const { key, inclusive } = from;
    let index = firstReaching(this.#tables, key, 0, key.length);
    // In reverse, the last table that begins at or before the key: the one that reaches it, or the one before.
    if (reverse && (index === this.#tables.length || isBefore(key, this.#tables[index]!.firstKey))) index--;
    const table = this.#tables[index];
    if (table === undefined) return false;
    this.#index = index;
    this.at = table.cursor;
    if (table.cursor.seek(key, 0, key.length, reverse, inclusive, versionMax)) return true;
    return this.#enter(this.#following(index));
  }

  next(): boolean {
    return this.#tables[this.#index]!.cursor.next() || this.#enter(this.#following(this.#index));
  }

  #following(index: number): number {
    return this.#reverse ? index - 1 : index + 1;
  }

  /** Stands on the first entry of a table, or of the next that has one. */
  #enter(index: number): boolean {
    for (let at = index; at >= 0 && at < this.#tables.length; at = this.#following(at)) {
      this.#index = at;
      const { cursor } = this.#tables[at]!;
      this.at = cursor;
      if (cursor.seekStart(this.#reverse, this.#versionMax)) return true;
    }
    return false;
  }
}

function isBefore(key: Buffer, other: Buffer): boolean {
  return compareKeys(key, 0, key.length, other, 0, other.length) < 0;
}
