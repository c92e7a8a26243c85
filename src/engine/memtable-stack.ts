import { assert } from "../lib/assert.ts";
import { hashKey } from "../memtable/hash-key.ts";
import { Memtable } from "../memtable/memtable.ts";
import { MemtableSource, type EntrySource } from "./entry-cursor.ts";

/** The memtable of one segment of the log. */
export interface StackedMemtable {
  readonly memtable: Memtable;
  readonly segmentNumber: number;
  /** Made when a scan first asks for it. */
  source: MemtableSource | undefined;
}

/**
 * The memtables of a store, newest first in effect: a key's newest entry is in the newest memtable that has one.
 * `find` leaves its answer in `memtable` and `entry`, so that a look-up makes no object.
 */
export class MemtableStack {
  /** Oldest first; the last one is written to. */
  readonly stacked: StackedMemtable[] = [];
  newest: Memtable;
  memtable: Memtable | undefined;
  entry = -1;
  readonly hashSeed: number;
  #keepVersionsThrough = 0;
  /** Its arrays serve the next one: new ones would cost thousands of page faults, and garbage. */
  #dropped: Memtable | undefined;

  constructor(hashSeed: number) {
    this.hashSeed = hashSeed;
    this.newest = new Memtable({ bytes: nothing, seqBefore: 0, hashSeed });
  }

  /** A new segment begins: what is written from here on has versions above `seqBefore` and lies in `bytes`. */
  begin(segmentNumber: number, bytes: Buffer, seqBefore: number): void {
    // Segments of one store are much alike: room for as many keys as the last one had saves most of the growing, and
    // where that one was scanned, this one will be.
    const { entryCount: entriesExpected, isScanned: ordersAhead } = this.newest;
    const { hashSeed } = this;
    const reuse = this.#dropped;
    this.#dropped = undefined;
    this.newest = new Memtable({ bytes, seqBefore, hashSeed, entriesExpected, ordersAhead, reuse });
    this.newest.keepVersionsThrough = this.#keepVersionsThrough;
    this.stacked.push({ memtable: this.newest, segmentNumber, source: undefined });
  }

  /** A table holds what this one did. Returns its bytes, to which nothing refers any more. */
  dropOldest(segmentNumber: number): Buffer {
    const oldest = this.stacked.shift();
    assert(oldest?.segmentNumber === segmentNumber, "memtables become tables in the order of their segments");
    assert(this.stacked.length > 0, "the memtable that is written to stays");
    this.memtable = undefined;
    // Not with bytes of another size, which nobody else would keep.
    if (oldest.memtable.bytes.length === this.newest.bytes.length) this.#dropped = oldest.memtable;
    return oldest.memtable.bytes;
  }

  /** The newest seq that a snapshot holds; versions up to it are kept when they are overwritten. */
  set keepVersionsThrough(seq: number) {
    this.#keepVersionsThrough = seq;
    this.newest.keepVersionsThrough = seq;
  }

  hash(key: Buffer, keyStart: number, keyEnd: number): number {
    return hashKey(key, keyStart, keyEnd, this.hashSeed);
  }

  /** Whether the key has an entry with a version up to `versionMax`, a tombstone included. */
  find(hash: number, key: Buffer, keyStart: number, keyEnd: number, versionMax: number): boolean {
    for (let index = this.stacked.length - 1; index >= 0; index--) {
      const { memtable } = this.stacked[index]!;
      let entry = memtable.find(hash, key, keyStart, keyEnd);
      if (entry === -1) continue;
      if (versionMax !== Number.MAX_SAFE_INTEGER) entry = memtable.visible(entry, versionMax);
      if (entry === -1) continue;
      this.memtable = memtable;
      this.entry = entry;
      return true;
    }
    this.memtable = undefined;
    this.entry = -1;
    return false;
  }

  /** Newest first. */
  sources(): EntrySource[] {
    return this.stacked.map((stacked) => (stacked.source ??= new MemtableSource(stacked.memtable))).reverse();
  }
}

const nothing = Buffer.alloc(0);
