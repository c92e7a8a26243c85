import type { Buffer } from "node:buffer";
import { valueDepthMax } from "../src/lib/limits.ts";

/**
 * What a msgpack value of Holdfast's clients is, checked on both sides. Both throw a TypeError that says what is
 * wrong; what `checkStorable` lets pass is written as bytes that `checkMsgpack` lets pass.
 */

/** Whether a value comes back as what it is. */
export function checkStorable(value: unknown, depth = 0): void {
  switch (typeof value) {
    case "function":
    case "symbol":
      throw new TypeError(`a ${typeof value} cannot be stored`);
    case "bigint":
      if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value)
        throw new TypeError("a bigint of more than 64 bits cannot be stored; store its text");
      return;
    case "object":
      if (value !== null) checkObject(value, depth);
  }
}

function checkObject(value: object, depth: number): void {
  if (depth === valueDepthMax)
    throw new TypeError(`it nests deeper than ${valueDepthMax}, or holds itself; store a flatter value`);
  if (Array.isArray(value)) {
    for (const element of value) checkStorable(element, depth + 1);
    return;
  }
  if (value.constructor !== Object) {
    if (value instanceof Uint8Array) return;
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw new TypeError("an invalid Date cannot be stored");
      return;
    }
    refuseForeign(value);
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return;
  for (const key in value) {
    // Readers rename it, so that it changes no prototype: what was stored would come back as another property.
    if (key === "__proto__") throw new TypeError("a property named __proto__ cannot be stored");
    checkStorable((value as Record<string, unknown>)[key], depth + 1);
  }
}

/** Classes whose instances would be written as something else, or as nothing. */
function refuseForeign(value: object): void {
  for (const [foreign, advice] of foreignClasses) {
    if (value instanceof foreign) throw new TypeError(`a ${foreign.name} cannot be stored; ${advice}`);
  }
  if (ArrayBuffer.isView(value)) {
    throw new TypeError(
      `a ${value.constructor.name} cannot be stored; store a Uint8Array over its bytes, or an array`,
    );
  }
}

const foreignClasses = [
  [Map, "store an object or an array of entries"],
  [Set, "store an array"],
  [Error, "store an object with its name and message"],
  [RegExp, "store its source and flags"],
  [ArrayBuffer, "store a Uint8Array over it"],
  [Promise, "await it first"],
] as const;

const fixedSizes = new Uint8Array(0x100);
for (const [head, size] of [
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
] as const) {
  fixedSizes[head] = size;
}

/** Elements left of each container around the one that is being read. Reading never calls out, so one is enough. */
const remainingOuter = new Uint32Array(valueDepthMax);

/**
 * Whether the range is one whole msgpack value without extensions other than timestamps. It follows no nesting by
 * calling itself, and believes no count beyond the bytes that are left: the bytes may be anybody's.
 */
export function checkMsgpack(bytes: Buffer, start: number, end: number): void {
  let offset = start;
  let depth = 0;
  let remaining = 1;
  for (;;) {
    while (remaining === 0) {
      if (depth === 0) {
        if (offset !== end) throw malformed("more bytes than one value", offset - start);
        return;
      }
      remaining = remainingOuter[--depth]!;
    }
    remaining--;
    if (offset >= end) throw malformed("an unfinished value", offset - start);
    const head = bytes[offset++]!;
    if (head < 0x80 || head >= 0xe0) continue;

    let elements = 0;
    if (head < 0xa0) {
      elements = head < 0x90 ? (head & 0x0f) * 2 : head & 0x0f;
    } else if (head < 0xc0) {
      offset += head & 0x1f;
    } else if (head === 0xc0 || head === 0xc2 || head === 0xc3) {
      continue;
    } else if (fixedSizes[head]! > 0) {
      offset += fixedSizes[head]!;
    } else if (head >= 0xdc) {
      const count = head & 1 ? readUint32(bytes, offset, end) : readUint16(bytes, offset, end);
      offset += head & 1 ? 4 : 2;
      elements = head >= 0xde ? count * 2 : count;
    } else if (head === 0xc4 || head === 0xd9) {
      offset += 1 + (offset < end ? bytes[offset]! : 0);
    } else if (head === 0xc5 || head === 0xda) {
      offset += 2 + readUint16(bytes, offset, end);
    } else if (head === 0xc6 || head === 0xdb) {
      offset += 4 + readUint32(bytes, offset, end);
    } else {
      offset += timestampBytes(bytes, head, offset, end, offset - 1 - start);
    }

    if (offset > end) throw malformed("an unfinished value", offset - start);
    if (elements > 0) {
      if (elements > end - offset) throw malformed("more elements than bytes", offset - start);
      if (depth === valueDepthMax) throw malformed(`nesting deeper than ${valueDepthMax}`, offset - start);
      remainingOuter[depth++] = remaining;
      remaining = elements;
    }
  }
}

/** The bytes behind the head of a timestamp, the one extension there is (type -1, of 4, 8 or 12 bytes). */
function timestampBytes(bytes: Buffer, head: number, offset: number, end: number, position: number): number {
  if (head === 0xd6 && offset < end && bytes[offset] === 0xff) return 5;
  if (head === 0xd7 && offset < end && bytes[offset] === 0xff) return 9;
  if (head === 0xc7 && offset + 1 < end && bytes[offset] === 12 && bytes[offset + 1] === 0xff) return 14;
  throw malformed(`0x${head.toString(16)}, which no client of Holdfast writes,`, position);
}

function readUint16(bytes: Buffer, offset: number, end: number): number {
  return offset + 2 > end ? 0 : (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function readUint32(bytes: Buffer, offset: number, end: number): number {
  if (offset + 4 > end) return 0;
  return (
    bytes[offset]! * 0x100_0000 +
    ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!)
  );
}

function malformed(what: string, position: number): TypeError {
  return new TypeError(`the bytes are no msgpack value: ${what} at byte ${position}`);
}
