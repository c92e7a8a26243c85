import { randomBelow, type Random } from "../../src/lib/random.ts";

/** Building blocks of frames, right ones and wrong ones: nothing here checks anything. */
export function frame(...parts: readonly Uint8Array[]): Buffer {
  const payload = Buffer.concat(parts);
  return Buffer.concat([prefix(payload.length), payload]);
}

/** A frame with a request whose count of elements is right. */
export function request(random: Random, kind: number, ...elements: readonly Uint8Array[]): Buffer {
  return frame(head(random, 2 + elements.length, kind), ...elements);
}

/** The head of a request: of an array of so many elements, an id, an opcode. */
export function head(random: Random, elements: number, kind: number): Buffer {
  const id = 1 + randomBelow(random, 0xffff);
  return Buffer.concat([arrayHead(random, elements), numbered(0xcd, id, 2), bytes(kind)]);
}

/** The length of a frame. */
export function prefix(length: number): Buffer {
  const result = Buffer.alloc(4);
  result.writeUInt32BE(length);
  return result;
}

export const nil = bytes(0xc0);

export function bytes(...values: readonly number[]): Buffer {
  return Buffer.from(values);
}

export function bin(content: Uint8Array): Buffer {
  const { length } = content;
  const power = length < 0x100 ? 0 : length < 0x1_0000 ? 1 : 2;
  return Buffer.concat([numbered(0xc4 + power, length, 1 << power), content]);
}

export function str(content: string): Buffer {
  const utf8 = Buffer.from(content);
  return Buffer.concat([numbered(0xda, utf8.length, 2), utf8]);
}

/** An array's head in the shortest form, or for no reason in a longer one. */
export function arrayHead(random: Random, count: number): Buffer {
  const form = randomBelow(random, 8);
  if (form === 0 || count > 0xffff) return array32(count);
  return form === 1 || count > 15 ? numbered(0xdc, count, 2) : bytes(0x90 | count);
}

export function array32(count: number): Buffer {
  return numbered(0xdd, count, 4);
}

/** A head byte and a number behind it, big-endian. */
export function numbered(headByte: number, value: number, byteCount: number): Buffer {
  const result = Buffer.alloc(1 + byteCount);
  result[0] = headByte;
  if (byteCount === 8) result.writeBigUInt64BE(BigInt(value), 1);
  else result.writeUIntBE(value, 1, byteCount);
  return result;
}

export type Maker = (random: Random) => Buffer;

export function oneOf<T>(choices: readonly T[], random: Random): T {
  return choices[randomBelow(random, choices.length)]!;
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
