import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareKeys, equalKeys } from "../../src/memtable/compare-keys.ts";
import { check } from "./check.ts";
import { anyKey } from "./keys.ts";

describe("compareKeys", () => {
  test("agrees with Buffer.compare on every pair of keys, wherever they lie", () => {
    check(fc.tuple(anyKey, anyKey, fc.nat(9)), 3_000, ([a, b, before]) => {
      const around = Buffer.concat([Buffer.alloc(before, 1), b, Buffer.alloc(3, 2)]);
      const order = compareKeys(a, 0, a.length, around, before, before + b.length);
      expect(Math.sign(order)).toBe(Buffer.compare(a, b));
    });
  });

  test("sees a difference of one byte at every place of keys of every length up to 300", () => {
    for (let length = 1; length <= 300; length++) {
      const a = Buffer.alloc(length, 0x80);
      const b = Buffer.from(a);
      expect(compareKeys(a, 0, length, b, 0, length)).toBe(0);
      expect(equalKeys(a, 0, b, 0, length)).toBe(true);
      for (let place = 0; place < length; place += length > 140 ? 13 : 1) {
        b[place] = 0x7f;
        expect(compareKeys(a, 0, length, b, 0, length)).toBeGreaterThan(0);
        expect(compareKeys(b, 0, length, a, 0, length)).toBeLessThan(0);
        expect(equalKeys(a, 0, b, 0, length)).toBe(false);
        b[place] = 0x80;
      }
    }
  });

  test("puts a key before every key that it begins", () => {
    for (let length = 1; length <= 300; length++) {
      const long = Buffer.alloc(length + 1);
      expect(compareKeys(long, 0, length, long, 0, length + 1)).toBeLessThan(0);
      expect(compareKeys(long, 0, length + 1, long, 0, length)).toBeGreaterThan(0);
    }
  });
});
