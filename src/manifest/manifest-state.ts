/** A live table: what the manifest keeps of a table's own summary, and the level that it lies on. */
export interface TableEntry {
  /** That of its file's name. Never used again. */
  readonly number: number;
  /** 0: as it was flushed, overlapping others. 1 and more: one run a level, in which no two tables overlap. */
  readonly level: number;
  /** Of the file. */
  readonly bytes: number;
  /** Entries, tombstones and older versions included. */
  readonly entryCount: number;
  readonly tombstoneCount: number;
  /** The keys of all entries, whole, and their values. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** No version lies below the first or above the second. */
  readonly versionMin: number;
  readonly versionMax: number;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
  /** As in the table's footer: what was merged or copied must still be what the manifest means. */
  readonly fileChecksum: number;
}

/** How far the log had come when an edit was made: it must still reach that, or its end was lost. */
export interface LogReach {
  /** The segment that was active, durably there. */
  readonly segmentNumber: number;
  /** Everything up to it was synced. */
  readonly durableSeq: number;
}

/** What the tables are, durably. Never changed: each edit makes a new one. */
export interface ManifestState extends LogReach {
  /** 16 random bytes, the same in all files of a store and in no other store's. */
  readonly storeId: Uint8Array;
  /** The secret from which keys are hashed, for filters of tables and for memtables alike. */
  readonly hashSeed: number;
  /** Everything up to this seq is in the tables: the log may be without it. */
  readonly coveredSeq: number;
  /** Every table that was ever begun has a smaller number. */
  readonly nextTableNumber: number;
  /** By level; level 0 with the newest (highest versionMax) first, the others in the order of their keys. */
  readonly tables: readonly TableEntry[];
}

/** One step from a state to the next, all or nothing. */
export interface ManifestEdit extends LogReach {
  readonly added: readonly TableEntry[];
  /** Numbers of tables. One that is also in `added` moves to the level given there, and stays the same file. */
  readonly removed: readonly number[];
  readonly coveredSeq: number;
  readonly nextTableNumber: number;
}

/** The edit that makes a whole state out of nothing: with it every manifest begins. */
export function stateAsEdit(state: ManifestState): ManifestEdit {
  const { coveredSeq, nextTableNumber, segmentNumber, durableSeq, tables } = state;
  return { added: tables, removed: [], coveredSeq, nextTableNumber, segmentNumber, durableSeq };
}
