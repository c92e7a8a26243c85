import { Buffer } from "node:buffer";
import { randomBelow, type Random } from "../../../src/lib/random.ts";

/** A payload inside a larger buffer, which may grow up to `limit`. */
export interface MutableFrame {
  bytes: Buffer;
  start: number;
  end: number;
  limit: number;
}

/**
 * Changes a frame in place, in one way that respects what it is made of: elements are left out, said twice,
 * exchanged or put in; numbers, counts and lengths lie; heads get longer forms of the same; or bytes are just
 * broken. `heads` are the places of elements in the frame as it first was: after other changes they are
 * places like any others.
 */
export function mutateElements(
  frame: MutableFrame,
  heads: Int32Array,
  elements: readonly Buffer[],
  other: Buffer,
  random: Random,
): void {
  const { bytes, start, end } = frame;
  if (end === start) return;
  const index = randomBelow(random, heads.length);
  const at = Math.min(start + heads[index]!, end - 1);
  const next = Math.min(index + 1 < heads.length ? start + heads[index + 1]! : end, end);
  const any = start + randomBelow(random, end - start);
  const element = () => elements[randomBelow(random, elements.length)]!;
  switch (randomBelow(random, 16)) {
    case 0: // One bit is flipped.
      bytes[any]! ^= 1 << randomBelow(random, 8);
      return;
    case 1: // A head becomes any other.
      bytes[at] = randomBelow(random, 256);
      return;
    case 2: // Any byte becomes a head that means something.
      bytes[any] = telling[randomBelow(random, telling.length)]!;
      return;
    case 3: // The end is missing.
      frame.end = any;
      return;
    case 4: // An element is missing.
      return replace(frame, at, next, nothing);
    case 5: // An element comes twice.
      return replace(frame, at, at, bytes.slice(at, Math.min(next, at + elementBytesMax)));
    case 6: // One more element is there; half the time the message counts it.
      if (randomBelow(random, 2) === 0) bytes[start]!++;
      return replace(frame, at, at, element());
    case 7: // An element is another one.
    case 8:
      return replace(frame, at, next, element());
    case 9: // The same in a longer form, which readers accept.
    case 10:
      return widen(frame, at, random);
    case 11: // A head counts one more, or one less.
      bytes[at]! += randomBelow(random, 2) === 0 ? 1 : -1;
      return;
    case 12: // What follows a head, a length or a number, is one at which something ends.
      return writeEdge(frame, at + 1, random);
    case 13: // A number of any width, with a value at an edge, where an element was.
      return replace(frame, at, next, numbers[randomBelow(random, numbers.length)]!);
    case 14: {
      // Goes on as another message does.
      const from = randomBelow(random, other.length);
      return replace(frame, at, end, other.subarray(from));
    }
    default: // Bytes follow the end, or the message counts one more or less than there are.
      if (randomBelow(random, 2) === 0) return replace(frame, end, end, element());
      bytes[start]! += randomBelow(random, 2) === 0 ? 1 : -1;
  }
}

const elementBytesMax = 400;
const nothing: readonly number[] = [];

/** The bytes that mean something in msgpack: heads of every kind, and the edges of lengths. */
const telling = [
  0x00, 0x01, 0x0d, 0x0e, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x93, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3,
  0xc4, 0xc5, 0xc6, 0xc7, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc,
  0xdd, 0xde, 0xdf, 0xe0, 0xff,
];

/** Unsigned integers at the edges of their forms, each in every form that holds it, and beyond 2^53 - 1. */
const numbers: readonly Buffer[] = [
  ...[0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 2 ** 32, 2 ** 53 - 1].flatMap(
    (value) =>
      [1, 2, 4, 8]
        .filter((width) => value < 256 ** width)
        .map((width) => numbered(0xcc, BigInt(value), width)),
  ),
  numbered(0xcc, 2n ** 53n, 8),
  numbered(0xcc, 2n ** 64n - 1n, 8),
];

function numbered(firstHead: number, value: bigint, width: number): Buffer {
  const digits = value.toString(16).padStart(2 * width, "0");
  return Buffer.from(`${(firstHead + Math.log2(width)).toString(16)}${digits}`, "hex");
}

function replace(frame: MutableFrame, from: number, to: number, content: ArrayLike<number>): void {
  const { bytes, end } = frame;
  const behind = from + content.length;
  const newEnd = behind + end - to;
  if (newEnd > frame.limit) return;
  if (behind !== to && to < end) bytes.copyWithin(behind, to, end);
  for (let index = 0; index < content.length; index++) bytes[from + index] = content[index]!;
  frame.end = newEnd;
}

function widen(frame: MutableFrame, at: number, random: Random): void {
  const head = frame.bytes[at]!;
  const wide = (firstHead: number, value: number, widths: readonly number[]) => {
    const width = widths[randomBelow(random, widths.length)]!;
    const content = new Uint8Array(1 + width);
    content[0] = firstHead + Math.log2(width);
    content[width] = value;
    replace(frame, at, at + 1, content);
  };
  if (head < 0x80) wide(0xcc, head, [1, 2, 4, 8]);
  else if (head < 0x90) wide(0xdd, head - 0x80, [2, 4]);
  else if (head < 0xa0) wide(0xdb, head - 0x90, [2, 4]);
  else if (head < 0xc0) wide(0xd9, head - 0xa0, [1, 2, 4]);
  else if (head === 0xc4 || head === 0xcc || head === 0xd9) {
    // One byte of a length or a number becomes two.
    replace(frame, at, at + 1, [head + 1, 0]);
  } else if (head === 0xc5 || head === 0xcd || head === 0xda || head === 0xdc || head === 0xde) {
    replace(frame, at, at + 1, [head + 1, 0, 0]);
  }
}

/** Overwrites up to eight bytes with a number that is an edge, or close to what the frame has left. */
function writeEdge(frame: MutableFrame, at: number, random: Random): void {
  const edge = edges[randomBelow(random, edges.length)]!;
  const left = frame.end - at;
  const value = edge === -1 ? Math.max(0, left - randomBelow(random, 5)) : edge;
  const width = 1 << randomBelow(random, 4);
  let rest = value;
  for (let index = Math.min(width, left) - 1; index >= 0; index--) {
    frame.bytes[at + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** -1: what is left. */
const edges = [
  -1,
  -1,
  0,
  1,
  16,
  255,
  256,
  1025,
  65_535,
  65_536,
  2 ** 24 + 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
