import { assert } from "../lib/assert.ts";
import { keyBytesMax, keyBytesMin, segmentBytesLimit, valueBytesMax } from "../lib/limits.ts";
import { EntryList } from "./entry-list.ts";
import { HashIndex } from "./hash-index.ts";
import { MemtableCursor } from "./memtable-cursor.ts";
import { OrderedView } from "./ordered-view.ts";

const ageMax = 0xffff_ffff;

export interface MemtableOptions {
  /** The image of one WAL segment, which the log fills. Keys and values are read from it, never copied. */
  readonly bytes: Buffer;
  /** Versions put here are greater than this by at most 2^32 - 1, so 32 bits hold the difference. */
  readonly seqBefore: number;
  /** The seed with which the caller hashes keys (hash-key.ts). */
  readonly hashSeed: number;
  /** Makes room for this many keys at once; it grows beyond all the same. */
  readonly entriesExpected?: number;
}

/**
 * The newest record of every key in one WAL segment, as places in the segment's bytes.
 *
 * A key has one entry, also when it was deleted: then the entry is a tombstone, because older tables may still hold
 * the key. Entries are numbers that stay valid and keep their key for the life of the memtable; what an entry says
 * changes when its key is written again. Nothing is allocated by a call, beyond the index when it grows.
 */
export class Memtable {
  // Invariant: every entry's key and value lie inside `bytes`, its age is in 1 .. ageMax, its hash is the one
  // its caller gave, and tombstoneCount of the entries are tombstones.
  readonly bytes: Buffer;
  readonly seqBefore: number;
  readonly hashSeed: number;
  /**
   * The seq of the newest snapshot that somebody holds; 0: nobody does. A version up to it is kept when its key is
   * written again: of all versions that the snapshot may see it was the newest.
   */
  keepVersionsThrough = 0;
  readonly #entries = new EntryList();
  readonly #index: HashIndex;
  readonly #view: OrderedView;
  #tombstoneCount = 0;

  constructor(options: MemtableOptions) {
    assert(options.bytes.length <= segmentBytesLimit, "places in a segment fit into 31 bits");
    this.bytes = options.bytes;
    this.seqBefore = options.seqBefore;
    this.hashSeed = options.hashSeed;
    this.#index = new HashIndex(this.#entries, options.bytes, options.entriesExpected ?? 0);
    this.#view = new OrderedView(this.#entries, options.bytes);
  }

  /** Distinct keys, tombstones included. */
  get entryCount(): number {
    return this.#entries.count;
  }

  get tombstoneCount(): number {
    return this.#tombstoneCount;
  }

  /** Of the index alone, without `bytes`. */
  get memoryBytes(): number {
    return this.#entries.memoryBytes + this.#index.memoryBytes + this.#view.memoryBytes;
  }

  /** The key is in `bytes` at `keyStart`, its value directly behind it. Returns the entry. */
  put(hash: number, keyStart: number, keyLength: number, valueLength: number, version: number): number {
    assert(valueLength >= 0 && valueLength <= valueBytesMax, "a value's length is in its range");
    return this.#write(hash, keyStart, keyLength, valueLength, version, false);
  }

  /** Leaves a tombstone for the key in `bytes` at `keyStart`. Returns the entry. */
  delete(hash: number, keyStart: number, keyLength: number, version: number): number {
    return this.#write(hash, keyStart, keyLength, 0, version, true);
  }

  /** The entry of this key, a tombstone too, or -1. `hash` is the key's under this memtable's seed. */
  find(hash: number, key: Buffer, keyStart: number, keyEnd: number): number {
    return this.#index.find(hash, key, keyStart, keyEnd);
  }

  /** A cursor over the entries in the order of their keys. Make one and keep it: it may seek any number of times. */
  cursor(): MemtableCursor {
    return new MemtableCursor(this.#entries, this.bytes, this.#view, this.seqBefore);
  }

  /**
   * What a reader at `versionMax` sees of an entry's key: its newest version up to that, or -1. The answer is an entry
   * of its own to everything that takes one.
   */
  visible(entry: number, versionMax: number): number {
    let id = entry;
    while (id !== -1 && this.version(id) > versionMax) id = this.#entries.older(id);
    return id;
  }

  /** The version that was kept before this one, or -1. */
  older(entry: number): number {
    return this.#entries.older(entry);
  }

  keyStart(entry: number): number {
    return this.#entries.keyStart(entry);
  }

  keyEnd(entry: number): number {
    return this.#entries.keyStart(entry) + this.#entries.keyLength(entry);
  }

  valueStart(entry: number): number {
    return this.keyEnd(entry);
  }

  /** Of a tombstone the same as its valueStart. */
  valueEnd(entry: number): number {
    return this.keyEnd(entry) + this.#entries.valueLength(entry);
  }

  version(entry: number): number {
    return this.seqBefore + this.#entries.age(entry);
  }

  isTombstone(entry: number): boolean {
    return this.#entries.isTombstone(entry);
  }

  #write(
    hash: number,
    keyStart: number,
    keyLength: number,
    valueLength: number,
    version: number,
    tombstone: boolean,
  ): number {
    const age = version - this.seqBefore;
    assert(age >= 1 && age <= ageMax, "a memtable's versions are a little greater than its seqBefore");
    assert(keyLength >= keyBytesMin && keyLength <= keyBytesMax, "a key's length is in its range");
    const keyEnd = keyStart + keyLength;
    assert(keyStart >= 0 && keyEnd + valueLength <= this.bytes.length, "a record lies in its segment");

    const entries = this.#entries;
    const entry = this.#index.find(hash, this.bytes, keyStart, keyEnd);
    if (entry === -1) {
      const added = entries.append(hash, keyStart, keyLength, valueLength, age, tombstone);
      this.#index.insert(hash, added);
      if (tombstone) this.#tombstoneCount++;
      return added;
    }
    assert(age >= entries.age(entry), "an entry's version never goes back");
    if (entries.isTombstone(entry) !== tombstone) this.#tombstoneCount += tombstone ? 1 : -1;
    if (this.seqBefore + entries.age(entry) <= this.keepVersionsThrough) entries.keep(entry);
    entries.write(entry, keyStart, valueLength, age, tombstone);
    this.#index.move(hash, entry);
    return entry;
  }

  /** For tests: everything that must hold between calls. */
  assertInvariants(): void {
    this.#index.assertInvariants();
    this.#view.assertInvariants();
    let tombstones = 0;
    for (let entry = 0; entry < this.entryCount; entry++) {
      assert(this.valueEnd(entry) <= this.bytes.length, "a record lies in its segment");
      assert(this.version(entry) > this.seqBefore, "a version is greater than seqBefore");
      if (this.isTombstone(entry)) {
        tombstones++;
        assert(this.valueStart(entry) === this.valueEnd(entry), "a tombstone has no value");
      }
    }
    assert(tombstones === this.#tombstoneCount, "tombstones are counted");
  }
}
