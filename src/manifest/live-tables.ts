import { Buffer } from "node:buffer";
import type { TableEntry } from "./manifest-state.ts";

/**
 * The tables of a state while edits change it: found by number, and sorted as a reader asks them. One edit costs the
 * tables that it names, not all there are: a manifest may hold many edits and many tables.
 */
export class LiveTables {
  // Invariant: both hold the same tables, each level lies in the order of `compare`, and no two tables of a level
  // from 1 on have a key in common.
  readonly #byNumber: Map<number, TableEntry>;
  readonly #levels: TableEntry[][];

  constructor(byNumber = new Map<number, TableEntry>(), levels: TableEntry[][] = []) {
    this.#byNumber = byNumber;
    this.#levels = levels;
  }

  copy(): LiveTables {
    return new LiveTables(
      new Map(this.#byNumber),
      this.#levels.map((level) => [...level]),
    );
  }

  /** All of them: by level; level 0 with the newest first, the others in the order of their keys. */
  list(): TableEntry[] {
    return this.#levels.flat();
  }

  get(number: number): TableEntry | undefined {
    return this.#byNumber.get(number);
  }

  /** The table that was removed, or undefined: there is none of this number. */
  remove(number: number): TableEntry | undefined {
    const table = this.#byNumber.get(number);
    if (table === undefined) return undefined;
    this.#byNumber.delete(number);
    const level = this.#levels[table.level]!;
    level.splice(placeOf(level, table), 1);
    return table;
  }

  /**
   * Adds a table whose number no other has, unless it overlaps one on a level where none may: then that is the answer.
   */
  add(table: TableEntry): TableEntry | undefined {
    while (this.#levels.length <= table.level) this.#levels.push([]);
    const level = this.#levels[table.level]!;
    const place = placeOf(level, table);
    if (table.level > 0) {
      const before = level[place - 1];
      const after = level[place];
      if (before !== undefined && Buffer.compare(before.lastKey, table.firstKey) >= 0) return before;
      if (after !== undefined && Buffer.compare(table.lastKey, after.firstKey) >= 0) return after;
    }
    level.splice(place, 0, table);
    this.#byNumber.set(table.number, table);
    return undefined;
  }
}

/** Where a table of this level is, or would be: behind all that come before it. */
function placeOf(level: readonly TableEntry[], table: TableEntry): number {
  let low = 0;
  let high = level.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(level[middle]!, table) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compare(one: TableEntry, other: TableEntry): number {
  if (one.level === 0) return other.versionMax - one.versionMax || other.number - one.number;
  return Buffer.compare(one.firstKey, other.firstKey);
}
