import { assert } from "../lib/assert.ts";

/**
 * Numbers of up to 53 bits in as few bytes as they need: seven bits a byte, the lowest first, and the high bit set
 * in all bytes but the last. Only the shortest form is valid, so a number has one form and its length is known
 * from its value: a reader goes on at `at + varintBytes(value)`, and nothing needs an object to return both.
 */
export const varintBytesMax = 8;

/** How many bytes the number takes. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let bytes = 5;
  for (let bound = 2 ** 35; value >= bound; bound *= 128) bytes++;
  return bytes;
}

/** Writes the number at `at` and returns where it ends. */
export function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  // Above 31 bits the operators on bits would cut the number.
  while (rest >= 0x8000_0000) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at] = rest;
  return at + 1;
}

/** Reads the number at `at`, or returns -1: it does not end before `end`, has a longer form, or more than 53 bits. */
export function readVarint(bytes: Buffer, at: number, end: number): number {
  if (at >= end) return -1;
  const first = bytes[at]!;
  return first < 0x80 ? first : readLongVarint(bytes, at, end);
}

function readLongVarint(bytes: Buffer, at: number, end: number): number {
  assert(end <= bytes.length, "a varint is read inside its buffer");
  const last = at + varintBytesMax < end ? at + varintBytesMax : end;
  let value = 0;
  let unit = 1;
  for (let next = at; next < last; next++) {
    const byte = bytes[next]!;
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return byte === 0 || value > Number.MAX_SAFE_INTEGER ? -1 : value;
    unit *= 128;
  }
  return -1;
}
