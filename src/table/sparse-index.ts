import { EntryHead } from "./entry-head.ts";
import { headBytes, headOfNumber, keyHead } from "./key-head.ts";
import { checksumBytes, restartCountBytes, restartOffsetBytes } from "./table-format.ts";

/**
 * For each slot of the cache some keys of the block in it, and where the entries behind them begin: so a search begins
 * next to where it ends. Going by the restarts it comes by some ten lines of memory, each as far away as the one before
 * it, and waits for them were four fifths of a look-up.
 *
 *     of a slot   state | skip and end | 15 heads | 15 places        32 numbers, two lines of the processor's cache
 *
 *     head        the four bytes of a key behind what the block's keys all begin with, as a signed number
 *     place       where in the block the entry behind that key begins, and the key's length
 *
 * The heads tell how many bytes such a key has in common with the one sought, and that is all that a search has to
 * know of the entries before (BlockSearch). So the format of a table knows nothing of it. A block gets its own when it
 * is looked up again: most blocks of a store that is larger than the cache never are.
 */
export class SparseIndex {
  // Where the last call of `seek` says that a search begins: offset, and what BlockSearch#findFrom has to know.
  at = 0;
  matched = 0;
  lengthBefore = 0;
  readonly #numbers: Int32Array;
  readonly #entry = new EntryHead();

  constructor(slotCount: number) {
    this.#numbers = new Int32Array(slotCount * numbersEach);
  }

  get memoryBytes(): number {
    return this.#numbers.byteLength;
  }

  /** Another block comes into the slot. Nobody asks for one before any has come. */
  forget(slot: number): void {
    this.#numbers[slot * numbersEach] = unknown;
  }

  isKnown(slot: number): boolean {
    return this.#numbers[slot * numbersEach] !== unknown;
  }

  /** Where the entries of the block end, as an offset in it. */
  entriesEnd(slot: number): number {
    return this.#numbers[slot * numbersEach + 1]! & endMask;
  }

  /**
   * Takes in the block `bytes[start .. end)`, all keys of which begin with the same `skip` bytes. What is no block is
   * passed over, for the search in it to complain of.
   */
  learn(slot: number, bytes: Buffer, start: number, end: number, skip: number): void {
    const base = slot * numbersEach;
    const numbers = this.#numbers;
    numbers[base] = useless;
    const restartCountAt = end - restartCountBytes - checksumBytes;
    const entriesEnd = restartCountAt - bytes.readUInt16BE(restartCountAt) * restartOffsetBytes;
    if (entriesEnd <= start || bytes.readUInt32BE(entriesEnd) !== 0) return;
    const apart = Math.ceil((entriesEnd - start) / (headsMax + 1));
    const entry = this.#entry;
    let count = 0;
    let head = 0;
    let lengthBefore = 0;
    let nextAt = start + apart;
    for (let at = start; at < entriesEnd;) {
      at = entry.readLengths(bytes, at, entriesEnd);
      if (at === -1) return;
      const { shared, unshared, lengthAndFlags } = entry;
      while (bytes[at]! >= 0x80) at++;
      at++;
      const entryEnd = at + unshared + (lengthAndFlags >>> 2);
      if (entryEnd > entriesEnd || shared > lengthBefore) return;
      const length = shared + unshared;
      // Bytes that the key has in common with the one before it are in the head already.
      for (let place = Math.max(0, shared - skip); place < headBytes; place++) {
        const from = skip + place - shared;
        const shift = 8 * (headBytes - 1 - place);
        const byte = from < unshared ? bytes[at + from]! : 0;
        head = (head & ~(0xff << shift)) | (byte << shift);
      }
      if (entryEnd >= nextAt && entryEnd < entriesEnd && count < headsMax) {
        numbers[base + headsAt + count] = headOfNumber(head);
        numbers[base + placesAt + count] = (length << endBits) | (entryEnd - start);
        count++;
        nextAt = entryEnd + apart;
      }
      lengthBefore = length;
      at = entryEnd;
    }
    numbers[base + 1] = (skip << endBits) | (entriesEnd - start);
    numbers[base] = count;
  }

  /**
   * Where the search for this key begins in the block of a known slot: at the first entry, or behind the last known
   * key that is less. False: there is nothing to be told, for the block is none, or too many keys have the same head.
   */
  seek(slot: number, key: Buffer, keyStart: number, keyEnd: number): boolean {
    const base = slot * numbersEach;
    const numbers = this.#numbers;
    const count = numbers[base]!;
    if (count === useless) return false;
    const skip = numbers[base + 1]! >>> endBits;
    const head = keyHead(key, keyStart + skip, keyEnd);
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (numbers[base + headsAt + middle]! < head) low = middle + 1;
      else high = middle;
    }
    // One of them may be the key itself, and newer versions of it lie before; several would make the walk a long one.
    if (low + 1 < count && numbers[base + headsAt + low + 1] === head) return false;
    if (low === 0) {
      this.at = this.matched = this.lengthBefore = 0;
      return true;
    }
    const place = numbers[base + placesAt + low - 1]!;
    this.at = place & endMask;
    // Of a key that ends before its head does, zeros may be counted that it does not have. No entry shares these.
    this.matched = skip + (Math.clz32(numbers[base + headsAt + low - 1]! ^ head) >>> 3);
    this.lengthBefore = place >>> endBits;
    return true;
  }
}

const headsMax = 15;
const numbersEach = 2 + 2 * headsMax;
const headsAt = 2;
const placesAt = headsAt + headsMax;

// States below zero; else it is the number of heads.
const unknown = -1;
const useless = -2;

/** Offsets go up to the 4096 bytes of a slot, lengths of keys up to 65,535. */
const endBits = 13;
const endMask = (1 << endBits) - 1;
