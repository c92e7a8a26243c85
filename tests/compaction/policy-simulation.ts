import { expect } from "bun:test";
import {
  pickCompaction,
  type Compaction,
  type PolicyOptions,
} from "../../src/compaction/compaction-policy.ts";
import { levelsOf, type KeyRange, type LevelTable } from "../../src/compaction/levels.ts";

/** A table of which nothing is written: keys are numbers, and an entry is its version, negative for a tombstone. */
export interface PlainTable extends LevelTable {
  readonly level: number;
  readonly keys: Float64Array;
  readonly versions: Float64Array;
}

export const entryBytes = 100;

/** The levels of a store in plain arrays, with a policy at work, and what that costs. */
export class PolicySimulation {
  /** Entries that were flushed, and entries that flushes and merges have written in all. */
  flushedEntries = 0;
  writtenEntries = 0;
  merges = 0;
  moves = 0;
  largestJobEntries = 0;
  levels: PlainTable[][];
  readonly options: PolicyOptions;
  readonly newest = new Map<number, number>();
  readonly #cursors: (Uint8Array | undefined)[] = [];
  readonly #tableEntriesMax: number;
  #lastNumber = 0;
  #lastVersion = 0;

  constructor(tableEntriesMax: number, options: Partial<PolicyOptions> = {}) {
    this.#tableEntriesMax = tableEntriesMax;
    this.options = {
      levelZeroTablesMax: 8,
      tableBytesMax: tableEntriesMax * entryBytes,
      levelBytesBase: 2 * tableEntriesMax * entryBytes,
      levelRatio: 10,
      levelsMax: 7,
      ...options,
    };
    this.levels = levelsOf<PlainTable>([], this.options.levelsMax);
  }

  get writeAmplification(): number {
    return this.writtenEntries / this.flushedEntries;
  }

  get entryCount(): number {
    return this.levels.flat().reduce((sum, table) => sum + table.entryCount, 0);
  }

  get liveCount(): number {
    return [...this.newest.values()].filter((version) => version > 0).length;
  }

  /** Entries per entry that somebody could still read. */
  get spaceAmplification(): number {
    return this.entryCount / this.liveCount;
  }

  get lastVersion(): number {
    return this.#lastVersion;
  }

  /** One flush: each key once, written or deleted. */
  flush(keys: Iterable<number>, isDelete = false): void {
    const entries = new Map<number, number>();
    for (const key of keys) entries.set(key, (isDelete ? -1 : 1) * ++this.#lastVersion);
    for (const [key, version] of entries) this.newest.set(key, version);
    this.flushedEntries += entries.size;
    this.#replace([], this.#tablesOf(entries, 0));
  }

  /** Compacts until the policy is content. */
  settle(pick = () => pickCompaction(this.levels, this.options, this.#cursors)): void {
    for (let steps = 0; ; steps++) {
      expect(steps).toBeLessThan(10_000);
      const compaction = pick();
      if (compaction === undefined) return;
      this.apply(compaction);
    }
  }

  apply(compaction: Compaction<PlainTable>): void {
    const { inputs, overlapping, level, outputLevel, isMove } = compaction;
    this.#cursors[level] = inputs.at(-1)!.lastKey;
    if (isMove) {
      this.moves++;
      this.#replace(inputs, [{ ...inputs[0]!, level: outputLevel }]);
    } else {
      this.merges++;
      const merged = mergedEntries([...inputs, ...overlapping], compaction.deeper);
      this.#replace([...inputs, ...overlapping], this.#tablesOf(merged, outputLevel));
      this.largestJobEntries = Math.max(this.largestJobEntries, merged.size);
    }
    this.#assertNoOverlap();
  }

  /** Everything that must hold whatever the policy did. */
  assertInvariants(): void {
    this.#assertNoOverlap();
    const seen = new Map<number, number>();
    for (const [level, tables] of this.levels.entries()) {
      for (const { keys, versions } of tables) {
        for (const [index, key] of keys.entries()) {
          const above = seen.get(key);
          const version = versions[index]!;
          if (above !== undefined && Math.abs(above) <= Math.abs(version)) {
            throw new Error(
              `Version ${version} of key ${key} lies in level ${level}, below version ${above}`,
            );
          }
          if (above === undefined) seen.set(key, version);
        }
      }
    }
    for (const [key, version] of this.newest) {
      const found = seen.get(key);
      if (found !== version && !(version < 0 && found === undefined)) {
        throw new Error(`Of key ${key} version ${found} is found, and version ${version} is the newest`);
      }
    }
  }

  #assertNoOverlap(): void {
    for (const tables of this.levels.slice(1)) {
      for (let index = 1; index < tables.length; index++) {
        if (Buffer.compare(tables[index - 1]!.lastKey, tables[index]!.firstKey) < 0) continue;
        throw new Error(`Tables ${tables[index - 1]!.number} and ${tables[index]!.number} overlap`);
      }
    }
  }

  #replace(removed: readonly PlainTable[], added: readonly PlainTable[]): void {
    const gone = new Set(removed);
    const tables = [...this.levels.flat().filter((table) => !gone.has(table)), ...added];
    this.levels = levelsOf(tables, this.options.levelsMax);
  }

  #tablesOf(entries: ReadonlyMap<number, number>, level: number): PlainTable[] {
    this.writtenEntries += entries.size;
    const sorted = Float64Array.from(entries.keys()).sort();
    const tables: PlainTable[] = [];
    for (let start = 0; start < sorted.length; start += this.#tableEntriesMax) {
      const keys = sorted.slice(start, start + this.#tableEntriesMax);
      const versions = keys.map((key) => entries.get(key)!);
      tables.push(plainTable(++this.#lastNumber, level, keys, versions));
    }
    return tables;
  }
}

export function plainTable(
  number: number,
  level: number,
  keys: Float64Array,
  versions: Float64Array,
): PlainTable {
  const ages = versions.map(Math.abs);
  return {
    number,
    level,
    keys,
    versions,
    bytes: keys.length * entryBytes,
    entryCount: keys.length,
    tombstoneCount: versions.filter((version) => version < 0).length,
    versionMin: ages.reduce((least, version) => Math.min(least, version), Infinity),
    versionMax: ages.reduce((greatest, version) => Math.max(greatest, version), 0),
    firstKey: keyOf(keys[0]!),
    lastKey: keyOf(keys.at(-1)!),
  };
}

/** Bytes that are ordered as the numbers are, for numbers from 0 on. */
export function keyOf(key: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(key);
  return bytes;
}

function mergedEntries(
  tables: readonly PlainTable[],
  deeper: readonly (readonly KeyRange[])[],
): Map<number, number> {
  const merged = new Map<number, number>();
  for (const { keys, versions } of tables) {
    for (const [index, key] of keys.entries()) {
      const version = versions[index]!;
      if (Math.abs(version) > Math.abs(merged.get(key) ?? 0)) merged.set(key, version);
    }
  }
  for (const [key, version] of merged) {
    if (version < 0 && !deeper.some((ranges) => ranges.some((range) => holds(range, key))))
      merged.delete(key);
  }
  return merged;
}

function holds({ firstKey, lastKey }: KeyRange, key: number): boolean {
  const bytes = keyOf(key);
  return Buffer.compare(firstKey, bytes) <= 0 && Buffer.compare(bytes, lastKey) <= 0;
}
