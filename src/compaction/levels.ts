import { assert } from "../lib/assert.ts";

/** The keys from `firstKey` to `lastKey`, both included. */
export interface KeyRange {
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
}

/** What a policy needs to know of a table; the summaries of src/table and the entries of a manifest have it all. */
export interface LevelTable extends KeyRange {
  readonly number: number;
  readonly bytes: number;
  readonly entryCount: number;
  readonly tombstoneCount: number;
  readonly versionMin: number;
  readonly versionMax: number;
}

/** The tables of each level: of level 0 newest first, of the others in the order of their keys. */
export type Levels<Table> = readonly (readonly Table[])[];

/**
 * Sorts tables into their levels.
 *
 * The age of a level-0 table is the age of its versions, never its number: a merge of older tables may get a higher
 * number than a flush that ended while it ran. Two of them whose versions interleave (a flush that was cut into two
 * tables) have no key in common, so the order by the newest version is the order in which readers must look, too.
 */
export function levelsOf<Table extends LevelTable & { readonly level: number }>(
  tables: readonly Table[],
  levelsMax: number,
): Table[][] {
  const levels: Table[][] = Array.from({ length: levelsMax }, () => []);
  for (const table of tables) {
    assert(table.level >= 0 && table.level < levelsMax, "a table is in a level that there is");
    levels[table.level]!.push(table);
  }
  levels[0]!.sort(newestFirst);
  for (const level of levels.slice(1)) level.sort(byKey);
  return levels;
}

export function newestFirst(a: LevelTable, b: LevelTable): number {
  return b.versionMax - a.versionMax;
}

export function byKey(a: KeyRange, b: KeyRange): number {
  return Buffer.compare(a.firstKey, b.firstKey);
}

export function bytesOf(tables: readonly { readonly bytes: number }[]): number {
  return tables.reduce((sum, table) => sum + table.bytes, 0);
}

/** The smallest range that holds all of these, of which there is at least one. */
export function rangeOf(ranges: readonly KeyRange[]): KeyRange {
  assert(ranges.length > 0, "no ranges have no range");
  let { firstKey, lastKey } = ranges[0]!;
  for (const range of ranges) {
    if (Buffer.compare(range.firstKey, firstKey) < 0) firstKey = range.firstKey;
    if (Buffer.compare(range.lastKey, lastKey) > 0) lastKey = range.lastKey;
  }
  return { firstKey, lastKey };
}

export function overlaps(a: KeyRange, b: KeyRange): boolean {
  return Buffer.compare(a.firstKey, b.lastKey) <= 0 && Buffer.compare(b.firstKey, a.lastKey) <= 0;
}

/** Of a level whose tables do not overlap each other, in the order of their keys: those that overlap the range. */
export function overlapping<Table extends KeyRange>(
  level: readonly Table[],
  { firstKey, lastKey }: KeyRange,
): Table[] {
  let low = 0;
  let high = level.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(level[middle]!.lastKey, firstKey) < 0) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < level.length && Buffer.compare(level[end]!.firstKey, lastKey) <= 0) end++;
  return level.slice(low, end);
}

/**
 * Groups of level-0 tables, each with a range that no other group touches; in each group newest first. Tables of
 * different groups have no key in common, so a group can go down alone.
 */
export function separateGroups<Table extends LevelTable>(levelZero: readonly Table[]): Table[][] {
  const groups: Table[][] = [];
  let lastKey: Uint8Array | undefined;
  for (const table of levelZero.toSorted(byKey)) {
    if (lastKey === undefined || Buffer.compare(table.firstKey, lastKey) > 0) groups.push([]);
    groups.at(-1)!.push(table);
    if (lastKey === undefined || Buffer.compare(table.lastKey, lastKey) > 0) lastKey = table.lastKey;
  }
  return groups.map((group) => group.sort(newestFirst));
}
