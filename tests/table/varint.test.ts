import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readVarint, varintBytes, varintBytesMax, writeVarint } from "../../src/table/varint.ts";
import { check } from "./property.ts";

const written = (value: number): Buffer => {
  const bytes = Buffer.alloc(16, 0xee);
  return bytes.subarray(3, writeVarint(bytes, 3, value));
};

describe("a varint", () => {
  const examples: [value: number, hex: string][] = [
    [0, "00"],
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [300, "ac02"],
    [2 ** 31 - 1, "ffffffff07"],
    [2 ** 31, "8080808008"],
    [2 ** 32, "8080808010"],
    [Number.MAX_SAFE_INTEGER, "ffffffffffffff0f"],
  ];
  test.each(examples)("of %d is written as %s, and read back", (value, hex) => {
    expect(written(value).toString("hex")).toBe(hex);
    expect(readVarint(Buffer.from(hex, "hex"), 0, hex.length / 2)).toBe(value);
  });

  test("of any safe integer is read back, and its length follows from its value", async () => {
    const powers = fc.tuple(fc.integer({ min: 0, max: 52 }), fc.integer({ min: -1, max: 1 }));
    const nearPowers = powers.map(([bits, difference]) => Math.max(0, 2 ** bits + difference));
    await check(fc.oneof(nearPowers, fc.maxSafeNat()), 2000, (value) => {
      const bytes = written(value);
      expect(bytes.length).toBe(varintBytes(value));
      expect(bytes.length).toBeLessThanOrEqual(varintBytesMax);
      expect(readVarint(bytes, 0, bytes.length)).toBe(value);
      for (let end = 0; end < bytes.length; end++) expect(readVarint(bytes, 0, end)).toBe(-1);
    });
  });

  const malformed: [what: string, hex: string][] = [
    ["a longer form of 0", "8000"],
    ["a longer form of 127", "ff00"],
    ["a longer form of 128", "818000"],
    ["a number of 54 bits", "ffffffffffffff1f"],
    ["nine bytes", "808080808080808001"],
    ["no end", "8080"],
    ["nothing", ""],
  ];
  test.each(malformed)("is refused if it is %s", (_, hex) => {
    expect(readVarint(Buffer.from(hex, "hex"), 0, hex.length / 2)).toBe(-1);
  });

  test("is not read beyond the end that it is given", () => {
    expect(readVarint(Buffer.from("8001", "hex"), 0, 1)).toBe(-1);
  });
});
