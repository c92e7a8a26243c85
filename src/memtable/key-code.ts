import { type EntryList, keyLengthIn, keyStartIn } from "./entry-list.ts";

/** A code looks at so many bytes of a key at most. */
const columnsMax = 24;
const byteValues = 256;
/** A column with more different bytes than this counts as if it had all: a sample has not seen the others. */
const valuesCountedMax = 64;
const valuesAll = byteValues + 1;
const unknownRank = 0xffff;

/**
 * Makes numbers of the next bytes of keys, in the order of the keys, and as small as these keys allow.
 *
 * Of the bytes at one place in all keys, a column, only the rank among those that occur there is kept: digits take a
 * little more than three bits each, and what is alike in all keys takes none. Where plain bytes would fill a number
 * of 45 bits with five of them, thirteen digits fit, or eleven of a UUID. A key's end is one more value of a column,
 * before all bytes; so keys that have the same code all go on behind it.
 */
export class KeyCode {
  /** All keys share the bytes before this. */
  from = 0;
  /** Keys of the same code agree in the bytes before this. */
  end = 0;
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  /** By column and byte: 1 where it occurs. */
  readonly #occurs = new Uint8Array(columnsMax * byteValues);
  /** By column: 1 where a key has ended. */
  readonly #ended = new Uint8Array(columnsMax);
  /** By column and byte: its rank among those that occur. */
  readonly #ranks = new Uint16Array(columnsMax * byteValues);
  /** By column: the rank of a key's end. */
  readonly #endRanks = new Uint16Array(columnsMax);
  /** By column: how many ranks there are. */
  readonly #values = new Uint16Array(columnsMax);
  /** The bytes look random, so the next four are the code, read at once. */
  isWindow = false;
  /** The bytes between this and `from` must be seen to be those of the first key. */
  #sharedSurely = 0;
  #firstStart = 0;

  constructor(entries: EntryList, bytes: Buffer) {
    this.#entries = entries;
    this.#bytes = bytes;
  }

  /** Learns a code below `codesMax` from all of `ids`, whose keys agree in their first `known` bytes. */
  learn(ids: Int32Array, known: number, codesMax: number): void {
    this.learnFrom(ids, known, codesMax);
    this.#sharedSurely = this.from;
  }

  /** The same from a few of those that the code is for: it may not know the others. */
  learnFrom(sample: Int32Array, known: number, codesMax: number): void {
    this.from = this.end = this.#sharedByAll(sample, known);
    this.#sharedSurely = known;
    // A column in which keys differ seldom has fewer bits than this: others would not fit any more.
    const columns = Math.min(columnsMax, Math.ceil(Math.log2(codesMax) / 2.5));
    this.#findValues(sample, columns);
    let codes = 1;
    let columnsOfAll = 0;
    for (let column = 0; column < columns; column++) {
      const values = this.#rankValues(column);
      if (values === valuesAll && columnsOfAll === column) columnsOfAll++;
      codes *= values;
      if (codes > codesMax || values === 0) break;
      this.end++;
    }
    this.isWindow = columnsOfAll >= 4 && this.#ended[3] === 0;
    if (this.isWindow) this.end = this.from + 4;
  }

  /** The code of a key; -1 if the key has something that those learned from did not have. */
  of(entry: number): number {
    const chunk = this.#entries.chunkOf(entry);
    const keyStart = keyStartIn(chunk, entry);
    const keyLength = keyLengthIn(chunk, entry);
    const from = this.from;
    const bytes = this.#bytes;
    if (keyLength < from || !this.sharesFirst(keyStart)) return -1;
    if (this.isWindow) return keyLength >= from + 4 ? bytes.readUInt32BE(keyStart + from) : -1;

    const ranks = this.#ranks;
    const values = this.#values;
    const end = keyLength < this.end ? keyLength : this.end;
    let code = 0;
    for (let at = from, column = 0; at < end; at++, column++) {
      const rank = ranks[column * byteValues + bytes[keyStart + at]!]!;
      if (rank === unknownRank) return -1;
      code = code * values[column]! + rank;
    }
    return end === this.end ? code : this.#ofEnded(code, end - from);
  }

  #ofEnded(begun: number, firstColumn: number): number {
    let code = begun;
    for (let column = firstColumn; column < this.end - this.from; column++) {
      const rank = this.#endRanks[column]!;
      if (rank === unknownRank) return -1;
      code = code * this.#values[column]! + rank;
    }
    return code;
  }

  /** Whether a key, at least so long, begins with what all are expected to share. */
  sharesFirst(keyStart: number): boolean {
    const from = this.from;
    return from === this.#sharedSurely || this.#shared(keyStart, this.#sharedSurely, from) === from;
  }

  /** Notes which bytes occur in each column, and where keys have ended. */
  #findValues(ids: Int32Array, columns: number): void {
    const entries = this.#entries;
    const bytes = this.#bytes;
    const occurs = this.#occurs.fill(0);
    const ended = this.#ended.fill(0);
    for (let at = 0; at < ids.length; at++) {
      const entry = ids[at]!;
      const chunk = entries.chunkOf(entry);
      const keyStart = keyStartIn(chunk, entry) + this.from;
      const left = keyLengthIn(chunk, entry) - this.from;
      const present = left < columns ? left : columns;
      for (let column = 0; column < present; column++) {
        occurs[column * byteValues + bytes[keyStart + column]!] = 1;
      }
      if (present < columns) ended[present] = 1;
    }
    for (let column = 1; column < columns; column++) ended[column]! |= ended[column - 1]!;
  }

  /** Ranks the values of a column, and returns how many there are: none where all keys have ended before. */
  #rankValues(column: number): number {
    const occurs = this.#occurs;
    const ranks = this.#ranks;
    const first = column * byteValues;
    let occurring = 0;
    for (let at = first; at < first + byteValues; at++) occurring += occurs[at]!;
    if (occurring === 0) return 0;
    const all = occurring > valuesCountedMax;
    // A sample may miss the few keys that are shorter than the others, so whatever varies is expected to end.
    let values = 0;
    this.#endRanks[column] = occurring > 1 || this.#ended[column] === 1 ? values++ : unknownRank;
    for (let at = first; at < first + byteValues; at++) {
      ranks[at] = all || occurs[at] === 1 ? values++ : unknownRank;
    }
    this.#values[column] = values;
    return values;
  }

  /** How many bytes all keys share: `known` at least. */
  #sharedByAll(ids: Int32Array, known: number): number {
    const entries = this.#entries;
    this.#firstStart = entries.keyStart(ids[0]!);
    let shared = entries.keyLength(ids[0]!);
    for (let at = 1; at < ids.length && shared > known; at++) {
      const entry = ids[at]!;
      const keyLength = entries.keyLength(entry);
      shared = this.#shared(entries.keyStart(entry), known, keyLength < shared ? keyLength : shared);
    }
    return shared;
  }

  /** How many bytes a key shares with the first one, from `known` on and at most `max`. */
  #shared(keyStart: number, known: number, max: number): number {
    const bytes = this.#bytes;
    const firstStart = this.#firstStart;
    let at = known;
    while (at + 4 <= max && bytes.readInt32LE(firstStart + at) === bytes.readInt32LE(keyStart + at)) at += 4;
    while (at < max && bytes[firstStart + at] === bytes[keyStart + at]) at++;
    return at;
  }
}
