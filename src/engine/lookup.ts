import type { MemtableStack } from "./memtable-stack.ts";
import type { TableSet } from "./table-set.ts";

/** The newest state: no version is greater. */
export const newestVersion: number = Number.MAX_SAFE_INTEGER;

/**
 * Finds the newest entry of a key in all of the store: memtables first, then tables, from the newest to the oldest.
 * The answer is in the fields, valid until the next look-up or write.
 */
export class Lookup {
  /** 0: the key has no entry, not even a tombstone. */
  version = 0;
  hasValue = false;
  bytes: Buffer = nothing;
  valueStart = 0;
  valueEnd = 0;
  readonly #memtables: MemtableStack;
  readonly #tables: TableSet;

  constructor(memtables: MemtableStack, tables: TableSet) {
    this.#memtables = memtables;
    this.#tables = tables;
  }

  find(key: Buffer, keyStart: number, keyEnd: number, versionMax: number): void {
    const memtables = this.#memtables;
    const hash = memtables.hash(key, keyStart, keyEnd);
    if (memtables.find(hash, key, keyStart, keyEnd, versionMax)) {
      const memtable = memtables.memtable!;
      const { entry } = memtables;
      this.version = memtable.version(entry);
      this.hasValue = !memtable.isTombstone(entry);
      this.bytes = memtable.bytes;
      this.valueStart = memtable.valueStart(entry);
      this.valueEnd = memtable.valueEnd(entry);
      return;
    }
    const reader = this.#tables.find(hash, key, keyStart, keyEnd, versionMax);
    this.version = reader === undefined ? 0 : reader.version;
    this.hasValue = reader !== undefined && !reader.isTombstone;
    if (reader === undefined) return;
    this.bytes = reader.bytes;
    this.valueStart = reader.valueStart;
    this.valueEnd = reader.valueEnd;
  }
}

const nothing = Buffer.alloc(0);
