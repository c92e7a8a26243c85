import { assert } from "../lib/assert.ts";
import { givenAway } from "./given-away.ts";

/** Entry ids share an Int32 with five bits of hash (hash-index.ts). 1 GiB of log holds no more records. */
export const entriesMax = 2 ** 27 - 1;

/** So many bits of its key's hash fit into an entry, beside the key's length and the kind. */
export const entryHashBits = 15;

const chunkEntriesLog2 = 12;
const chunkEntries = 1 << chunkEntriesLog2;
const placeMask = chunkEntries - 1;

// The words of an entry, drawn in README.md. Sixteen bytes never straddle two cache lines.
const entryWords = 4;
const keyStartWord = 0;
const keyWord = 1;
const valueLengthWord = 2;
const ageWord = 3;

const keyLengthMask = 0xffff;
const tombstoneFlag = 1 << 16;
const hashShift = 17;

/**
 * The entries in the order in which their keys first came. An id is a chunk's number and a place in it, and never
 * changes: 0, 1, 2, … as long as no older version is kept.
 *
 * They lie in chunks, so that growing neither copies nor keeps a half-empty array. Versions that were overwritten, and
 * kept for a snapshot, are entries too, in chunks of their own among the others: reading one takes the same steps, and
 * none to find out of which kind it is. The links from a version to the one before are arrays beside the chunks, made
 * where there is something to link: most memtables never see one.
 */
export class EntryList {
  // Invariant: of the chunks with the numbers in #newest the first `count` places are written, of those in #older the
  // first `olderCount`; a chunk is in one of them.
  #chunks: Int32Array[] = [];
  readonly #newest: number[] = [];
  readonly #older: number[] = [];
  #count = 0;
  #olderCount = 0;
  /** By chunk and place: the id of the version before plus 1, or 0. */
  #links: (Int32Array | undefined)[] = [];
  #linkChunks = 0;
  /** Chunks of a list that is not used any more, to be used before others are made. */
  readonly #spare: Int32Array[];

  constructor(reused?: EntryList) {
    this.#spare = reused === undefined ? [] : reused.#chunks;
    if (reused === undefined) return;
    reused.#chunks = givenAway();
    reused.#links = givenAway();
  }

  /** Keys: versions that were overwritten do not count. */
  get count(): number {
    return this.#count;
  }

  /** Versions that were overwritten and kept. */
  get olderCount(): number {
    return this.#olderCount;
  }

  get memoryBytes(): number {
    const words = (this.#chunks.length + this.#spare.length) * entryWords + this.#linkChunks;
    return words * chunkEntries * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The id of the key that came as the `ordinal`th, counted from 0. */
  idAt(ordinal: number): number {
    return (this.#newest[ordinal >>> chunkEntriesLog2]! << chunkEntriesLog2) | (ordinal & placeMask);
  }

  /**
   * Adds an entry and returns its id. Of `hash` the lowest bits stay. `age` is a version less the memtable's
   * seqBefore, an unsigned 32-bit number.
   */
  append(
    hash: number,
    keyStart: number,
    keyLength: number,
    valueLength: number,
    age: number,
    tombstone: boolean,
  ): number {
    const ordinal = this.#count;
    if ((ordinal & placeMask) === 0) this.#newest.push(this.#addChunk());
    this.#count = ordinal + 1;
    const entry = this.idAt(ordinal);
    this.#chunks[entry >>> chunkEntriesLog2]![(entry & placeMask) * entryWords + keyWord] =
      (hash << hashShift) | keyLength;
    this.write(entry, keyStart, valueLength, age, tombstone);
    return entry;
  }

  /** Gives an entry the place, version and kind of a newer record of the same key. */
  write(entry: number, keyStart: number, valueLength: number, age: number, tombstone: boolean): void {
    const chunk = this.#chunks[entry >>> chunkEntriesLog2]!;
    const at = (entry & placeMask) * entryWords;
    const key = chunk[at + keyWord]!;
    chunk[at + keyStartWord] = keyStart;
    chunk[at + keyWord] = tombstone ? key | tombstoneFlag : key & ~tombstoneFlag;
    chunk[at + valueLengthWord] = valueLength;
    chunk[at + ageWord] = age;
  }

  /** Keeps what an entry says as an older version, before it is written anew. */
  keep(entry: number): void {
    const ordinal = this.#olderCount;
    if ((ordinal & placeMask) === 0) this.#older.push(this.#addChunk());
    this.#olderCount = ordinal + 1;
    const kept = (this.#older[ordinal >>> chunkEntriesLog2]! << chunkEntriesLog2) | (ordinal & placeMask);
    const from = this.#chunks[entry >>> chunkEntriesLog2]!;
    const to = this.#chunks[kept >>> chunkEntriesLog2]!;
    for (let word = 0; word < entryWords; word++) {
      to[(kept & placeMask) * entryWords + word] = from[(entry & placeMask) * entryWords + word]!;
    }
    this.#linksOf(kept)[kept & placeMask] = this.older(entry) + 1;
    this.#linksOf(entry)[entry & placeMask] = kept + 1;
  }

  /** The version before this one, if it was kept, or -1. */
  older(entry: number): number {
    const links = this.#links[entry >>> chunkEntriesLog2];
    return links === undefined ? -1 : links[entry & placeMask]! - 1;
  }

  /** Of this version and those before it the newest that is no younger, or -1. */
  visible(entry: number, ageMax: number): number {
    let seen = entry;
    while (seen !== -1 && this.age(seen) > ageMax) seen = this.older(seen);
    return seen;
  }

  /** The lowest entryHashBits of the hash; the other bits are 0. */
  hashLow(entry: number): number {
    return this.#word(entry, keyWord) >>> hashShift;
  }

  keyStart(entry: number): number {
    return this.#word(entry, keyStartWord);
  }

  keyLength(entry: number): number {
    return this.#word(entry, keyWord) & keyLengthMask;
  }

  valueLength(entry: number): number {
    return this.#word(entry, valueLengthWord);
  }

  age(entry: number): number {
    return this.#word(entry, ageWord) >>> 0;
  }

  isTombstone(entry: number): boolean {
    return (this.#word(entry, keyWord) & tombstoneFlag) !== 0;
  }

  /** For loops over many entries: the array that holds this one, to be read with keyStartIn and keyLengthIn. */
  chunkOf(entry: number): Int32Array {
    return this.#chunks[entry >>> chunkEntriesLog2]!;
  }

  #word(entry: number, word: number): number {
    return this.#chunks[entry >>> chunkEntriesLog2]![(entry & placeMask) * entryWords + word]!;
  }

  #addChunk(): number {
    const number = this.#chunks.length;
    assert(
      (number + 1) << chunkEntriesLog2 <= entriesMax + 1,
      "a segment holds fewer records than there are entry ids",
    );
    // What a spare one holds does not matter: an entry is written before it is read.
    this.#chunks.push(this.#spare.pop() ?? new Int32Array(chunkEntries * entryWords));
    this.#links.push(undefined);
    return number;
  }

  #linksOf(entry: number): Int32Array {
    const number = entry >>> chunkEntriesLog2;
    const links = this.#links[number];
    if (links !== undefined) return links;
    this.#linkChunks++;
    return (this.#links[number] = new Int32Array(chunkEntries));
  }

  assertInvariants(): void {
    const all = [...this.#newest, ...this.#older];
    assert(new Set(all).size === all.length && all.length === this.#chunks.length, "a chunk is of one kind");
    assert(
      this.#newest.length === Math.ceil(this.#count / chunkEntries),
      "no chunk waits for its first entry",
    );
    assert(this.#older.length === Math.ceil(this.#olderCount / chunkEntries), "the same of older versions");
    let linked = 0;
    for (let ordinal = 0; ordinal < this.#count; ordinal++) {
      const newest = this.idAt(ordinal);
      for (
        let entry = newest, older = this.older(entry);
        older !== -1;
        entry = older, older = this.older(older)
      ) {
        linked++;
        assert(this.#older.includes(older >>> chunkEntriesLog2), "a link leads to an older version");
        assert(this.age(older) < this.age(entry), "an older version is older");
        assert(this.keyLength(older) === this.keyLength(newest), "versions have one key");
      }
    }
    assert(linked === this.#olderCount, "every older version is linked once");
  }
}

export function keyStartIn(chunk: Int32Array, entry: number): number {
  return chunk[(entry & placeMask) * entryWords + keyStartWord]!;
}

export function keyLengthIn(chunk: Int32Array, entry: number): number {
  return chunk[(entry & placeMask) * entryWords + keyWord]! & keyLengthMask;
}
