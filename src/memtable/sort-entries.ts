import { assert } from "../lib/assert.ts";
import { compareKeys } from "./compare-keys.ts";
import { type EntryList, keyLengthIn, keyStartIn } from "./entry-list.ts";
import { KeyCode } from "./key-code.ts";

/** Groups up to this size are compared key by key; a native sort pays its call beyond it. */
const insertionMax = 8;
/** Up to this many entries are sorted as numbers of 32 bits, which takes a quarter of the time of 64. */
const fewEntries = 4096;
/** A code for more entries than that is learned from about so many. */
const sampleEntries = 1024;
/** After so many keys that the sample has missed, all are looked at. */
const missesMax = 4;

// A sort of few is over before another one begins, so all share these.
const fewNumbers = new Uint32Array(fewEntries);
const fewIds = new Int32Array(fewEntries);

/**
 * Puts `ids`, entries whose keys are all different, into the order of their keys.
 *
 * A sort that calls back to compare takes 500 ns a key for 500,000 keys. Here a code of a key's next bytes
 * (key-code.ts) and its place make one number, which the engine's own sort puts into order at 5 to 20 ns a key. Keys of
 * the same code form a group that is sorted by the bytes behind.
 */
export function sortEntries(entries: EntryList, bytes: Buffer, ids: Int32Array): void {
  if (ids.length > 1) new EntrySort(entries, bytes, ids).run();
}

class EntrySort {
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  readonly #ids: Int32Array;
  readonly #code: KeyCode;
  /** Groups to be sorted: start, end, and how many bytes their keys share. A stack of our own can't overflow. */
  readonly #later: number[] = [];

  constructor(entries: EntryList, bytes: Buffer, ids: Int32Array) {
    this.#entries = entries;
    this.#bytes = bytes;
    this.#ids = ids;
    this.#code = new KeyCode(entries, bytes);
  }

  run(): void {
    const later = this.#later;
    this.#sortLater(0, this.#ids.length, 0);
    while (later.length > 0) {
      const shared = later.pop()!;
      const end = later.pop()!;
      const start = later.pop()!;
      if (end - start <= fewEntries) this.#sortFew(start, end, shared);
      else this.#sortMany(start, end, shared);
    }
  }

  #sortLater(start: number, end: number, shared: number): void {
    if (end - start > insertionMax) this.#later.push(start, end, shared);
    else if (end - start > 1) this.#insertionSort(start, end, shared);
  }

  /** Numbers are code << placeBits | place. */
  #sortFew(start: number, end: number, shared: number): void {
    const ids = this.#ids;
    const before = fewIds;
    const code = this.#code;
    const count = end - start;
    const placeBits = 32 - Math.clz32(count - 1);
    const placeMask = (1 << placeBits) - 1;
    code.learn(ids.subarray(start, end), shared, 2 ** (32 - placeBits));
    for (let place = 0; place < count; place++) {
      const entry = ids[start + place]!;
      before[place] = entry;
      fewNumbers[place] = (code.of(entry) << placeBits) | place;
    }
    fewNumbers.subarray(0, count).sort();
    let groupStart = 0;
    for (let place = 0; place < count; place++) {
      const number = fewNumbers[place]!;
      ids[start + place] = before[number & placeMask]!;
      if ((number ^ fewNumbers[groupStart]!) >>> placeBits === 0) continue;
      this.#sortLater(start + groupStart, start + place, code.end);
      groupStart = place;
    }
    this.#sortLater(start + groupStart, end, code.end);
  }

  /** Numbers of 64 bits have room for an entry's id, which saves the way by its place. */
  #sortMany(start: number, end: number, shared: number): void {
    const ids = this.#ids.subarray(start, end);
    const count = ids.length;
    let idMax = 0;
    for (let place = 0; place < count; place++) idMax = Math.max(idMax, ids[place]!);
    const idBits = 32 - Math.clz32(idMax);
    const idMask = (1 << idBits) - 1;
    const numbers = new BigUint64Array(count);
    // The low half of a number is before the high one: all machines that run Bun are little-endian.
    const halves = new Uint32Array(numbers.buffer);
    this.#encode(ids, halves, idBits, shared);
    numbers.sort();
    const code = this.#code;
    let groupStart = 0;
    let groupLow = halves[0]!;
    let groupHigh = halves[1]!;
    for (let place = 0; place < count; place++) {
      const low = halves[place * 2]!;
      const high = halves[place * 2 + 1]!;
      ids[place] = low & idMask;
      if (high === groupHigh && (low ^ groupLow) >>> idBits === 0) continue;
      if (place - groupStart > 1) this.#sortLater(start + groupStart, start + place, code.end);
      groupStart = place;
      groupLow = low;
      groupHigh = high;
    }
    this.#sortLater(start + groupStart, end, code.end);
  }

  /**
   * Keys miss the cache, so the code is learned from a sample, and from what the sample has missed, if that is little.
   */
  #encode(ids: Int32Array, halves: Uint32Array, idBits: number, shared: number): void {
    const code = this.#code;
    const codesMax = 2 ** Math.min(53, 64 - idBits);
    const sample = new Int32Array(sampleEntries + missesMax);
    // Steps of the golden section do not fall in with what may be periodic in the keys.
    for (let at = 0; at < sampleEntries; at++)
      sample[at] = ids[Math.floor(((at * 0.6180339887) % 1) * ids.length)]!;
    for (let misses = 0; misses < missesMax; misses++) {
      code.learnFrom(sample.subarray(0, sampleEntries + misses), shared, codesMax);
      const missed = this.#encodeAll(ids, halves, idBits);
      if (missed === -1) return;
      sample[sampleEntries + misses] = missed;
    }
    code.learn(ids, shared, codesMax);
    assert(this.#encodeAll(ids, halves, idBits) === -1, "a code knows the keys that it was learned from");
  }

  /** Returns an entry that the code does not know, or -1. */
  #encodeAll(ids: Int32Array, halves: Uint32Array, idBits: number): number {
    const code = this.#code;
    if (code.isWindow) return this.#encodeWindows(ids, halves);
    const lowCodes = 2 ** (32 - idBits);
    for (let place = 0; place < ids.length; place++) {
      const id = ids[place]!;
      const number = code.of(id);
      if (number < 0) return id;
      const high = Math.floor(number / lowCodes);
      halves[place * 2] = ((number - high * lowCodes) << idBits) | id;
      halves[place * 2 + 1] = high;
    }
    return -1;
  }

  #encodeWindows(ids: Int32Array, halves: Uint32Array): number {
    const entries = this.#entries;
    const bytes = this.#bytes;
    const code = this.#code;
    const { from } = code;
    for (let place = 0; place < ids.length; place++) {
      const id = ids[place]!;
      const chunk = entries.chunkOf(id);
      const keyStart = keyStartIn(chunk, id);
      if (keyLengthIn(chunk, id) < from + 4 || !code.sharesFirst(keyStart)) return id;
      halves[place * 2] = id;
      halves[place * 2 + 1] = bytes.readUInt32BE(keyStart + from);
    }
    return -1;
  }

  #insertionSort(start: number, end: number, shared: number): void {
    const ids = this.#ids;
    for (let at = start + 1; at < end; at++) {
      const entry = ids[at]!;
      let to = at;
      for (; to > start && this.#compare(ids[to - 1]!, entry, shared) > 0; to--) ids[to] = ids[to - 1]!;
      ids[to] = entry;
    }
  }

  #compare(a: number, b: number, shared: number): number {
    const entries = this.#entries;
    const aStart = entries.keyStart(a);
    const bStart = entries.keyStart(b);
    return compareKeys(
      this.#bytes,
      aStart + shared,
      aStart + entries.keyLength(a),
      this.#bytes,
      bStart + shared,
      bStart + entries.keyLength(b),
    );
  }
}
