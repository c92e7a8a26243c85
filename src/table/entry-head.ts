import { valueBytesMax } from "../lib/limits.ts";
import { entryFlagsRange } from "./table-format.ts";
import { readVarint, varintBytes } from "./varint.ts";

/**
 * The numbers that an entry begins with, for who walks over the entries of a block. The usual forms, one byte for
 * each length of a key and two for that of a value, are read at once.
 *
 * Behind the entries lie the four zeros of the first restart, which whoever walks has checked: so a byte too far
 * still lies in the block, and a number never goes on beyond them. Whether the entry does, its reader looks at.
 */
export class EntryHead {
  shared = 0;
  unshared = 0;
  lengthAndFlags = 0;

  /** Reads the three at `at`, before the version, and returns where they end; or -1: they are no valid numbers. */
  readLengths(bytes: Buffer, at: number, entriesEnd: number): number {
    const shared = bytes[at]!;
    const unshared = bytes[at + 1]!;
    const first = bytes[at + 2]!;
    const second = bytes[at + 3]!;
    if (shared >= 0x80 || unshared >= 0x80) return this.#readLong(bytes, at, entriesEnd);
    this.shared = shared;
    this.unshared = unshared;
    if (first < 0x80) {
      this.lengthAndFlags = first;
      return at + 3;
    }
    if (second >= 0x80 || second === 0) return this.#readLong(bytes, at, entriesEnd);
    this.lengthAndFlags = (first & 0x7f) | (second << 7);
    return at + 4;
  }

  #readLong(bytes: Buffer, at: number, entriesEnd: number): number {
    this.shared = readVarint(bytes, at, entriesEnd);
    if (this.shared === -1) return -1;
    const unsharedAt = at + varintBytes(this.shared);
    this.unshared = readVarint(bytes, unsharedAt, entriesEnd);
    if (this.unshared === -1) return -1;
    const lengthAt = unsharedAt + varintBytes(this.unshared);
    this.lengthAndFlags = readVarint(bytes, lengthAt, entriesEnd);
    if (this.lengthAndFlags === -1 || this.lengthAndFlags > lengthAndFlagsMax) return -1;
    return lengthAt + varintBytes(this.lengthAndFlags);
  }
}

const lengthAndFlagsMax = valueBytesMax * entryFlagsRange + entryFlagsRange - 1;

/** Reads an entry's version, or returns -1: the same as readVarint, quicker for numbers of two to four bytes. */
export function readVersion(bytes: Buffer, at: number, entriesEnd: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return first;
  let byte = bytes[at + 1]!;
  let value = (first & 0x7f) | ((byte & 0x7f) << 7);
  if (byte >= 0x80) {
    byte = bytes[at + 2]!;
    value |= (byte & 0x7f) << 14;
    if (byte >= 0x80) {
      byte = bytes[at + 3]!;
      value |= (byte & 0x7f) << 21;
    }
  }
  return byte === 0 || byte >= 0x80 ? readVarint(bytes, at, entriesEnd) : value;
}
