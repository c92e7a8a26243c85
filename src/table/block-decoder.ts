import { keyBytesMax } from "../lib/limits.ts";
import { commonLength } from "./common-length.ts";
import { EntryHead, readVersion } from "./entry-head.ts";
import {
  blockBytesMax,
  checksumBytes,
  entryFlag,
  entryFlagsKnown,
  entryFlagsRange,
  restartCountBytes,
  restartInterval,
  restartOffsetBytes,
} from "./table-format.ts";
import { varintBytes } from "./varint.ts";

/** Shows every entry, whatever its version. */
export const allVersions = -1;

// The words of a decoded entry.
const entryWords = 4;
const keyStartWord = 0;
const keyEndWord = 1;
const valueStartWord = 2;
const lengthAndFlagsWord = 3;

/** An entry has at least four bytes, so a block of the usual size has at most this many. */
const entriesPerBlockMax = blockBytesMax / 4;

/**
 * Decodes a block at once, so that it can be walked either way: of each key the newest version that is not beyond a
 * limit, or all versions. Keys are made whole in a buffer; values stay where they are in the block.
 *
 * It holds a block to everything that the format says, in the course of it. Each byte of a key is written once and
 * shared by the fifteen entries behind it at most, so the keys of a block take no more than sixteen times its size.
 */
export class BlockDecoder {
  // Invariant: `count` entries are shown; the last key that was read lies at lastStart .. lastStart + lastLength of
  // `keys`; lastIsShown: a version of it was shown, in this block or one that this one continued.
  count = 0;
  keys: Buffer = Buffer.allocUnsafeSlow(2048);
  /** Of all entries of the block, whether they are shown or not. */
  entryCount = 0;
  tombstoneCount = 0;
  keyBytes = 0;
  valueBytes = 0;
  versionHighest = 0;
  /** Whether the first entry is one more version of the last key of the block that this one continues. */
  continuesKey = false;
  /** Where in the bytes, and why, the block can't be what a writer has written; set when decode returns false. */
  problem = "";
  problemAt = 0;
  #words: Int32Array = new Int32Array(64 * entryWords);
  #versions: Float64Array = new Float64Array(64);
  readonly #head = new EntryHead();
  #lastStart = 0;
  #lastLength = 0;
  #lastVersion = 0;
  #lastIsShown = false;
  readonly #versionMin: number;
  readonly #versionMax: number;

  /** The versions are those of the table's footer. */
  constructor(versionMin: number, versionMax: number) {
    this.#versionMin = versionMin;
    this.#versionMax = versionMax;
  }

  get memoryBytes(): number {
    return this.keys.length + this.#words.byteLength + this.#versions.byteLength;
  }

  keyStart(index: number): number {
    return this.#words[index * entryWords + keyStartWord]!;
  }

  keyEnd(index: number): number {
    return this.#words[index * entryWords + keyEndWord]!;
  }

  version(index: number): number {
    return this.#versions[index]!;
  }

  isTombstone(index: number): boolean {
    return (this.#words[index * entryWords + lengthAndFlagsWord]! & entryFlag.tombstone) !== 0;
  }

  valueStart(index: number): number {
    return this.#words[index * entryWords + valueStartWord]!;
  }

  valueEnd(index: number): number {
    const at = index * entryWords;
    return this.#words[at + valueStartWord]! + (this.#words[at + lengthAndFlagsWord]! >>> 2);
  }

  /**
   * Decodes the block `bytes[start .. end)`. `continues`: it follows the block that was decoded last, with the same
   * limit; else nothing is known of the key before it. Returns false if the block is malformed; then nothing of it
   * is shown, and no block continues it.
   */
  decode(bytes: Buffer, start: number, end: number, versionLimit: number, continues: boolean): boolean {
    this.#carry(continues);
    let { keys } = this;
    let words = this.#words;
    let lastStart = this.#lastStart;
    let lastLength = this.#lastLength;
    let lastVersion = this.#lastVersion;
    let lastIsShown = this.#lastIsShown;
    let keysEnd = lastLength;
    let count = 0;
    let entryCount = 0;
    let tombstoneCount = 0;
    let keyBytes = 0;
    let valueBytes = 0;
    let versionHighest = 0;
    let continuesKey = false;

    const restartCountAt = end - restartCountBytes - checksumBytes;
    const restartCount = bytes.readUInt16BE(restartCountAt);
    const restartsAt = restartCountAt - restartCount * restartOffsetBytes;
    if (restartCount === 0 || restartsAt <= start) return this.#refuse(restartCountAt, "it has no restarts");
    // The four zeros of the first restart also stop a number that goes on beyond the entries.
    if (bytes.readUInt32BE(restartsAt) !== 0) return this.#refuse(restartsAt, "its first restart is not 0");
    const entriesMax = end - start > blockBytesMax ? 1 : entriesPerBlockMax;

    const head = this.#head;
    let at = start;
    while (at < restartsAt) {
      const entryAt = at;
      if (entryCount === entriesMax) return this.#refuse(entryAt, "it holds more entries than it may");
      at = head.readLengths(bytes, at, restartsAt);
      if (at === -1) return this.#refuse(entryAt, notANumber);
      const { shared, unshared, lengthAndFlags } = head;
      const versionAbove = readVersion(bytes, at, restartsAt);
      if (versionAbove === -1) return this.#refuse(entryAt, notANumber);
      at += varintBytes(versionAbove);

      const version = this.#versionMin + versionAbove;
      const keyLength = shared + unshared;
      const valueLength = lengthAndFlags >>> 2;
      const tailStart = at;
      const valueStart = tailStart + unshared;
      at = valueStart + valueLength;
      if (at > restartsAt) return this.#refuse(entryAt, "an entry does not end before the restarts");
      if (shared > lastLength) return this.#refuse(entryAt, "a key shares more than the one before has");
      if (keyLength === 0 || keyLength > keyBytesMax)
        return this.#refuse(entryAt, "a key has no valid length");
      if (version > this.#versionMax) return this.#refuse(entryAt, "a version is beyond the table's");
      if ((lengthAndFlags & flagsMask) !== 0) {
        if ((lengthAndFlags & flagsMask & ~entryFlagsKnown) !== 0)
          return this.#refuse(entryAt, "a flag is unknown");
        if (valueLength !== 0) return this.#refuse(entryAt, "a tombstone has a value");
        tombstoneCount++;
      }
      if (entryCount % restartInterval === 0) {
        const restart = entryCount / restartInterval;
        if (shared !== 0 || restart >= restartCount) return this.#refuse(entryAt, "a restart is missing");
        if (bytes.readUInt32BE(restartsAt + restart * restartOffsetBytes) !== entryAt - start) {
          return this.#refuse(restartsAt + restart * restartOffsetBytes, "a restart is elsewhere");
        }
      }

      const lengthBefore = lastLength - shared;
      const comparable = lengthBefore < unshared ? lengthBefore : unshared;
      const common = commonLength(bytes, tailStart, keys, lastStart + shared, comparable);
      if (common < unshared) {
        if (common < comparable && bytes[tailStart + common]! < keys[lastStart + shared + common]!) {
          return this.#refuse(entryAt, "its keys do not ascend");
        }
        if (keysEnd + keyLength + overshoot > keys.length) keys = this.#growKeys(keysEnd + keyLength);
        copyWords(keys, keysEnd, keys, lastStart, shared);
        copyWords(keys, keysEnd + shared, bytes, tailStart, unshared);
        lastStart = keysEnd;
        lastLength = keyLength;
        lastIsShown = false;
        keysEnd += keyLength;
      } else if (common < lengthBefore) return this.#refuse(entryAt, "its keys do not ascend");
      else if (version >= lastVersion) return this.#refuse(entryAt, "the versions of a key do not descend");
      else if (entryCount === 0) continuesKey = true;
      lastVersion = version;
      entryCount++;
      keyBytes += keyLength;
      valueBytes += valueLength;
      if (version > versionHighest) versionHighest = version;

      if (versionLimit === allVersions || (!lastIsShown && version <= versionLimit)) {
        const word = count * entryWords;
        if (word === words.length) words = this.#growEntries();
        words[word + keyStartWord] = lastStart;
        words[word + keyEndWord] = lastStart + keyLength;
        words[word + valueStartWord] = valueStart;
        words[word + lengthAndFlagsWord] = lengthAndFlags;
        this.#versions[count] = version;
        lastIsShown = true;
        count++;
      }
    }
    if (restartCount !== Math.ceil(entryCount / restartInterval)) {
      return this.#refuse(restartCountAt, "it has more restarts than entries ask for");
    }

    this.count = count;
    this.entryCount = entryCount;
    this.tombstoneCount = tombstoneCount;
    this.keyBytes = keyBytes;
    this.valueBytes = valueBytes;
    this.versionHighest = versionHighest;
    this.continuesKey = continuesKey;
    this.#lastStart = lastStart;
    this.#lastLength = lastLength;
    this.#lastVersion = lastVersion;
    this.#lastIsShown = lastIsShown;
    return true;
  }

  /** Puts the last key of the block before where the next block's keys begin, or forgets it. */
  #carry(continues: boolean): void {
    if (continues) this.keys.copyWithin(0, this.#lastStart, this.#lastStart + this.#lastLength);
    else {
      // The empty key, which no entry has, comes before all others.
      this.#lastLength = 0;
      this.#lastIsShown = false;
    }
    this.#lastStart = 0;
  }

  #refuse(at: number, problem: string): false {
    this.problem = problem;
    this.problemAt = at;
    this.count = 0;
    this.#lastLength = 0;
    this.#lastIsShown = false;
    return false;
  }

  #growKeys(bytesNeeded: number): Buffer {
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.keys.length, bytesNeeded + overshoot));
    this.keys.copy(grown);
    this.keys = grown;
    return grown;
  }

  #growEntries(): Int32Array {
    const words: Int32Array = new Int32Array(2 * this.#words.length);
    words.set(this.#words);
    this.#words = words;
    const versions = new Float64Array(2 * this.#versions.length);
    versions.set(this.#versions);
    this.#versions = versions;
    return words;
  }
}

const notANumber = "a number does not end, is not in its shortest form, or is too large";
const flagsMask = entryFlagsRange - 1;

/** Short keys are copied four bytes at a time, and the last time up to three bytes too many. */
const overshoot = 4;
/** From this length on a native call, which costs 11 ns before it copies a byte, is quicker. */
const callBytesMin = 64;

/** Copies `length` bytes, and up to three more, which are there to be read and are not needed where they go. */
function copyWords(target: Buffer, at: number, source: Buffer, start: number, length: number): void {
  if (length >= callBytesMin) source.copy(target, at, start, start + length);
  else
    for (let done = 0; done < length; done += 4)
      target.writeInt32LE(source.readInt32LE(start + done), at + done);
}
