import { assert } from "../lib/assert.ts";
import { compareKeys } from "./compare-keys.ts";
import { type EntryList, keyLengthIn, keyStartIn } from "./entry-list.ts";
import { sortEntries } from "./sort-entries.ts";

const leafEntriesLog2 = 9;
const leafEntriesMax = 1 << leafEntriesLog2;
/** A leaf made by sorting keeps an eighth free, so that the first key to come between does not split it. */
const leafEntriesSorted = leafEntriesMax - leafEntriesMax / 8;
/** So many entries may wait in a leaf: to put them in order takes 0.3 ms, and costs each of them little. */
const waitingMax = 2048;
/** Up to so many waiting entries are inserted one by one, which leaves the others as they are. */
const insertedMax = 16;
/** Once there is an order, so many new entries are given to their leaves without being asked for. */
const entriesAhead = 1024;
/** To give an entry to its leaf costs as much as to sort this many. */
const entriesSortedPerAppend = 3;

/**
 * A piece of the order. Its bound is where some key lies in the bytes: none of the leaf's keys is before that one, and
 * all keys of the leaves before are. The first leaf's is not used.
 */
interface Leaf {
  /** In order up to `ordered`; then, up to `count`, those that wait, in any order. */
  entries: Int32Array;
  ordered: number;
  count: number;
  readonly boundStart: number;
  readonly boundEnd: number;
}

/**
 * The entries in the order of their keys: a B+ tree of two levels, whose upper one is the array of its leaves.
 *
 * It is made when a scan first asks, and then follows the entry list. What is new is only given to the leaf that it
 * belongs to, and put in order when somebody comes to that leaf: so a scan pays for what it visits. When much is new,
 * everything is sorted again. Memtables that nobody scans never have an order. Overwrites do not concern it, since an
 * entry keeps its key.
 *
 * A position is (leaf << 9 | place in it), and its leaf is in order. It is valid until `changes` changes.
 */
export class OrderedView {
  // Invariant: the leaves hold the entries 0 .. covered - 1, each once; the keys of a leaf are before those of the
  // next.
  // No leaf is empty, and none that is in order holds more than leafEntriesMax.
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  #leaves: Leaf[] = [];
  #covered = 0;
  #changes = 0;
  #isRead = false;
  /** The entry count at which what is new should be taken in, asked for or not. */
  aheadAt: number;

  constructor(entries: EntryList, bytes: Buffer, ordersAhead: boolean) {
    this.#entries = entries;
    this.#bytes = bytes;
    this.aheadAt = ordersAhead ? entriesAhead : 0x7fff_ffff;
  }

  get memoryBytes(): number {
    let slots = 0;
    for (const leaf of this.#leaves) slots += leaf.entries.length;
    return slots * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Whether a scan has asked. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Goes up whenever positions move. */
  get changes(): number {
    return this.#changes;
  }

  /** The position behind the last entry. */
  get end(): number {
    return this.#leaves.length << leafEntriesLog2;
  }

  entryAt(position: number): number {
    return this.#leaves[position >>> leafEntriesLog2]!.entries[position & (leafEntriesMax - 1)]!;
  }

  /** The position of the first entry, which may be `end`. */
  first(): number {
    return this.#firstOf(0);
  }

  /** The position behind this one, which may be `end`. */
  after(position: number): number {
    const index = position >>> leafEntriesLog2;
    const place = (position & (leafEntriesMax - 1)) + 1;
    return place < this.#leaves[index]!.count ? position + 1 : this.#firstOf(index + 1);
  }

  /** The position before this one, which may be `end`; -1 before the first. */
  before(position: number): number {
    if ((position & (leafEntriesMax - 1)) > 0) return position - 1;
    const index = (position >>> leafEntriesLog2) - 1;
    if (index < 0) return -1;
    const last = index + this.#order(index) - 1;
    return (last << leafEntriesLog2) + this.#leaves[last]!.count - 1;
  }

  /** The position of the first entry whose key is not less than this one, or `end`. */
  lowerBound(key: Buffer, keyStart: number, keyEnd: number): number {
    if (this.#leaves.length === 0) return 0;
    let index = this.#leafOf(key, keyStart, keyEnd);
    if (this.#order(index) > 1) index = this.#leafOf(key, keyStart, keyEnd);
    const leaf = this.#leaves[index]!;
    const place = this.#placeIn(leaf, key, keyStart, keyEnd);
    return place < leaf.count ? (index << leafEntriesLog2) + place : this.#firstOf(index + 1);
  }

  /** Takes in what was added to the entry list since the last call, for somebody who is about to read. */
  refresh(): void {
    this.#isRead = true;
    this.takeIn();
  }

  /** The same, for those who may come. */
  takeIn(): void {
    const count = this.#entries.count;
    this.aheadAt = count + entriesAhead;
    const added = count - this.#covered;
    if (added === 0) return;
    this.#changes++;
    if (added * entriesSortedPerAppend > count) {
      this.#sortAll(count);
    } else {
      for (let ordinal = this.#covered; ordinal < count; ordinal++) this.#append(this.#entries.idAt(ordinal));
    }
    this.#covered = count;
  }

  #sortAll(count: number): void {
    const sorted = new Int32Array(count);
    for (let ordinal = 0; ordinal < count; ordinal++) sorted[ordinal] = this.#entries.idAt(ordinal);
    sortEntries(this.#entries, this.#bytes, sorted);
    this.#leaves = [];
    for (let start = 0; start < count; start += leafEntriesSorted) {
      this.#leaves.push(this.#leaf(sorted.slice(start, start + leafEntriesSorted)));
    }
  }

  /** Leaves an entry to its leaf. */
  #append(entry: number): void {
    const chunk = this.#entries.chunkOf(entry);
    const keyStart = keyStartIn(chunk, entry);
    const index = this.#leafOf(this.#bytes, keyStart, keyStart + keyLengthIn(chunk, entry));
    const leaf = this.#leaves[index]!;
    if (leaf.count === leaf.entries.length) makeRoom(leaf);
    leaf.entries[leaf.count++] = entry;
    if (leaf.count - leaf.ordered > waitingMax) this.#order(index);
  }

  #firstOf(index: number): number {
    if (index < this.#leaves.length) this.#order(index);
    return index << leafEntriesLog2;
  }

  /** Puts a leaf in order, and returns how many leaves it has become. */
  #order(index: number): number {
    const leaf = this.#leaves[index]!;
    if (leaf.ordered === leaf.count) return 1;
    if (leaf.count <= leafEntriesMax && leaf.count - leaf.ordered <= insertedMax) {
      while (leaf.ordered < leaf.count) this.#insertFirstWaiting(leaf);
      return 1;
    }
    const lastOrdered = leaf.ordered > 0 ? leaf.entries[leaf.ordered - 1]! : -1;
    sortEntries(this.#entries, this.#bytes, leaf.entries.subarray(0, leaf.count));
    // Where keys come in ascending order, a full leaf stays full and others begin behind it.
    const ascending = leaf.ordered >= leafEntriesMax / 2 && leaf.entries[leaf.ordered - 1] === lastOrdered;
    if (leaf.count > leafEntriesMax) return this.#split(index, ascending ? leaf.ordered : 0);
    leaf.ordered = leaf.count;
    return 1;
  }

  #insertFirstWaiting(leaf: Leaf): void {
    const { entries } = leaf;
    const entry = entries[leaf.ordered]!;
    const keyStart = this.#entries.keyStart(entry);
    const place = this.#placeIn(leaf, this.#bytes, keyStart, keyStart + this.#entries.keyLength(entry));
    entries.copyWithin(place + 1, place, leaf.ordered);
    entries[place] = entry;
    leaf.ordered++;
  }

  /** Makes leaves of one that holds too many, all in order: one of the first `kept`, if any, then even ones. */
  #split(index: number, kept: number): number {
    const { entries, count } = this.#leaves[index]!;
    const parts = Math.ceil((count - kept) / leafEntriesSorted);
    const leaves: Leaf[] = kept > 0 ? [this.#leaf(entries.slice(0, kept))] : [];
    for (let part = 0; part < parts; part++) {
      const start = kept + Math.floor(((count - kept) * part) / parts);
      const end = kept + Math.floor(((count - kept) * (part + 1)) / parts);
      leaves.push(this.#leaf(entries.slice(start, end)));
    }
    this.#leaves.splice(index, 1, ...leaves);
    this.#changes++;
    return leaves.length;
  }

  /** A leaf of entries that are in order. */
  #leaf(entries: Int32Array): Leaf {
    const first = entries[0]!;
    const boundStart = this.#entries.keyStart(first);
    const boundEnd = boundStart + this.#entries.keyLength(first);
    return {
      entries,
      ordered: entries.length,
      count: entries.length,
      boundStart,
      boundEnd,
    };
  }

  /** The last leaf whose bound is not behind this key, or the first leaf. */
  #leafOf(key: Buffer, keyStart: number, keyEnd: number): number {
    const bytes = this.#bytes;
    let low = 1;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { boundStart, boundEnd } = this.#leaves[middle]!;
      if (compareKeys(bytes, boundStart, boundEnd, key, keyStart, keyEnd) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where among the ordered ones the first key not less than this one is. */
  #placeIn(leaf: Leaf, key: Buffer, keyStart: number, keyEnd: number): number {
    let low = 0;
    let high = leaf.ordered;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(leaf.entries[middle]!, key, keyStart, keyEnd) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(entry: number, key: Buffer, keyStart: number, keyEnd: number): number {
    const start = this.#entries.keyStart(entry);
    return compareKeys(this.#bytes, start, start + this.#entries.keyLength(entry), key, keyStart, keyEnd);
  }

  assertInvariants(): void {
    const bytes = this.#bytes;
    const unseen = new Set<number>();
    for (let ordinal = 0; ordinal < this.#covered; ordinal++) unseen.add(this.#entries.idAt(ordinal));
    for (let index = 0; index < this.#leaves.length; index++) {
      const leaf = this.#leaves[index]!;
      const next = this.#leaves[index + 1];
      assert(leaf.count >= 1 && leaf.count <= leaf.entries.length, "no leaf is empty or overfull");
      assert(leaf.ordered <= leaf.count && leaf.ordered <= leafEntriesMax, "no leaf has too many in order");
      assert(leaf.count - leaf.ordered <= waitingMax, "no leaf has too many waiting");
      for (let place = 0; place < leaf.count; place++) {
        const entry = leaf.entries[place]!;
        assert(unseen.delete(entry), "what is in the leaves is covered, and there once");
        const start = this.#entries.keyStart(entry);
        const end = start + this.#entries.keyLength(entry);
        if (place > 0 && place < leaf.ordered) {
          assert(this.#compare(leaf.entries[place - 1]!, bytes, start, end) < 0, "keys ascend");
        }
        if (index > 0) {
          assert(
            compareKeys(bytes, leaf.boundStart, leaf.boundEnd, bytes, start, end) <= 0,
            "a bound is low",
          );
        }
        if (next !== undefined) {
          assert(
            compareKeys(bytes, next.boundStart, next.boundEnd, bytes, start, end) > 0,
            "the next is high",
          );
        }
      }
    }
    assert(unseen.size === 0, "every covered entry is in the leaves");
  }
}

/** A leaf grows by a quarter, so that little room stays unused, and little is copied. */
function makeRoom(leaf: Leaf): void {
  const grown = new Int32Array(leaf.entries.length + Math.max(64, leaf.entries.length >>> 2));
  grown.set(leaf.entries);
  leaf.entries = grown;
}
