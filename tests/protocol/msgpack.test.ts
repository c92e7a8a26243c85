import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/lib/assert.ts";
import { MsgpackReader } from "../../src/protocol/msgpack-reader.ts";
import {
  writeArray,
  writeBin,
  writeBinHead,
  writeBinRange,
  writeBoolean,
  writeFloat,
  writeMap,
  writeNil,
  writeStr,
  writeUint,
} from "../../src/protocol/msgpack-writer.ts";
import { MalformedError } from "../../src/protocol/protocol-error.ts";

function written(write: (bytes: Buffer, offset: number) => number): string {
  const bytes = Buffer.alloc(300, 0xee);
  const end = write(bytes, 3);
  expect(bytes.subarray(0, 3).toString("hex")).toBe("eeeeee");
  expect(bytes[end]).toBe(0xee);
  return bytes.subarray(3, end).toString("hex");
}

function reading(hex: string): MsgpackReader {
  const bytes = Buffer.from(`eeee${hex}ee`, "hex");
  const reader = new MsgpackReader();
  reader.open(bytes, 2, bytes.length - 1);
  return reader;
}

describe("unsigned integers take their shortest form, and are read from it", () => {
  test.each([
    [0, "00"],
    [0x7f, "7f"],
    [0x80, "cc80"],
    [0xff, "ccff"],
    [0x100, "cd0100"],
    [0xffff, "cdffff"],
    [0x1_0000, "ce00010000"],
    [0x7fff_ffff, "ce7fffffff"],
    [0x8000_0000, "ce80000000"],
    [0xffff_ffff, "ceffffffff"],
    [0x1_0000_0000, "cf0000000100000000"],
    [0x1234_5678_9abc, "cf0000123456789abc"],
    [Number.MAX_SAFE_INTEGER, "cf001fffffffffffff"],
  ])("%d", (value, hex) => {
    expect(written((bytes, offset) => writeUint(bytes, offset, value))).toBe(hex);
    const reader = reading(hex);
    expect(reader.uint()).toBe(value);
    reader.finish();
  });

  test.each([-1, 1.5, Number.NaN, Infinity, 2 ** 53])("%d is not one", (value) => {
    expect(() => writeUint(Buffer.alloc(9), 0, value)).toThrow(AssertionError);
  });
});

describe("heads take their shortest form", () => {
  test.each([
    ["array", writeArray, 15, "9f"],
    ["array", writeArray, 16, "dc0010"],
    ["array", writeArray, 65_535, "dcffff"],
    ["array", writeArray, 65_536, "dd00010000"],
    ["map", writeMap, 15, "8f"],
    ["map", writeMap, 16, "de0010"],
    ["bin", writeBinHead, 0, "c400"],
    ["bin", writeBinHead, 255, "c4ff"],
    ["bin", writeBinHead, 256, "c50100"],
    ["bin", writeBinHead, 65_535, "c5ffff"],
    ["bin", writeBinHead, 65_536, "c600010000"],
  ] as const)("%s of %#", (_, write, count, hex) => {
    expect(written((bytes, offset) => write(bytes, offset, count))).toBe(hex);
  });

  test.each([
    [0, "a0"],
    [31, "bf"],
    [32, "d920"],
    [255, "d9ff"],
    [256, "da0100"],
  ])("str of %d bytes", (length, head) => {
    const bytes = Buffer.alloc(1000);
    const end = writeStr(bytes, 0, Buffer.alloc(length, "x"));
    expect(bytes.toString("hex", 0, end)).toBe(head + "78".repeat(length));
  });
});

describe("bins of every length up to where copying changes its way", () => {
  const source = Buffer.from(Array.from({ length: 80 }, (_, index) => index));
  test.each(Array.from({ length: 40 }, (_, length) => length))("%d bytes", (length) => {
    const expected = `c4${length.toString(16).padStart(2, "0")}${source.toString("hex", 7, 7 + length)}`;
    expect(written((bytes, offset) => writeBinRange(bytes, offset, source, 7, 7 + length))).toBe(expected);
    expect(written((bytes, offset) => writeBin(bytes, offset, source.subarray(7, 7 + length)))).toBe(
      expected,
    );
    const reader = reading(expected);
    expect(reader.bin()).toBe(4);
    expect(reader.offset).toBe(4 + length);
    reader.finish();
  });
});

test("nil, bools and floats are written and read", () => {
  expect(written(writeNil)).toBe("c0");
  expect(written((bytes, offset) => writeBoolean(bytes, offset, true))).toBe("c3");
  expect(written((bytes, offset) => writeBoolean(bytes, offset, false))).toBe("c2");
  expect(written((bytes, offset) => writeFloat(bytes, offset, -0.5))).toBe("cbbfe0000000000000");
  const reader = reading("c0c3c2cbbfe0000000000000");
  expect([reader.nil(), reader.nil(), reader.boolean(), reader.boolean(), reader.float()]).toEqual([
    true,
    false,
    true,
    false,
    -0.5,
  ]);
  reader.finish();
});

describe("MsgpackReader refuses", () => {
  test.each<[string, string, (reader: MsgpackReader) => unknown, string]>([
    [
      "to read behind the end of its message",
      "",
      (reader) => reader.uint(),
      "the message ends where an unsigned integer belongs (byte 0 of 0)",
    ],
    [
      "an integer that the message cuts",
      "cd01",
      (reader) => reader.uint(),
      "inside a length or an integer (byte 1 of 2)",
    ],
    [
      "an integer of eight bytes that the message cuts",
      "cf00000000010203",
      (reader) => reader.uint(),
      "inside a length or an integer",
    ],
    [
      "an integer beyond 2^53 - 1",
      "cf0020000000000000",
      (reader) => reader.uint(),
      "an integer is beyond 2^53 - 1",
    ],
    [
      "a bin that the message cuts",
      "c40201",
      (reader) => reader.bin(),
      "a bin of 2 bytes does not fit (byte 2 of 3)",
    ],
    ["a str that the message cuts", "a261", (reader) => reader.str(), "a str of 2 bytes does not fit"],
    [
      "more elements than bytes are left",
      "9201",
      (reader) => reader.array(),
      "an array of 2 elements does not fit",
    ],
    ["more pairs than bytes are left", "82a16101", (reader) => reader.map(), "a map of 2 pairs does not fit"],
    ["a str for a bin", "a161", (reader) => reader.bin(), "a bin belongs where 0xa1 stands (byte 0 of 2)"],
    ["a bin for a str", "c40161", (reader) => reader.str(), "a str belongs where 0xc4 stands"],
    [
      "a float for an integer",
      "cb0000000000000000",
      (reader) => reader.uint(),
      "an unsigned integer belongs where 0xcb stands",
    ],
    ["a number for a bool", "01", (reader) => reader.boolean(), "a bool belongs where 0x01 stands"],
    ["ill-formed UTF-8", "a2c328", (reader) => reader.text(), "a str is not well-formed UTF-8"],
    ["overlong UTF-8", "a2c080", (reader) => reader.text(), "a str is not well-formed UTF-8"],
    [
      "to end before its message does",
      "0101",
      (reader) => (reader.uint(), reader.finish()),
      "the frame goes on behind the end of the message (byte 1 of 2)",
    ],
  ])("%s", (_, hex, read, reason) => {
    const reader = reading(hex);
    expect(() => read(reader)).toThrow(MalformedError);
    expect(() => read(reading(hex))).toThrow(reason);
  });
});
