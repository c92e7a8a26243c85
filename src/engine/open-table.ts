import type { TableEntry } from "../manifest/manifest-state.ts";
import { compareKeys } from "../memtable/compare-keys.ts";
import type { TableCursor } from "../table/table-cursor.ts";
import type { TableReader } from "../table/table-reader.ts";

/** A table that is read from. */
export class OpenTable {
  readonly reader: TableReader;
  readonly firstKey: Buffer;
  readonly lastKey: Buffer;
  /** What the manifest says of it. */
  entry: TableEntry;
  /** Kept for the next scan: one page is read at a time, so one is enough. */
  #cursor: TableCursor | undefined;

  constructor(entry: TableEntry, reader: TableReader) {
    this.entry = entry;
    this.reader = reader;
    this.firstKey = Buffer.from(entry.firstKey);
    this.lastKey = Buffer.from(entry.lastKey);
  }

  get cursor(): TableCursor {
    return (this.#cursor ??= this.reader.cursor());
  }

  get hasCursor(): boolean {
    return this.#cursor !== undefined;
  }

  forgetCursor(): void {
    this.#cursor = undefined;
  }
}

/** The index of the first table whose last key is not before this one; their number if there is none. */
export function firstReaching(
  tables: readonly OpenTable[],
  key: Buffer,
  keyStart: number,
  keyEnd: number,
): number {
  let low = 0;
  let high = tables.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { lastKey } = tables[middle]!;
    if (compareKeys(lastKey, 0, lastKey.length, key, keyStart, keyEnd) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
