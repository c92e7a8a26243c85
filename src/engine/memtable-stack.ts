import { hashKey } from "../memtable/hash-key.ts";
import { Memtable } from "../memtable/memtable.ts";

/**
 * The memtables of a store, newest first in effect: a key's newest entry is in the newest memtable that has one.
 * `find` leaves its answer in `memtable` and `entry`, so that a look-up makes no object.
 */
export class MemtableStack {
  /** Oldest first; the last one is written to. */
  readonly tables: Memtable[] = [];
  memtable: Memtable | undefined;
  entry = -1;
  readonly #hashSeed: number;

  constructor(hashSeed: number) {
    this.#hashSeed = hashSeed;
  }

  get newest(): Memtable {
    return this.tables[this.tables.length - 1]!;
  }

  /** A new segment begins: what is written from here on has versions above `seqBefore` and lies in `bytes`. */
  begin(bytes: Buffer, seqBefore: number): void {
    // Segments of one store are much alike: room for as many keys as the last one had saves most of the growing.
    const entriesExpected = this.tables.at(-1)?.entryCount ?? 0;
    this.tables.push(new Memtable({ bytes, seqBefore, hashSeed: this.#hashSeed, entriesExpected }));
  }

  hash(key: Buffer, keyStart: number, keyEnd: number): number {
    return hashKey(key, keyStart, keyEnd, this.#hashSeed);
  }

  /** Whether the key has an entry, a tombstone included. */
  find(hash: number, key: Buffer, keyStart: number, keyEnd: number): boolean {
    for (let index = this.tables.length - 1; index >= 0; index--) {
      const memtable = this.tables[index]!;
      const entry = memtable.find(hash, key, keyStart, keyEnd);
      if (entry === -1) continue;
      this.memtable = memtable;
      this.entry = entry;
      return true;
    }
    this.memtable = undefined;
    this.entry = -1;
    return false;
  }

  /** Of what `find` found: its version, tombstones' too; 0 where nothing was found. */
  get foundVersion(): number {
    return this.memtable === undefined ? 0 : this.memtable.version(this.entry);
  }

  /** Whether `find` found an entry that has a value. */
  get foundValue(): boolean {
    return this.memtable !== undefined && !this.memtable.isTombstone(this.entry);
  }
}
