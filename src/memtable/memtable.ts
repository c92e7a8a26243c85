import { assert } from "../lib/assert.ts";
import { keyBytesMax, keyBytesMin, segmentBytesLimit, valueBytesMax } from "../lib/limits.ts";
import { EntryList } from "./entry-list.ts";
import { HashIndex } from "./hash-index.ts";
import { MemtableCursor } from "./memtable-cursor.ts";
import { OrderedView } from "./ordered-view.ts";
import { StagedWrites, stagedMax } from "./staged-writes.ts";

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
  /** Keeps the order of the keys at hand from the start, for scans that are likely to come. */
  readonly ordersAhead?: boolean;
  /** A memtable that nobody needs any more. Its arrays serve the new one; touching it from then on is an assertion. */
  readonly reuse?: Memtable | undefined;
}

/**
 * The newest record of every key in one WAL segment, and older ones that a snapshot may need, as places in the
 * segment's bytes.
 *
 * A key has one entry, also when it was deleted: then the entry is a tombstone, because older tables may still hold
 * the key. Entries are numbers that stay valid and keep their key for the life of the memtable; what an entry says
 * changes when its key is written again. An older version that was kept is an entry as well, to all calls that take
 * one, and says the same for ever. Nothing is allocated by a call, beyond the index when it grows.
 */
export class Memtable {
  // Invariants: every entry's key and value lie inside `bytes`, its age is in 1 .. ageMax, its hash is the one
  // its caller gave, and tombstoneCount of the entries are tombstones. Whoever reads has settled what is staged.
  readonly bytes: Buffer;
  readonly seqBefore: number;
  readonly hashSeed: number;
  #keepVersionsThrough = 0;
  readonly #staged = new StagedWrites();
  readonly #entries: EntryList;
  readonly #index: HashIndex;
  readonly #view: OrderedView;
  #tombstoneCount = 0;
  #touchSum = 0;

  constructor(options: MemtableOptions) {
    assert(options.bytes.length <= segmentBytesLimit, "places in a segment fit into 31 bits");
    this.bytes = options.bytes;
    this.seqBefore = options.seqBefore;
    this.hashSeed = options.hashSeed;
    const { bytes, reuse, entriesExpected = 0, ordersAhead = false } = options;
    this.#entries = new EntryList(reuse && reuse.#entries);
    this.#index = new HashIndex(this.#entries, bytes, entriesExpected, reuse && reuse.#index);
    this.#view = new OrderedView(this.#entries, bytes, ordersAhead);
  }

  /**
   * The seq of the newest snapshot that anybody holds, 0 where there is none. A version up to it is kept when its key
   * is written again; others are written over, which costs nothing more than a comparison.
   */
  get keepVersionsThrough(): number {
    return this.#keepVersionsThrough;
  }

  set keepVersionsThrough(seq: number) {
    // What was written before is not judged by what somebody holds now.
    this.#settle();
    this.#keepVersionsThrough = seq;
  }

  /** Distinct keys, tombstones included. */
  get entryCount(): number {
    this.#settle();
    return this.#entries.count;
  }

  get tombstoneCount(): number {
    this.#settle();
    return this.#tombstoneCount;
  }

  /** Older versions that were kept. */
  get olderCount(): number {
    this.#settle();
    return this.#entries.olderCount;
  }

  /** Of the index alone, without `bytes`. */
  get memoryBytes(): number {
    return this.#entries.memoryBytes + this.#index.memoryBytes + this.#view.memoryBytes;
  }

  /** The key is in `bytes` at `keyStart`, its value directly behind it. Returns the entry. */
  put(hash: number, keyStart: number, keyLength: number, valueLength: number, version: number): number {
    assert(valueLength >= 0 && valueLength <= valueBytesMax, "a value's length is in its range");
    this.#settle();
    return this.#write(hash, keyStart, keyLength, valueLength, this.#ageOf(version), false);
  }

  /** Leaves a tombstone for the key in `bytes` at `keyStart`. Returns the entry. */
  delete(hash: number, keyStart: number, keyLength: number, version: number): number {
    this.#settle();
    return this.#write(hash, keyStart, keyLength, 0, this.#ageOf(version), true);
  }

  /**
   * As `put`, but indexed a little later, together with its neighbours, so that they wait for memory at the same time
   * and not one after the other. Whoever reads has it indexed first, so nobody can tell.
   */
  stagePut(hash: number, keyStart: number, keyLength: number, valueLength: number, version: number): void {
    assert(valueLength >= 0 && valueLength <= valueBytesMax, "a value's length is in its range");
    this.#staged.add(hash, keyStart, keyLength, valueLength, this.#ageOf(version));
    if (this.#staged.count === stagedMax) this.#settle();
  }

  /** As `delete`, in the same way. */
  stageDelete(hash: number, keyStart: number, keyLength: number, version: number): void {
    this.#staged.add(hash, keyStart, keyLength, -1, this.#ageOf(version));
    if (this.#staged.count === stagedMax) this.#settle();
  }

  /** The newest entry of this key, a tombstone too, or -1. `hash` is the key's under this memtable's seed. */
  find(hash: number, key: Buffer, keyStart: number, keyEnd: number): number {
    if (this.#staged.count > 0) this.#settle();
    return this.#index.find(hash, key, keyStart, keyEnd);
  }

  /** A cursor over the entries in the order of their keys. Make one and keep it: it may seek any number of times. */
  cursor(): MemtableCursor {
    const settle = () => this.#settle();
    return new MemtableCursor(this.#entries, this.bytes, this.#view, this.seqBefore, settle);
  }

  /** Whether somebody has sought here. Then the order is kept at hand, and the next memtable should do so, too. */
  get isScanned(): boolean {
    return this.#view.isRead;
  }

  /** What a reader at `versionMax` sees of an entry's key: its newest version up to that, a tombstone too, or -1. */
  visible(entry: number, versionMax: number): number {
    return this.#entries.visible(entry, versionMax - this.seqBefore);
  }

  /** The version before this one, if it was kept, or -1: so all kept versions of a key can be walked, newest first. */
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

  #ageOf(version: number): number {
    const age = version - this.seqBefore;
    assert(age >= 1 && age <= ageMax, "a memtable's versions are a little greater than its seqBefore");
    return age;
  }

  /** Indexes what is staged. First each one's slot is touched, with nothing that depends on what is read there. */
  #settle(): void {
    const staged = this.#staged;
    const { count } = staged;
    if (count === 0) return;
    let sum = 0;
    for (let index = 0; index < count; index++) sum += this.#index.slot(staged.hash(index));
    // Kept, so that nobody finds the reading superfluous.
    this.#touchSum = (this.#touchSum + sum) | 0;
    // Emptied first: what is written reads, and must not begin anew.
    staged.count = 0;
    for (let index = 0; index < count; index++) {
      const keyStart = staged.keyStart(index);
      const keyLength = staged.keyLength(index);
      const valueLength = staged.valueLength(index);
      const age = staged.age(index);
      this.#write(staged.hash(index), keyStart, keyLength, Math.max(0, valueLength), age, valueLength < 0);
    }
  }

  #write(
    hash: number,
    keyStart: number,
    keyLength: number,
    valueLength: number,
    age: number,
    tombstone: boolean,
  ): number {
    assert(keyLength >= keyBytesMin && keyLength <= keyBytesMax, "a key's length is in its range");
    const keyEnd = keyStart + keyLength;
    assert(keyStart >= 0 && keyEnd + valueLength <= this.bytes.length, "a record lies in its segment");

    const entries = this.#entries;
    const entry = this.#index.find(hash, this.bytes, keyStart, keyEnd);
    if (entry === -1) {
      const added = entries.append(hash, keyStart, keyLength, valueLength, age, tombstone);
      this.#index.insert(hash, added);
      if (tombstone) this.#tombstoneCount++;
      if (entries.count >= this.#view.aheadAt) this.#view.takeIn();
      return added;
    }
    const agePresent = entries.age(entry);
    assert(age >= agePresent, "an entry's version never goes back");
    if (this.seqBefore + agePresent <= this.#keepVersionsThrough && agePresent < age) entries.keep(entry);
    if (entries.isTombstone(entry) !== tombstone) this.#tombstoneCount += tombstone ? 1 : -1;
    entries.write(entry, keyStart, valueLength, age, tombstone);
    this.#index.move(hash, entry);
    return entry;
  }

  /** For tests: everything that must hold between calls. */
  assertInvariants(): void {
    this.#settle();
    this.#entries.assertInvariants();
    this.#index.assertInvariants();
    this.#view.assertInvariants();
    let tombstones = 0;
    for (let ordinal = 0; ordinal < this.entryCount; ordinal++) {
      const entry = this.#entries.idAt(ordinal);
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
