import { compareKeys } from "../memtable/compare-keys.ts";
import { commonLength } from "./common-length.ts";
import { EntryHead } from "./entry-head.ts";
import {
  checksumBytes,
  entryFlag,
  entryFlagsKnown,
  entryFlagsRange,
  restartCountBytes,
  restartOffsetBytes,
} from "./table-format.ts";
import { readVarint, varintBytes } from "./varint.ts";

/** What a search in one block has come to. */
export const found = 1;
export const absent = 0;
/** The block ends with the key, in versions that are too new: older ones may follow in the next block. */
export const endsWithKey = 2;
/** The block can't be what a writer has written, though its checksum matches. */
export const malformed = 3;

/**
 * Finds one key in a block, without making any key whole: of the key before, it is enough to know how many bytes
 * the key sought has in common with it. An entry that shares more with the one before is still less; one that
 * shares as much is compared from there on.
 *
 * Whatever the bytes are, nothing outside the block is read, and every step goes forward: the first restart offset,
 * four zeros behind the entries, stops a number that would go beyond them.
 */
export class BlockSearch {
  // What was found. Ranges of the bytes that were searched.
  version = 0;
  isTombstone = false;
  valueStart = 0;
  valueEnd = 0;
  /** Whether the block has the key at all, in whichever version. */
  sawKey = false;
  readonly #head = new EntryHead();
  readonly #versionMin: number;
  readonly #versionMax: number;

  /** The versions are those of the table's footer. */
  constructor(versionMin: number, versionMax: number) {
    this.#versionMin = versionMin;
    this.#versionMax = versionMax;
  }

  /** Searches the block `bytes[start .. end)` for the newest version of the key up to `versionLimit`. */
  find(
    bytes: Buffer,
    start: number,
    end: number,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    versionLimit: number,
  ): number {
    const restartCountAt = end - restartCountBytes - checksumBytes;
    const restartCount = bytes.readUInt16BE(restartCountAt);
    const restartsAt = restartCountAt - restartCount * restartOffsetBytes;
    if (restartCount === 0 || restartsAt <= start || bytes.readUInt32BE(restartsAt) !== 0) return malformed;
    let at = start;
    if (restartCount > 1) {
      at = restartBefore(bytes, start, restartsAt, restartCount, key, keyStart, keyEnd);
      if (at === -1) return malformed;
    }

    return this.findFrom(bytes, at, restartsAt, 0, 0, key, keyStart, keyEnd, versionLimit);
  }

  /**
   * The same from an entry on that lies behind all lesser keys but some: of the key before it, which is less, the first
   * `matched` bytes are those of the key sought and no more, and it has `lengthBefore`. At a restart both may be 0.
   */
  findFrom(
    bytes: Buffer,
    at: number,
    restartsAt: number,
    matched: number,
    lengthBefore: number,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    versionLimit: number,
  ): number {
    this.sawKey = false;
    const head = this.#head;
    const keyLength = keyEnd - keyStart;
    while (at < restartsAt) {
      at = head.readLengths(bytes, at, restartsAt);
      if (at === -1) return malformed;
      const { shared, unshared, lengthAndFlags } = head;
      const versionAt = at;
      while (bytes[at]! >= 0x80) at++;
      at++;
      const tailEnd = at + unshared;
      const valueEnd = tailEnd + (lengthAndFlags >>> 2);
      if (valueEnd > restartsAt || shared > lengthBefore) return malformed;
      lengthBefore = shared + unshared;

      if (shared <= matched) {
        // At a restart nothing is shared, whatever the keys have in common.
        const comparable = keyLength - shared < unshared ? keyLength - shared : unshared;
        const common = commonLength(bytes, at, key, keyStart + shared, comparable);
        matched = shared + common;
        if (common === unshared) {
          if (matched === keyLength) {
            this.sawKey = true;
            const version = this.#versionMin + readVarint(bytes, versionAt, at);
            if (version < this.#versionMin || version > this.#versionMax) return malformed;
            if (version <= versionLimit) return this.#take(version, lengthAndFlags, tailEnd, valueEnd);
          }
        } else if (matched === keyLength || bytes[at + common]! > key[keyStart + matched]!) return absent;
      }
      at = valueEnd;
    }
    return this.sawKey ? endsWithKey : absent;
  }

  #take(version: number, lengthAndFlags: number, valueStart: number, valueEnd: number): number {
    const flags = lengthAndFlags % entryFlagsRange;
    this.isTombstone = (flags & entryFlag.tombstone) !== 0;
    if ((flags & ~entryFlagsKnown) !== 0 || (this.isTombstone && valueStart !== valueEnd)) return malformed;
    this.version = version;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
    return found;
  }
}

/**
 * Where the last restart lies whose key is less than the one sought, or the first restart; -1: malformed. A restart
 * with the key itself won't do: newer versions may lie before it.
 */
function restartBefore(
  bytes: Buffer,
  start: number,
  restartsAt: number,
  restartCount: number,
  key: Buffer,
  keyStart: number,
  keyEnd: number,
): number {
  let low = 0;
  let high = restartCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    let at = start + bytes.readUInt32BE(restartsAt + middle * restartOffsetBytes);
    if (at >= restartsAt || bytes[at] !== 0) return -1;
    at++;
    let length = bytes[at]!;
    if (length < 0x80) at++;
    else {
      length = readVarint(bytes, at, restartsAt);
      if (length === -1) return -1;
      at += varintBytes(length);
    }
    while (bytes[at]! >= 0x80) at++;
    at++;
    while (bytes[at]! >= 0x80) at++;
    at++;
    if (at + length > restartsAt) return -1;
    if (compareKeys(bytes, at, at + length, key, keyStart, keyEnd) < 0) low = middle;
    else high = middle - 1;
  }
  return start + bytes.readUInt32BE(restartsAt + low * restartOffsetBytes);
}
