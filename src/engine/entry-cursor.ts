import type { Memtable } from "../memtable/memtable.ts";
import type { MemtableCursor } from "../memtable/memtable-cursor.ts";

/** An entry where it lies. Valid until the cursor that stands on it moves. */
export interface EntryPlace {
  readonly keyBytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly version: number;
  readonly isTombstone: boolean;
  readonly valueBytes: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Where a walk begins: at a key, or next to it. */
export interface SeekBound {
  readonly key: Buffer;
  readonly inclusive: boolean;
}

/**
 * A sorted part of the store: a memtable, a table, or a level of tables. Shows one entry a key, the newest with a
 * version up to the one asked for, tombstones too, and passes over keys that have none.
 */
export interface EntrySource {
  /** Where the source stands, once `seek` or `next` has said true. */
  readonly at: EntryPlace;
  /** `from` undefined: the very first key, or in reverse the last. Returns whether there is an entry. */
  seek(from: SeekBound | undefined, reverse: boolean, versionMax: number): boolean;
  next(): boolean;
}

export class MemtableSource implements EntrySource, EntryPlace {
  readonly at = this;
  readonly keyBytes: Buffer;
  keyStart = 0;
  keyEnd = 0;
  version = 0;
  isTombstone = false;
  readonly valueBytes: Buffer;
  valueStart = 0;
  valueEnd = 0;
  readonly #memtable: Memtable;
  readonly #cursor: MemtableCursor;

  constructor(memtable: Memtable) {
    this.#memtable = memtable;
    this.#cursor = memtable.cursor();
    this.keyBytes = this.valueBytes = memtable.bytes;
  }

  seek(from: SeekBound | undefined, reverse: boolean, versionMax: number): boolean {
    const cursor = this.#cursor;
    const found =
      from === undefined
        ? cursor.seekStart(reverse, versionMax)
        : cursor.seek(from.key, 0, from.key.length, reverse, from.inclusive, versionMax);
    return found && this.#stand();
  }

  next(): boolean {
    return this.#cursor.next() && this.#stand();
  }

  #stand(): true {
    const memtable = this.#memtable;
    const { entry } = this.#cursor;
    this.keyStart = memtable.keyStart(entry);
    this.keyEnd = memtable.keyEnd(entry);
    this.version = memtable.version(entry);
    this.isTombstone = memtable.isTombstone(entry);
    this.valueStart = this.keyEnd;
    this.valueEnd = memtable.valueEnd(entry);
    return true;
  }
}
