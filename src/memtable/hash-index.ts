import { assert } from "../lib/assert.ts";
import { equalKeys } from "./compare-keys.ts";
import { entriesMax, entryHashBits, type EntryList } from "./entry-list.ts";
import { givenAway } from "./given-away.ts";

// A hash of 32 bits: the highest choose a partition, the lowest the slot in it. From the top of the lowest, five
// stay with the slot as a tag, so that 31 of 32 foreign entries are passed without a look at them.
const partitionsLog2 = 8;
const partitions = 1 << partitionsLog2;
const partitionShift = 32 - partitionsLog2;
const tagBits = 5;
const tagMask = (1 << tagBits) - 1;
const tagShift = 32 - tagBits;
/** The entry's bits, the tag and the partition are all that remains of a hash: no table uses more than these. */
const slotsMax = 1 << (entryHashBits + tagBits);

const slotWordsLog2 = 1;
const slotWords = 1 << slotWordsLog2;
const slotsInitial = 16;
/** Beyond three quarters a miss would look at more than 8 slots, which is a cache line. */
const loadMax = 3 / 4;

/**
 * From a key to its entry: open addressing with linear probing, in 256 partitions that each grow alone. A
 * partition of a memtable of 500,000 keys holds 2,000, so it doubles in microseconds and no caller waits for all.
 *
 * The slot knows where the key's bytes are, so that the processor fetches them and the entry at the same time:
 * memory takes far longer than all the instructions of a look-up.
 */
export class HashIndex {
  // Invariant: a slot is (0, 0) or (tag << 27 | entry id + 1, keyStart of the entry). Every entry is in exactly one
  // slot, in the partition of its hash, and no slot between its home and its place is empty. Each partition is a
  // power of two slots long and holds at most loadMax of them.
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  #partitions: Int32Array[] = [];
  readonly #counts = new Int32Array(partitions);
  #slotsTotal = 0;

  /** Takes the arrays of `reused`, an index that is not used any more, where they have the right size. */
  constructor(entries: EntryList, bytes: Buffer, entriesExpected: number, reused?: HashIndex) {
    this.#entries = entries;
    this.#bytes = bytes;
    let slots = slotsInitial;
    while (slots * partitions * loadMax < entriesExpected && slots < slotsMax) slots *= 2;
    const spare = reused === undefined ? [] : reused.#partitions;
    for (let partition = 0; partition < partitions; partition++) {
      const array = spare[partition];
      const fits = array !== undefined && array.length === slots * slotWords;
      this.#partitions.push(fits ? array.fill(0) : new Int32Array(slots * slotWords));
    }
    this.#slotsTotal = slots * partitions;
    if (reused !== undefined) reused.#partitions = givenAway();
  }

  get memoryBytes(): number {
    return this.#slotsTotal * slotWords * Int32Array.BYTES_PER_ELEMENT;
  }

  /** What is in the slot where a look-up would begin: for whoever wants it in the processor's cache. */
  slot(hash: number): number {
    const slots = this.#partitions[hash >>> partitionShift]!;
    return slots[(hash << slotWordsLog2) & (slots.length - 1)]!;
  }

  /** The entry with this key, or -1. `hash` is the key's. */
  find(hash: number, key: Buffer, keyStart: number, keyEnd: number): number {
    const slots = this.#partitions[hash >>> partitionShift]!;
    const mask = slots.length - 1;
    const tag = tagOf(hash);
    const keyLength = keyEnd - keyStart;
    const bytes = this.#bytes;
    for (let at = (hash << slotWordsLog2) & mask; ; at = (at + slotWords) & mask) {
      const content = slots[at]!;
      if (content === 0) return -1;
      if (content >>> tagShift !== tag) continue;
      // A longer key may end beyond `bytes` at this place; its length, checked last, is not the entry's then.
      const place = slots[at + 1]!;
      if (place + keyLength > bytes.length || !equalKeys(key, keyStart, bytes, place, keyLength)) continue;
      const entry = (content & entriesMax) - 1;
      if (this.#entries.keyLength(entry) === keyLength) return entry;
    }
  }

  /** Adds an entry whose key `find` did not find. */
  insert(hash: number, entry: number): void {
    const partition = hash >>> partitionShift;
    const count = this.#counts[partition]! + 1;
    if (count * slotWords > this.#partitions[partition]!.length * loadMax) this.#grow(partition);
    this.#counts[partition] = count;
    fill(this.#partitions[partition]!, hash, entry, this.#entries.keyStart(entry));
  }

  /** Follows an entry whose key is now read from another place. */
  move(hash: number, entry: number): void {
    const slots = this.#partitions[hash >>> partitionShift]!;
    const mask = slots.length - 1;
    let at = (hash << slotWordsLog2) & mask;
    while ((slots[at]! & entriesMax) !== entry + 1) at = (at + slotWords) & mask;
    slots[at + 1] = this.#entries.keyStart(entry);
  }

  #grow(partition: number): void {
    const old = this.#partitions[partition]!;
    assert(
      old.length < slotsMax * slotWords,
      "a partition grows no further than the stored bits of a hash reach",
    );
    // The hashes are gathered first: reading them misses the cache each time, and in a loop that branches on what
    // it just read the processor would wait for every one instead of for many at once.
    const hashes = new Int32Array(this.#counts[partition]!);
    for (let at = 0, count = 0; at < old.length; at += slotWords) {
      if (old[at] !== 0) hashes[count++] = this.#hashOf(old[at]!, partition);
    }
    const grown = new Int32Array(old.length * 2);
    for (let at = 0, count = 0; at < old.length; at += slotWords) {
      if (old[at] !== 0) fill(grown, hashes[count++]!, (old[at]! & entriesMax) - 1, old[at + 1]!);
    }
    this.#partitions[partition] = grown;
    this.#slotsTotal += old.length / slotWords;
  }

  /** What is left of a hash: enough for its partition, its tag and its place in any partition. */
  #hashOf(content: number, partition: number): number {
    const entry = (content & entriesMax) - 1;
    const tag = content >>> tagShift;
    return (partition << partitionShift) | (tag << entryHashBits) | this.#entries.hashLow(entry);
  }

  assertInvariants(): void {
    const known = new Set<number>();
    for (let ordinal = 0; ordinal < this.#entries.count; ordinal++) known.add(this.#entries.idAt(ordinal));
    let total = 0;
    for (let partition = 0; partition < partitions; partition++) {
      const slots = this.#partitions[partition]!;
      const mask = slots.length - 1;
      let count = 0;
      for (let place = 0; place < slots.length; place += slotWords) {
        const content = slots[place]!;
        if (content === 0) continue;
        count++;
        const entry = (content & entriesMax) - 1;
        assert(known.delete(entry), "a slot holds an entry that exists, and no other does");
        assert(slots[place + 1] === this.#entries.keyStart(entry), "a slot knows its entry's place");
        const home = (this.#hashOf(content, partition) << slotWordsLog2) & mask;
        for (let at = home; at !== place; at = (at + slotWords) & mask) {
          assert(slots[at] !== 0, "no empty slot hides an entry");
        }
      }
      assert(count === this.#counts[partition], "a partition counts its entries");
      assert(count * slotWords <= slots.length * loadMax, "a partition keeps room");
      total += count;
    }
    assert(total === this.#entries.count, "every entry is in one slot");
  }
}

function fill(slots: Int32Array, hash: number, entry: number, keyStart: number): void {
  const mask = slots.length - 1;
  let at = (hash << slotWordsLog2) & mask;
  while (slots[at] !== 0) at = (at + slotWords) & mask;
  slots[at] = (tagOf(hash) << tagShift) | (entry + 1);
  slots[at + 1] = keyStart;
}

function tagOf(hash: number): number {
  return (hash >>> entryHashBits) & tagMask;
}
