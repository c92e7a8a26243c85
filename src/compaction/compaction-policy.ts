import { leastOverlap } from "./least-overlap.ts";
import { baseLevel, levelTargets, type LevelSizes } from "./level-targets.ts";
import {
  bytesOf,
  newestFirst,
  overlapping,
  rangeOf,
  separateGroups,
  type KeyRange,
  type Levels,
  type LevelTable,
} from "./levels.ts";

/**
 * Decides which tables are merged next. It knows numbers and keys only; README.md has the reasons and what they
 * measure.
 */
export interface PolicyOptions extends LevelSizes {
  /** With so many tables level 0 is merged down: a get may have to look into all of them. */
  levelZeroTablesMax: number;
  /** Where merges cut their tables. */
  tableBytesMax: number;
  /** The seq of the oldest snapshot: tombstones newer than it can't be dropped yet. Without: there is none. */
  oldestSnapshotSeq?: number;
  /** Nothing is written just now, so that level 0 need not wait for more before its tombstones go down. */
  isIdle?: boolean;
}

export type CompactionReason = "level-zero" | "level-bytes" | "tombstones" | "idle" | "manual";

export interface Compaction<Table> {
  readonly reason: CompactionReason;
  readonly level: number;
  /** Of `level`. Where that is 0: newest first. */
  readonly inputs: readonly Table[];
  readonly outputLevel: number;
  /** All tables of the output level that the inputs overlap, in the order of their keys; they are merged too. */
  readonly overlapping: readonly Table[];
  /** For each level that may hold older versions of the merged keys: its ranges that overlap them. */
  readonly deeper: readonly (readonly KeyRange[])[];
  /** What of the level below the output overlaps it: outputs are cut before they overlap too much of that. */
  readonly grandparents: readonly (KeyRange & { readonly bytes: number })[];
  /** One input that overlaps nothing: an edit of the manifest brings it down, no byte is copied. */
  readonly isMove: boolean;
}

/** An output may overlap so many tables' worth of the level below it: it will be merged with them some day. */
export const grandparentTablesMax = 10;

/** A step of a manual compaction takes in no further table beyond so many tables' worth of input. */
export const manualJobTablesMax = 24;

/** An idle store copies no more than so many bytes of the level below for each of level 0. */
export const idleCopyMax = 4;

/** Tables with a greater share of tombstones get a turn although their level is not too large. */
export const tombstoneShareMax = 0.3;

/**
 * The next compaction, or undefined: all is well as it is. One at a time: what it names must be in place until its
 * edit was applied, and only flushes may add tables meanwhile. `cursors` has, for each level, the last key of its
 * last input (or nothing): among equals the next one behind it gets the turn.
 */
export function pickCompaction<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
  cursors: readonly (Uint8Array | undefined)[] = [],
): Compaction<Table> | undefined {
  return (
    pickMove(levels, options) ?? pickFullest(levels, options, cursors) ?? pickTombstones(levels, options)
  );
}

/**
 * The next step of merging everything down until each key is in one level only, the deepest that is filled, and no
 * tombstone is left that nobody needs. Undefined: it is done. Steps are compactions of a bounded size, to be taken one
 * by one, with flushes between them.
 *
 * Only what was there up to `throughSeq` counts: while others write, the rest would never be done.
 */
export function pickManual<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
  throughSeq = Infinity,
): Compaction<Table> | undefined {
  const deepest = levels.findLastIndex((level) => level.length > 0);
  const isOld = (table: Table) => table.versionMin <= throughSeq;
  for (const group of separateGroups(levels[0]!)) {
    // A group goes down as a whole: what stays must not be older than what goes.
    if (group.some(isOld))
      return compactionOf(levels, options, "manual", 0, group, baseLevel(levels, options));
  }
  for (let level = 1; level < deepest; level++) {
    const first = levels[level]!.findIndex(isOld);
    if (first === -1) continue;
    const inputs = firstOf(levels[level]!.slice(first), levels[level + 1]!, options);
    return compactionOf(levels, options, "manual", level, inputs, level + 1);
  }
  const { oldestSnapshotSeq = Infinity } = options;
  const withTombstones = levels[deepest]?.find(
    (table) => isOld(table) && table.tombstoneCount > 0 && table.versionMax <= oldestSnapshotSeq,
  );
  return withTombstones && compactionOf(levels, options, "manual", deepest, [withTombstones], deepest);
}

/**
 * What is worth doing while nothing is written: a get looks into every table of level 0, and what they overwrite takes
 * the place of others in the cache. So they go down although there are few of them; but not where that would copy far
 * more than it brings down.
 */
export function pickIdle<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
): Compaction<Table> | undefined {
  const levelZero = levels[0]!;
  const base = baseLevel(levels, options);
  const isWorthIt = bytesOf(levelZero) * idleCopyMax >= bytesOf(levels[base]!);
  const group = separateGroups(levelZero)[0];
  if (levelZero.length < 2 || !isWorthIt || group === undefined) return undefined;
  return compactionOf(levels, options, "idle", 0, group, base);
}

/** Neighbours, as many as fit into a job: each table of the level below is written anew once, and not for each. */
function firstOf<Table extends LevelTable>(
  tables: readonly Table[],
  below: readonly Table[],
  options: PolicyOptions,
): Table[] {
  const bytesMax = manualJobTablesMax * options.tableBytesMax;
  let count = 1;
  for (; count < tables.length; count++) {
    const inputs = tables.slice(0, count + 1);
    if (bytesOf(inputs) + bytesOf(overlapping(below, rangeOf(inputs))) > bytesMax) break;
  }
  return tables.slice(0, count);
}

/** Whether nothing is to be done for the sake of sizes; tombstones may still get their turn. */
export function isSettled(levels: Levels<LevelTable>, options: PolicyOptions): boolean {
  return pickMove(levels, options) === undefined && pickFullest(levels, options, []) === undefined;
}

/**
 * A level-0 table that overlaps nothing, as when keys come in ascending order, goes down at once. But a small one
 * waits for others to be merged with: a log of small flushes would leave ever more small tables.
 */
function pickMove<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
): Compaction<Table> | undefined {
  for (const group of separateGroups(levels[0]!)) {
    if (group.length > 1 || group[0]!.bytes < options.tableBytesMax / 4) continue;
    const compaction = compactionOf(levels, options, "level-zero", 0, group, baseLevel(levels, options));
    if (compaction.isMove) return compaction;
  }
  return undefined;
}

/** Something of the level that is over its target the most. */
function pickFullest<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
  cursors: readonly (Uint8Array | undefined)[],
): Compaction<Table> | undefined {
  const targets = levelTargets(levels, options);
  let fullest = 0;
  let score = levels[0]!.length / options.levelZeroTablesMax;
  for (let level = 1; level < options.levelsMax - 1; level++) {
    const tables = levels[level]!;
    if (tables.length === 0) continue;
    // Of a level that should be empty any table is too much, but none is urgent.
    const levelScore = targets[level] === 0 ? 1 : bytesOf(tables) / targets[level]!;
    if (levelScore > score) [fullest, score] = [level, levelScore];
  }
  if (score < 1) return undefined;
  if (fullest === 0) return pickLevelZero(levels, options);
  const table = leastOverlap(levels[fullest]!, levels[fullest + 1]!, cursors[fullest]);
  return compactionOf(levels, options, "level-bytes", fullest, [table], fullest + 1);
}

function pickLevelZero<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
): Compaction<Table> {
  const small = smallNewest(levels[0]!, options);
  if (small.length > 1) return compactionOf(levels, options, "level-zero", 0, small, 0);
  const groups = separateGroups(levels[0]!);
  const largest = groups.reduce((best, group) => (group.length > best.length ? group : best));
  return compactionOf(levels, options, "level-zero", 0, largest, baseLevel(levels, options));
}

/**
 * The newest tables of level 0 if they are worth being merged among themselves first: together no larger than one
 * table, and each tiny, or not much larger than all that is newer; so a byte is copied about as often as the sizes
 * double. Without this a store that flushes a little every minute would rewrite its base level for every few of them.
 */
function smallNewest<Table extends LevelTable>(levelZero: readonly Table[], options: PolicyOptions): Table[] {
  let count = 0;
  let bytes = 0;
  let versionMin = Infinity;
  for (let index = 0; index < levelZero.length; index++) {
    const table = levelZero[index]!;
    if (bytes + table.bytes > options.tableBytesMax) break;
    if (index > 0 && table.bytes > Math.max(2 * bytes, options.tableBytesMax / 32)) break;
    bytes += table.bytes;
    versionMin = Math.min(versionMin, table.versionMin);
    // Tables of one flush stay together, so that the ages of what is merged and what is not don't interleave.
    const older = levelZero[index + 1];
    if (older === undefined || older.versionMax < versionMin) count = index + 1;
  }
  return levelZero.slice(0, count >= smallTablesMin ? count : 0);
}

const smallTablesMin = 4;

/**
 * The table with the greatest share of tombstones, if it is too great: it goes down, or, where nothing lies below
 * it, is written anew without them. Only if no snapshot can need any of them: so each turn brings them further, and
 * the turns end.
 */
function pickTombstones<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
): Compaction<Table> | undefined {
  const { oldestSnapshotSeq = Infinity } = options;
  let worst: { level: number; table: Table } | undefined;
  let share = tombstoneShareMax;
  for (let level = options.isIdle === true ? 0 : 1; level < options.levelsMax; level++) {
    for (const table of levels[level]!) {
      if (table.tombstoneCount <= share * table.entryCount || table.versionMax > oldestSnapshotSeq) continue;
      share = table.tombstoneCount / table.entryCount;
      worst = { level, table };
    }
  }
  if (worst === undefined) return undefined;
  const { level, table } = worst;
  if (level === 0) {
    const group = separateGroups(levels[0]!).find((tables) => tables.includes(table))!;
    return compactionOf(levels, options, "tombstones", 0, group, baseLevel(levels, options));
  }
  const isBelowAll = levels.slice(level + 1).every((deeper) => overlapping(deeper, table).length === 0);
  return compactionOf(levels, options, "tombstones", level, [table], isBelowAll ? level : level + 1);
}

/** Completes a choice of inputs. `inputs` of level 0 must be newest first, those of others in the order of keys. */
export function compactionOf<Table extends LevelTable>(
  levels: Levels<Table>,
  options: PolicyOptions,
  reason: CompactionReason,
  level: number,
  inputs: readonly Table[],
  outputLevel: number,
): Compaction<Table> {
  const isInPlace = outputLevel === level;
  const below = isInPlace ? [] : overlapping(levels[outputLevel]!, rangeOf(inputs));
  const range = rangeOf([...inputs, ...below]);
  const deeper: KeyRange[][] = levels.slice(outputLevel + 1).map((tables) => overlapping(tables, range));
  if (isInPlace && level === 0) {
    const oldest = inputs.at(-1)!;
    // Each alone, because tables of level 0 overlap each other.
    for (const table of levels[0]!) if (newestFirst(oldest, table) < 0) deeper.push([table]);
  }
  const isLast = outputLevel === 0 || outputLevel + 1 >= options.levelsMax;
  const grandparents = isLast ? [] : overlapping(levels[outputLevel + 1]!, range);
  const isMove =
    !isInPlace &&
    inputs.length === 1 &&
    below.length === 0 &&
    bytesOf(grandparents) <= grandparentTablesMax * options.tableBytesMax;
  const ranges = deeper.map((tables) => tables.map(({ firstKey, lastKey }) => ({ firstKey, lastKey })));
  return {
    reason,
    level,
    inputs,
    outputLevel,
    overlapping: below,
    deeper: ranges.filter((tables) => tables.length > 0),
    grandparents: grandparents.map(({ firstKey, lastKey, bytes }) => ({ firstKey, lastKey, bytes })),
    isMove,
  };
}
