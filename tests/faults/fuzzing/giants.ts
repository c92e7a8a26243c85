import { Buffer } from "node:buffer";
import * as limits from "../../../src/lib/limits.ts";
import { opcode } from "../../../src/protocol/opcodes.ts";
import { array32, bin, bytes, nil, numbered, times } from "../../fuzz/frames.ts";
import type { ResponseKind } from "./naive-responses.ts";

/** A payload that is as expensive as frames can be, by its size or by what it promises. */
export interface Giant {
  readonly name: string;
  /** Undefined: a request. */
  readonly kind?: ResponseKind;
  make(): Buffer;
}

const roomBytes = 64;
const head = (elements: number, kind: number) => bytes(0x90 | elements, 1, kind);
const filled = (unit: Uint8Array, count: number) => Buffer.alloc(unit.length * count, unit);
const longest = (unit: string) => {
  const count = Math.floor((limits.frameBytesMax - roomBytes) / Buffer.byteLength(unit));
  return Buffer.alloc(count * Buffer.byteLength(unit), unit);
};
const str32 = (text: Buffer) => Buffer.concat([numbered(0xdb, text.length, 4), text]);
const bin32 = (content: Buffer) => Buffer.concat([numbered(0xc6, content.length, 4), content]);
const key = bin(Buffer.from("k"));
const remove = Buffer.concat([bytes(0x92, 1), key]);
const put = Buffer.concat([bytes(0x93, 0), key]);
const hello = (...elements: Uint8Array[]) =>
  Buffer.concat([head(2 + elements.length, opcode.hello), ...elements]);
const name = Buffer.concat([bytes(0xa8), Buffer.from("holdfast")]);

export const giants: readonly Giant[] = [
  ...["a", "é", "汉", "🜨"].map((unit) => ({
    name: `a hello whose name is of nothing but ${unit}`,
    make: () => hello(str32(longest(unit)), bytes(1)),
  })),
  { name: "a hello with endless credentials", make: () => hello(name, bytes(1), bin32(longest("c"))) },
  { name: "a hello with an endless session", make: () => hello(name, bytes(1), nil, bin32(longest("s"))) },
  { name: "a hello of an endless client", make: () => hello(name, bytes(1), nil, nil, str32(longest("汉"))) },
  {
    name: "a batch of as many operations as there may be",
    make: () => {
      const count = limits.batchOperationsMax;
      return Buffer.concat([head(3, opcode.batch), array32(count), filled(remove, count)]);
    },
  },
  {
    name: "a batch of two values as long as they may be",
    make: () => {
      const value = bin32(Buffer.alloc(limits.valueBytesMax - 1_000));
      return Buffer.concat([head(3, opcode.batch), bytes(0x92), put, value, put, value]);
    },
  },
  {
    name: "a getMany of as many keys as there may be",
    make: () => {
      const count = limits.getManyKeysMax;
      return Buffer.concat([head(3, opcode.getMany), array32(count), filled(key, count)]);
    },
  },
  { name: "an array in an array in an array", make: () => longest("\u0091").fill(0x91) },
  {
    name: "a batch that nests",
    make: () => Buffer.concat([head(3, opcode.batch), Buffer.alloc(limits.frameBytesMax - roomBytes, 0x91)]),
  },
  ...[0xffff_ffff, 0x8000_0000, 0x0100_0000].flatMap((count) => [
    { name: `an array of ${count} elements`, make: () => Buffer.concat([array32(count), bytes(1, 1)]) },
    {
      name: `a batch of ${count} operations`,
      make: () => Buffer.concat([head(3, opcode.batch), array32(count), remove]),
    },
    {
      name: `an array of ${count} elements in the stats`,
      kind: "statsReply" as const,
      make: () => Buffer.concat([head(3, 0), bytes(0x81, 0xa1, 0x61), array32(count), nil]),
    },
  ]),
  // A map is at most 64 KiB, and the only thing on the wire that becomes objects.
  ...(
    [
      ["nils", nil],
      ["empty arrays", bytes(0x90)],
      ["empty maps", bytes(0x80)],
      ["empty texts", bytes(0xa0)],
      ["empty bins", bytes(0xc4, 0)],
      ["numbers", bytes(0xcf, 0, 1, 0, 0, 0, 0, 0, 0)],
    ] as const
  ).map(([what, unit]) => ({
    name: `stats of nothing but ${what}`,
    kind: "statsReply" as const,
    make: () => {
      const count = Math.floor((limits.mapBytesMax - roomBytes) / unit.length);
      return Buffer.concat([head(3, 0), bytes(0x81, 0xa1, 0x61), array32(count), filled(unit, count)]);
    },
  })),
  {
    name: "stats of as many keys as there may be",
    kind: "statsReply",
    make: () => {
      const keys = times(11_000, (index) => {
        return Buffer.concat([bytes(0xa4), Buffer.from(index.toString(36).padStart(4, "0")), nil]);
      });
      return Buffer.concat([head(3, 0), numbered(0xde, keys.length, 2), ...keys.slice(0, keys.length)]);
    },
  },
  {
    name: "a page of as many entries as a page of ours may have",
    kind: "scanPage",
    make: () => {
      const entry = Buffer.concat([key, bytes(1, 0xc4, 0)]);
      const count = limits.pageEntriesMax;
      return Buffer.concat([head(4, 0), array32(3 * count), filled(entry, count), bytes(0xc2)]);
    },
  },
];
