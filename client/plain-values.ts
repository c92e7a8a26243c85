import type { Buffer } from "node:buffer";
import { valueDepthMax } from "../src/lib/limits.ts";
import { readText } from "./text-values.ts";

/** What `readPlainValue` answers for bytes that it leaves to others: no value that it could read is this. */
export const notPlain: unique symbol = Symbol("not plain");

/**
 * Reads a msgpack value of what JSON knows, too: null, booleans, numbers, text, arrays, and objects by text. That is
 * nearly every value, and read at twice the speed of a reader that is ready for extensions. Whatever is not in order
 * or not of these kinds is `notPlain`, as a whole; why, and whether it is a value at all, the complete reader says.
 *
 * The bytes may be anybody's: nothing is read beyond the range, no count is believed beyond the bytes that are left,
 * and nesting has its bound. What is returned refers to none of the bytes.
 */
export function readPlainValue(source: Buffer, start: number, end: number): unknown {
  bytes = source;
  offset = start;
  limit = end;
  const value = readValue(valueDepthMax);
  bytes = nothing;
  return offset === end ? value : notPlain;
}

// The range that is being read. Reading calls nothing that could read another one meanwhile.
const nothing = new Uint8Array(0) as Buffer;
let bytes: Buffer = nothing;
let offset = 0;
let limit = 0;

function readValue(depthLeft: number): unknown {
  if (offset >= limit) return notPlain;
  const head = bytes[offset++]!;
  if (head < 0x80) return head;
  if (head < 0x90) return readObject(head & 0x0f, depthLeft);
  if (head < 0xa0) return readArray(head & 0x0f, depthLeft);
  if (head < 0xc0) return readString(head & 0x1f);
  if (head >= 0xe0) return head - 0x100;
  const size = sizes[head]!;
  const at = offset;
  if (size > limit - at) return notPlain;
  offset = at + size;
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xca:
      return bytes.readFloatBE(at);
    case 0xcb:
      return bytes.readDoubleBE(at);
    case 0xcc:
      return bytes[at]!;
    case 0xcd:
      return uint16(at);
    case 0xce:
      return uint32(at);
    case 0xd0:
      return (bytes[at]! << 24) >> 24;
    case 0xd1:
      return (uint16(at) << 16) >> 16;
    case 0xd2:
      return uint32(at) | 0;
    case 0xd9:
      return readString(bytes[at]!);
    case 0xda:
      return readString(uint16(at));
    case 0xdb:
      return readString(uint32(at));
    case 0xdc:
      return readArray(uint16(at), depthLeft);
    case 0xdd:
      return readArray(uint32(at), depthLeft);
    case 0xde:
      return readObject(uint16(at), depthLeft);
    case 0xdf:
      return readObject(uint32(at), depthLeft);
    default:
      return notPlain;
  }
}

function readString(length: number): string | typeof notPlain {
  const start = offset;
  if (length > limit - start) return notPlain;
  offset = start + length;
  return readText(bytes, start, offset);
}

function readArray(length: number, depthLeft: number): unknown {
  // An element takes a byte at least.
  if (length > limit - offset || depthLeft === 0) return notPlain;
  const array: unknown[] = [];
  for (let index = 0; index < length; index++) {
    const element = readValue(depthLeft - 1);
    if (element === notPlain) return notPlain;
    array.push(element);
  }
  return array;
}

function readObject(size: number, depthLeft: number): unknown {
  if (size > (limit - offset) / 2 || depthLeft === 0) return notPlain;
  const object: Record<string, unknown> = {};
  for (let index = 0; index < size; index++) {
    const name = readName();
    // Assigning to this one would set the prototype.
    if (name === notPlain || name === "__proto__") return notPlain;
    const value = readValue(depthLeft - 1);
    if (value === notPlain) return notPlain;
    object[name] = value;
  }
  return object;
}

/** The name of a property. Most objects have the same few, so the texts are kept, and compared with the bytes. */
function readName(): string | typeof notPlain {
  if (offset >= limit) return notPlain;
  const head = bytes[offset++]!;
  if (head < 0xa0 || head >= 0xc0) {
    if (head !== 0xd9 || offset >= limit) return notPlain;
    return readString(bytes[offset++]!);
  }
  const length = head & 0x1f;
  const start = offset;
  if (length > limit - start) return notPlain;
  let hash = length;
  for (let index = 0; index < length; index++) hash = (hash * 31 + bytes[start + index]!) | 0;
  const place = hash & (names.length - 1);
  const known = names[place]!;
  if (known.length === length && isAt(known, start)) {
    offset = start + length;
    return known;
  }
  const name = readString(length);
  names[place] = name as string;
  return name;
}

/** Whether the bytes there are this text, which has as many units: only one of pure ASCII can be. */
function isAt(text: string, start: number): boolean {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit !== bytes[start + index] || unit >= 0x80) return false;
  }
  return true;
}

/** One text for each place that a hash leads to: the one that was read last. A name has 31 bytes at most. */
const names: string[] = new Array<string>(1024).fill("");

/** How many bytes of number, or of length, follow a head. */
const sizes = new Uint8Array(0x100);
for (const [head, size] of [
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
  [0xdc, 2],
  [0xdd, 4],
  [0xde, 2],
  [0xdf, 4],
] as const) {
  sizes[head] = size;
}

function uint16(at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function uint32(at: number): number {
  return uint16(at) * 0x1_0000 + uint16(at + 2);
}
