import type { LogWriter } from "../wal/log-writer.ts";
import type { MemtableStack } from "./memtable-stack.ts";
import type { TableStore } from "./table-store.ts";

/** What there is, in numbers: the log, the memtables, the tables. Names are part of what `stats` answers. */
export function storeStats(
  log: LogWriter,
  memtables: MemtableStack,
  tables: TableStore,
): Record<string, unknown> {
  const { builder, sealed, active } = log;
  const { cache, set } = tables;
  const stacked = memtables.stacked.map(({ memtable }) => memtable);
  const entries = [...set].map(({ entry }) => entry);
  const readers = [...set].map(({ reader }) => reader);
  const tableBytes = sum(entries, (entry) => entry.bytes);
  const lastLevel = set.levels.findLast((level) => level.length > 0) ?? [];
  const lastLevelBytes = sum(lastLevel, ({ entry }) => entry.bytes);
  return {
    pendingBytes: builder.pendingBytes,
    syncs: log.syncCount,
    segments: sealed.length + 1,
    logBytes: sum(sealed, (segment) => segment.bytes) + active.bytes,
    walBytesWritten: log.bytesWritten,
    memtables: stacked.length,
    memtableEntries: sum(stacked, (memtable) => memtable.entryCount),
    memtableTombstones: sum(stacked, (memtable) => memtable.tombstoneCount),
    memtableIndexBytes: sum(stacked, (memtable) => memtable.memoryBytes),
    tables: set.count,
    tableBytes,
    tableEntries: sum(entries, (entry) => entry.entryCount),
    tableTombstones: sum(entries, (entry) => entry.tombstoneCount),
    // From the top: how many tables, and how many bytes, each level has.
    levelTables: set.levels.map((level) => level.length).join(" "),
    levelBytes: set.levels.map((level) => sum(level, ({ entry }) => entry.bytes)).join(" "),
    /** How many times over its last level the store takes the disk: 1 is the least that there can be. */
    spaceAmplification: lastLevelBytes === 0 ? 1 : Math.round((100 * tableBytes) / lastLevelBytes) / 100,
    tableIndexBytes: sum(readers, (reader) => reader.memoryBytes),
    manifestBytes: tables.manifestBytes,
    cacheBytes: cache.memoryBytes,
    cacheHits: cache.hits,
    cacheMisses: cache.misses,
    filterChecks: sum(readers, (reader) => reader.filterChecks),
    filterMisses: sum(readers, (reader) => reader.filterMisses),
    filterFalse: sum(readers, (reader) => reader.filterFalse),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
