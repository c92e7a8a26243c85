import { describe, expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { codecs } from "../../client/codecs.ts";
import { checkMsgpack } from "../../client/msgpack-check.ts";
import { freshSeed } from "../support/seeds.ts";

/** fast-check prints it when a property fails; SEED=… repeats a run. */
const seed = freshSeed() | 0;

const codec = codecs.msgpack();
const decode = (hex: string) => codec.decode(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** Whatever the codec takes, in shapes as random as they come. */
const storable = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: "grapheme" }),
    fc.date({ noInvalidDate: true }),
    fc.array(tie("value")),
    fc.dictionary(
      fc.string({ unit: "grapheme" }).filter((key) => key !== "__proto__"),
      tie("value"),
    ),
  ),
})).value;

describe("the msgpack codec", () => {
  test("gives back what it took", () => {
    fc.assert(
      fc.property(storable, (value) => {
        expect(codec.decode(codec.encode(value))).toEqual(value);
      }),
      { seed, numRuns: 500 },
    );
  });

  test("reads its own bytes in the middle of a buffer, and nothing around them", () => {
    fc.assert(
      fc.property(storable, fc.uint8Array({ maxLength: 20 }), (value, around) => {
        const bytes = codec.encode(value);
        const whole = Buffer.concat([around, bytes, around]);
        expect(codec.decode(whole.subarray(around.length, around.length + bytes.length))).toEqual(value);
      }),
      { seed },
    );
  });

  test("refuses every prefix of a value, and every value with something behind it", () => {
    fc.assert(
      fc.property(storable, (value) => {
        const bytes = Buffer.from(codec.encode(value));
        for (let length = 0; length < bytes.length; length++)
          expect(() => codec.decode(bytes.subarray(0, length))).toThrow(TypeError);
        expect(() => codec.decode(Buffer.concat([bytes, Buffer.from([0xc0])]))).toThrow(TypeError);
      }),
      { seed, numRuns: 50 },
    );
  });

  test("reads or refuses any bytes, but neither hangs nor breaks", () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated);
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          codec.decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { seed, numRuns: 3_000 },
    );
  });

  const hostile: { name: string; hex: string }[] = [
    { name: "a record definition, which would change how later bytes are read", hex: "d4 72 40 91 a1 61" },
    { name: "an Error", hex: "d4 65 00 93 a1 65 a1 65 c0" },
    { name: "a RegExp", hex: "d4 78 00 92 a1 78 a0" },
    { name: "a Set", hex: "d4 73 00 91 01" },
    { name: "a reference", hex: "d6 70 00 00 00 01" },
    { name: "a reference's target", hex: "d6 69 00 00 00 01 90" },
    { name: "a bigint without bounds", hex: "c7 01 42 01" },
    { name: "a typed array", hex: "c7 02 74 01 00" },
    { name: "the byte that msgpack never uses", hex: "c1" },
    { name: "an array of 30 million elements in five bytes", hex: "dd 01 c9 c3 80" },
    { name: "a map of 4 billion entries in five bytes", hex: "df ff ff ff ff" },
    { name: "a text that is longer than the value", hex: "d9 05 61" },
    { name: "a timestamp of no known length", hex: "c7 03 ff 00 00 00" },
    { name: "nesting without end", hex: "91".repeat(1_000) },
    { name: "a count that 32 bits would make small", hex: "df 80 00 00 01 91 01 01" },
    { name: "two values", hex: "01 02" },
    { name: "no value", hex: "" },
  ];
  for (const { name, hex } of hostile) {
    test(`refuses ${name}`, () => {
      expect(() => decode(hex)).toThrow(TypeError);
    });
  }

  test("refuses to write deeper than it reads, and reads as deep as it writes", () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    expect(codec.decode(codec.encode(nested(128)))).toEqual(nested(128));
    expect(() => codec.encode(nested(129))).toThrow(/nests deeper/);
    expect(() => decode(`${"91".repeat(129)} 01`)).toThrow(/nesting deeper/);
  });

  test("reads what other writers of msgpack write for the same values", () => {
    expect(decode("82 a1 61 cd 00 01 a1 62 93 cb 3f f8 00 00 00 00 00 00 c2 c4 01 ff")).toEqual({
      a: 1,
      b: [1.5, false, Buffer.from([0xff])],
    });
    expect(decode("cf 00 00 00 00 00 00 00 05")).toBe(5n);
  });

  test("cannot be made to change the prototype of what it reads", () => {
    const value = decode("81 a9 5f 5f 70 72 6f 74 6f 5f 5f 81 a1 78 01") as Record<string, unknown>;
    expect(value["x"]).toBeUndefined();
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

test("checkMsgpack agrees with an independent walk over random bytes", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 24 }), mutated), (input) => {
      const bytes = Buffer.from(input);
      let isValid = true;
      try {
        checkMsgpack(bytes, 0, bytes.length);
      } catch {
        isValid = false;
      }
      expect(isValid).toBe(walk(bytes, 0) === bytes.length);
    }),
    { seed, numRuns: 5_000 },
  );
});

/** Bytes of a real value with one of them changed. */
const mutated = fc.tuple(storable, fc.nat(), fc.nat({ max: 255 })).map(([value, position, byte]) => {
  const bytes = Buffer.from(new Packr({ useRecords: false, variableMapSize: true }).pack(value));
  bytes[position % bytes.length] = byte;
  return bytes as Uint8Array;
});

/** The end of the value at `start`, or -1: the specification of msgpack, read once more and recursively. */
function walk(bytes: Buffer, start: number): number {
  const head = bytes[start];
  if (head === undefined) return -1;
  const length = (size: number) =>
    start + 1 + size <= bytes.length ? bytes.readUIntBE(start + 1, size) : Infinity;
  const end = (offset: number) => (offset <= bytes.length ? offset : -1);
  const elements = (from: number, count: number) => {
    let offset = from;
    for (let index = 0; index < count; index++) {
      if (offset >= bytes.length) return -1;
      offset = walk(bytes, offset);
      if (offset === -1) return -1;
    }
    return end(offset);
  };
  if (head <= 0x7f || head >= 0xe0) return start + 1;
  if (head <= 0x8f) return elements(start + 1, 2 * (head & 15));
  if (head <= 0x9f) return elements(start + 1, head & 15);
  if (head <= 0xbf) return end(start + 1 + (head & 31));
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return start + 1;
    case 0xc4:
    case 0xd9:
      return end(start + 2 + length(1));
    case 0xc5:
    case 0xda:
      return end(start + 3 + length(2));
    case 0xc6:
    case 0xdb:
      return end(start + 5 + length(4));
    case 0xcc:
    case 0xd0:
      return end(start + 2);
    case 0xcd:
    case 0xd1:
      return end(start + 3);
    case 0xca:
    case 0xce:
    case 0xd2:
      return end(start + 5);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return end(start + 9);
    case 0xdc:
      return elements(start + 3, length(2));
    case 0xdd:
      return elements(start + 5, length(4));
    case 0xde:
      return elements(start + 3, 2 * length(2));
    case 0xdf:
      return elements(start + 5, 2 * length(4));
    case 0xd6:
      return bytes[start + 1] === 0xff ? end(start + 6) : -1;
    case 0xd7:
      return bytes[start + 1] === 0xff ? end(start + 10) : -1;
    case 0xc7:
      return bytes[start + 1] === 12 && bytes[start + 2] === 0xff ? end(start + 15) : -1;
    default:
      return -1;
  }
}
