import { Buffer } from "node:buffer";
import { randomBelow, type Random } from "../../../src/lib/random.ts";

/**
 * A file of one format with what a mutation needs to know of it: where its numbers are, and what it is made
 * of.
 */
export interface FileSample {
  readonly bytes: Buffer;
  readonly fields: readonly Field[];
  readonly units: readonly Unit[];
}

export interface Field {
  readonly at: number;
  readonly width: number;
}

/** Groups, records, edits, blocks: what may be left out, said twice, or come from another file. */
export interface Unit {
  readonly start: number;
  readonly end: number;
}

/**
 * The file with one to three things done to it: numbers lie, units are exchanged, bytes are broken or
 * missing. No checksum is right afterwards: to make them so, and reach what lies behind them, is the next
 * step and each format's own.
 */
export function mutateFile(sample: FileSample, other: FileSample, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(sample.bytes);
  for (let left = 1 + randomBelow(random, 3); left > 0; left--) bytes = once(bytes, sample, other, random);
  return bytes;
}

function once(bytes: Buffer, { fields, units }: FileSample, other: FileSample, random: Random): Buffer {
  const length = bytes.length;
  if (length === 0) return bytes;
  const any = randomBelow(random, length);
  const unit = () => within(units[randomBelow(random, Math.max(1, units.length))], length);
  const foreign = () => {
    const { start, end } = within(
      other.units[randomBelow(random, Math.max(1, other.units.length))],
      other.bytes.length,
    );
    return other.bytes.subarray(start, end);
  };
  switch (randomBelow(random, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5: {
      const field = fields[randomBelow(random, fields.length)];
      if (field !== undefined) lie(bytes, field, random);
      return bytes;
    }
    case 6: // A bit is flipped.
      bytes[any]! ^= 1 << randomBelow(random, 8);
      return bytes;
    case 7: // Bytes are whatever they are.
      for (let at = any; at < Math.min(length, any + 8); at++) bytes[at] = random.uint32() & 0xff;
      return bytes;
    case 8: {
      // A unit is missing.
      const { start, end } = unit();
      return splice(bytes, start, end, nothing);
    }
    case 9: {
      // A unit comes twice.
      const { start, end } = unit();
      return splice(bytes, end, end, bytes.subarray(start, end));
    }
    case 10: {
      // A unit comes again elsewhere.
      const { start, end } = unit();
      const to = unit().start;
      return splice(bytes, to, to, bytes.subarray(start, end));
    }
    case 11: {
      // A unit is that of another file.
      const { start, end } = unit();
      return splice(bytes, start, end, foreign());
    }
    case 12: {
      // Two units behind each other change places.
      const { start, end } = unit();
      const next = within(
        units.find((later) => later.start === end),
        length,
      );
      if (next.start !== end) return bytes;
      const second = Buffer.from(bytes.subarray(end, next.end));
      return splice(splice(bytes, end, next.end, nothing), start, start, second);
    }
    case 13: // The end is missing.
      return bytes.subarray(0, any);
    case 14: {
      // Something follows the end: zeros, garbage, a unit.
      const more = randomBelow(random, 3);
      const tail = more === 0 ? Buffer.alloc(randomBelow(random, 100)) : more === 1 ? foreign() : unit();
      return Buffer.concat([bytes, tail instanceof Uint8Array ? tail : bytes.subarray(tail.start, tail.end)]);
    }
    default: // Some bytes are missing, or too many.
      return randomBelow(random, 2) === 0
        ? splice(bytes, any, Math.min(length, any + 1 + randomBelow(random, 8)), nothing)
        : splice(bytes, any, any, bytes.subarray(any, any + 1 + randomBelow(random, 8)));
  }
}

/** Gives a number a value at an edge of something, or one beside its own. */
function lie(bytes: Buffer, { at, width }: Field, random: Random): void {
  if (at + width > bytes.length) return;
  if (randomBelow(random, 2) === 0) {
    const last = at + width - 1;
    const steps = [1, -1, 2, -2, 8, 16, 64, 0x80];
    bytes[last] = bytes[last]! + steps[randomBelow(random, steps.length)]!;
    return;
  }
  const value = edges[randomBelow(random, edges.length)]!;
  for (let index = 0; index < width; index++) {
    bytes[at + index] = Number((value >> BigInt(8 * (width - 1 - index))) & 0xffn);
  }
}

const edges = [
  ...[0n, 1n, 2n, 7n, 8n, 56n, 96n, 120n, 255n, 256n, 4096n, 0xffffn, 2n ** 24n, 2n ** 24n + 1n],
  ...[
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n - 2n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 63n,
  ],
  2n ** 64n - 1n,
];

function within(unit: Unit | undefined, length: number): Unit {
  const start = Math.min(unit?.start ?? 0, length);
  return { start, end: Math.max(start, Math.min(unit?.end ?? 0, length)) };
}

function splice(bytes: Buffer, from: number, to: number, content: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), content, bytes.subarray(to)]);
}

const nothing = new Uint8Array(0);
