import { assert } from "../lib/assert.ts";
import type { TableReader } from "../table/table-reader.ts";
import type { EntrySource } from "./entry-cursor.ts";
import { firstReaching, type OpenTable } from "./open-table.ts";
import { LevelSource, TableSource } from "./table-sources.ts";

/**
 * The tables of a store, by level. Those of level 0 are memtables written out, newest first, and may overlap. Each
 * deeper level is one sorted run of tables that do not. Of a key, what a higher level has is newer than what a deeper
 * one has, so the first that is found is the newest.
 */
export class TableSet {
  readonly levels: OpenTable[][] = [];

  constructor(tables: readonly OpenTable[]) {
    this.apply(tables, []);
  }

  get count(): number {
    return this.levels.reduce((sum, level) => sum + level.length, 0);
  }

  *[Symbol.iterator](): Iterator<OpenTable> {
    for (const level of this.levels) yield* level;
  }

  /** The table that has the newest entry of the key with a version up to `versionMax`; its reader stands on it. */
  find(
    hash: number,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    versionMax: number,
  ): TableReader | undefined {
    const { levels } = this;
    for (let level = 0; level < levels.length; level++) {
      const tables = levels[level]!;
      if (level === 0) {
        for (let index = 0; index < tables.length; index++) {
          const { reader } = tables[index]!;
          if (reader.find(hash, key, keyStart, keyEnd, versionMax)) return reader;
        }
      } else {
        const index = firstReaching(tables, key, keyStart, keyEnd);
        if (index === tables.length) continue;
        const { reader } = tables[index]!;
        if (reader.find(hash, key, keyStart, keyEnd, versionMax)) return reader;
      }
    }
    return undefined;
  }

  /** Newest first. */
  sources(): EntrySource[] {
    const sources: EntrySource[] = [];
    for (const [level, tables] of this.levels.entries()) {
      if (level === 0) for (const table of tables) sources.push(new TableSource(table));
      else if (tables.length > 0) sources.push(new LevelSource(tables));
    }
    return sources;
  }

  /** Between pages: a cursor holds a block or two, sometimes of many megabytes, and a large store has many tables. */
  trimCursors(): void {
    let count = 0;
    for (const table of this) {
      if (!table.hasCursor) continue;
      count++;
      if (table.cursor.memoryBytes > cursorBytesKeptMax) table.cursor.release();
    }
    if (count > cursorsKeptMax) for (const table of this) table.forgetCursor();
  }

  /** Puts an edit of the manifest into effect. Returns the tables that are in no level any more. */
  apply(added: readonly OpenTable[], removed: readonly number[]): OpenTable[] {
    const gone: OpenTable[] = [];
    for (const [index, level] of this.levels.entries()) {
      const isGone = (table: OpenTable) => removed.includes(table.entry.number);
      gone.push(...level.filter(isGone));
      this.levels[index] = level.filter((table) => !isGone(table));
    }
    assert(gone.length === removed.length, "only tables that are there are removed");
    for (const table of added) {
      while (this.levels.length <= table.entry.level) this.levels.push([]);
      this.levels[table.entry.level]!.push(table);
    }
    for (const [index, level] of this.levels.entries()) level.sort(index === 0 ? byAge : byKey);
    return gone;
  }
}

const cursorsKeptMax = 64;
const cursorBytesKeptMax = 256 * 1024;

function byAge(one: OpenTable, other: OpenTable): number {
  return other.entry.versionMax - one.entry.versionMax;
}

function byKey(one: OpenTable, other: OpenTable): number {
  return one.firstKey.compare(other.firstKey);
}
