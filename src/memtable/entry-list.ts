import { assert } from "../lib/assert.ts";

/** Entry ids share an Int32 with five bits of hash (hash-index.ts). 1 GiB of log holds no more records. */
export const entriesMax = 2 ** 27 - 1;

/** So many bits of its key's hash fit into an entry, beside the key's length and the kind. */
export const entryHashBits = 15;

const chunkEntriesLog2 = 12;
const chunkEntries = 1 << chunkEntriesLog2;

// The words of an entry, drawn in README.md. Sixteen bytes never straddle two cache lines.
const entryWords = 4;
const keyStartWord = 0;
const keyWord = 1;
const valueLengthWord = 2;
const ageWord = 3;

const keyLengthMask = 0xffff;
const tombstoneFlag = 1 << 16;
const hashShift = 17;

/** Versions that were overwritten have ids from here on: an id alone says of which kind it is. */
const olderIdMin = entriesMax + 1;
const olderWords = entryWords + 1;
const olderWord = entryWords;

/**
 * The entries in the order in which their keys first came: entry ids are 0, 1, 2, … and never change.
 *
 * They lie in chunks, so that growing neither copies nor keeps a half-empty array. What older versions need, and the
 * links to them, lies in chunks of its own, made where a snapshot asks for them: most memtables never see one.
 */
export class EntryList {
  // Invariant: entries below `count` are written, and count <= chunks.length * chunkEntries.
  readonly #chunks: Int32Array[] = [];
  #count = 0;
  // Of an entry in chunk c, at the same place of #links[c]: the id of its version before, or 0. Of an older version the
  // link is its last word.
  readonly #links: (Int32Array | undefined)[] = [];
  readonly #older: Int32Array[] = [];
  #olderCount = 0;

  get count(): number {
    return this.#count;
  }

  get memoryBytes(): number {
    const links = this.#links.reduce((count, chunk) => count + (chunk === undefined ? 0 : 1), 0);
    const words = this.#chunks.length * entryWords + links + this.#older.length * olderWords;
    return words * chunkEntries * Int32Array.BYTES_PER_ELEMENT;
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
    const entry = this.#count;
    assert(entry < entriesMax, "a segment holds fewer records than there are entry ids");
    if (entry === this.#chunks.length << chunkEntriesLog2) {
      this.#chunks.push(new Int32Array(chunkEntries * entryWords));
    }
    this.#count = entry + 1;
    const chunk = this.#chunks[entry >>> chunkEntriesLog2]!;
    const at = (entry & (chunkEntries - 1)) * entryWords;
    chunk[at + keyWord] = (hash << hashShift) | keyLength;
    this.write(entry, keyStart, valueLength, age, tombstone);
    return entry;
  }

  /** Gives an entry the place, version and kind of a newer record of the same key. */
  write(entry: number, keyStart: number, valueLength: number, age: number, tombstone: boolean): void {
    const chunk = this.#chunks[entry >>> chunkEntriesLog2]!;
    const at = (entry & (chunkEntries - 1)) * entryWords;
    const key = chunk[at + keyWord]!;
    chunk[at + keyStartWord] = keyStart;
    chunk[at + keyWord] = tombstone ? key | tombstoneFlag : key & ~tombstoneFlag;
    chunk[at + valueLengthWord] = valueLength;
    chunk[at + ageWord] = age;
  }

  /** Keeps what the entry says now as an older version of it, before it is written anew. */
  keep(entry: number): void {
    const index = entry >>> chunkEntriesLog2;
    const links = (this.#links[index] ??= new Int32Array(chunkEntries));
    const place = entry & (chunkEntries - 1);
    const older = this.#olderCount++;
    if (older === this.#older.length << chunkEntriesLog2) {
      this.#older.push(new Int32Array(chunkEntries * olderWords));
    }
    const chunk = this.#older[older >>> chunkEntriesLog2]!;
    const at = (older & (chunkEntries - 1)) * olderWords;
    for (let word = 0; word < entryWords; word++) chunk[at + word] = this.#word(entry, word);
    chunk[at + olderWord] = links[place]!;
    links[place] = olderIdMin + older;
  }

  /** The version before this one, of an entry or of an older version; -1 if none was kept. */
  older(id: number): number {
    const link = id < olderIdMin ? this.#linkOf(id) : this.#olderWord(id, olderWord);
    return link === 0 ? -1 : link;
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

  #linkOf(entry: number): number {
    return this.#links[entry >>> chunkEntriesLog2]?.[entry & (chunkEntries - 1)] ?? 0;
  }

  #olderWord(id: number, word: number): number {
    const older = id - olderIdMin;
    return this.#older[older >>> chunkEntriesLog2]![(older & (chunkEntries - 1)) * olderWords + word]!;
  }

  #word(entry: number, word: number): number {
    if (entry >= olderIdMin) return this.#olderWord(entry, word);
    return this.#chunks[entry >>> chunkEntriesLog2]![(entry & (chunkEntries - 1)) * entryWords + word]!;
  }
}
