import { assert } from "../lib/assert.ts";
import { compareKeys } from "./compare-keys.ts";
import type { EntryList } from "./entry-list.ts";
import { sortEntries } from "./sort-entries.ts";

const leafEntriesLog2 = 9;
const leafEntries = 1 << leafEntriesLog2;
/** A leaf made by sorting keeps an eighth free, so that the first key to come between does not split it. */
const leafEntriesSorted = leafEntries - leafEntries / 8;
/** Inserting one entry costs as much as sorting this many. */
const entriesSortedPerInsert = 16;

interface Leaf {
  readonly entries: Int32Array;
  count: number;
}

/**
 * The entries in the order of their keys: a B+ tree of two levels, whose upper one is the array of its leaves.
 *
 * It is made when a scan first asks and then follows the entry list, from whose end it takes what is new: one by
 * one, or, when that is much, by sorting everything again. Memtables that nobody scans never have one. Overwrites
 * do not concern it, since an entry keeps its key.
 *
 * A position is (leaf << 9 | place in it), valid until `changes` changes.
 */
export class OrderedView {
  // Invariant: the leaves hold the entries 0 .. covered - 1, each once, in the order of their keys; no leaf is
  // empty or holds more than leafEntries.
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  #leaves: Leaf[] = [];
  #covered = 0;
  #changes = 0;

  constructor(entries: EntryList, bytes: Buffer) {
    this.#entries = entries;
    this.#bytes = bytes;
  }

  get memoryBytes(): number {
    return this.#leaves.length * leafEntries * Int32Array.BYTES_PER_ELEMENT;
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
    return this.#leaves[position >>> leafEntriesLog2]!.entries[position & (leafEntries - 1)]!;
  }

  /** The position behind this one, which may be `end`. */
  after(position: number): number {
    const next = position + 1;
    const leaf = position >>> leafEntriesLog2;
    return (next & (leafEntries - 1)) < this.#leaves[leaf]!.count && next >>> leafEntriesLog2 === leaf
      ? next
      : (leaf + 1) << leafEntriesLog2;
  }

  /** The position before this one, which may be `end`; -1 before the first. */
  before(position: number): number {
    if ((position & (leafEntries - 1)) > 0) return position - 1;
    const leaf = (position >>> leafEntriesLog2) - 1;
    return leaf < 0 ? -1 : (leaf << leafEntriesLog2) + this.#leaves[leaf]!.count - 1;
  }

  /** The position of the first entry whose key is not less than this one, or `end`. */
  lowerBound(key: Buffer, keyStart: number, keyEnd: number): number {
    const leaf = this.#leafOf(key, keyStart, keyEnd);
    if (leaf < 0) return 0;
    const place = this.#placeIn(this.#leaves[leaf]!, key, keyStart, keyEnd);
    return place < this.#leaves[leaf]!.count
      ? (leaf << leafEntriesLog2) + place
      : (leaf + 1) << leafEntriesLog2;
  }

  /** Takes in what was added to the entry list since the last call. */
  refresh(): void {
    const count = this.#entries.count;
    const added = count - this.#covered;
    if (added === 0) return;
    this.#changes++;
    if (added * entriesSortedPerInsert > count) {
      this.#sortAll(count);
    } else {
      for (let entry = this.#covered; entry < count; entry++) this.#insert(entry);
    }
    this.#covered = count;
  }

  #sortAll(count: number): void {
    const sorted = sortEntries(this.#entries, this.#bytes, count);
    this.#leaves = [];
    for (let start = 0; start < count; start += leafEntriesSorted) {
      const part = sorted.subarray(start, start + leafEntriesSorted);
      const leaf = emptyLeaf();
      leaf.entries.set(part);
      leaf.count = part.length;
      this.#leaves.push(leaf);
    }
  }

  #insert(entry: number): void {
    const keyStart = this.#entries.keyStart(entry);
    const keyEnd = keyStart + this.#entries.keyLength(entry);
    let index = Math.max(0, this.#leafOf(this.#bytes, keyStart, keyEnd));
    let leaf = this.#leaves[index]!;
    let place = this.#placeIn(leaf, this.#bytes, keyStart, keyEnd);
    if (leaf.count === leafEntries) {
      this.#split(index, place);
      if (place >= leaf.count) {
        place -= leaf.count;
        leaf = this.#leaves[++index]!;
      }
    }
    leaf.entries.copyWithin(place + 1, place, leaf.count);
    leaf.entries[place] = entry;
    leaf.count++;
  }

  /** Halves a full leaf; but where keys come in ascending order, it stays full and a new one begins. */
  #split(index: number, place: number): void {
    const leaf = this.#leaves[index]!;
    const right = emptyLeaf();
    const kept = place === leafEntries ? leafEntries : leafEntries / 2;
    right.entries.set(leaf.entries.subarray(kept, leafEntries));
    right.count = leafEntries - kept;
    leaf.count = kept;
    this.#leaves.splice(index + 1, 0, right);
  }

  /** The last leaf whose first key is not greater than this one, or -1. */
  #leafOf(key: Buffer, keyStart: number, keyEnd: number): number {
    let low = 0;
    let high = this.#leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#leaves[middle]!.entries[0]!;
      if (this.#compare(first, key, keyStart, keyEnd) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where in the leaf the first key not less than this one is. */
  #placeIn(leaf: Leaf, key: Buffer, keyStart: number, keyEnd: number): number {
    let low = 0;
    let high = leaf.count;
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
    const seen = new Uint8Array(this.#covered);
    let before = -1;
    for (const leaf of this.#leaves) {
      assert(leaf.count >= 1 && leaf.count <= leafEntries, "no leaf is empty or overfull");
      for (let place = 0; place < leaf.count; place++) {
        const entry = leaf.entries[place]!;
        assert(entry < this.#covered && seen[entry] === 0, "every covered entry is in the leaves once");
        seen[entry] = 1;
        const start = this.#entries.keyStart(entry);
        const end = start + this.#entries.keyLength(entry);
        assert(before === -1 || this.#compare(before, this.#bytes, start, end) < 0, "keys ascend");
        before = entry;
      }
    }
    assert(!seen.includes(0), "every covered entry is in the leaves");
  }
}

function emptyLeaf(): Leaf {
  return { entries: new Int32Array(leafEntries), count: 0 };
}
