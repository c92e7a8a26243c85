import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { naiveCrc32c, naiveHash } from "./naive-hash.ts";
import { readNaively } from "./naive-table.ts";

/** The reader that the golden files and the properties rely on must itself be relied on. */
const golden = readFileSync(join(import.meta.dir, "golden/versions-v1/000000000012.table"));

describe("the second reader", () => {
  test("sums up as the publication says", () => {
    expect(naiveCrc32c(Buffer.from("123456789"))).toBe(0xe306_9283);
  });

  test("hashes as the memtable does, whose hash was compared with the publication's", () => {
    const bytes = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 37) & 0xff));
    for (const seed of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      for (let length = 0; length <= bytes.length; length += length < 20 ? 1 : 70) {
        expect(naiveHash(bytes.subarray(0, length), seed)).toBe(hashKey(bytes, 0, length, seed) >>> 0);
      }
    }
  });

  test("refuses a table with any bit flipped: no byte lies outside a checksum", () => {
    for (let bit = 0; bit < golden.length * 8; bit++) {
      const bytes = Buffer.from(golden);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => readNaively(bytes)).toThrow("no valid table");
    }
  });

  test("refuses a table of any other length", () => {
    for (let length = 0; length < golden.length; length++) {
      expect(() => readNaively(golden.subarray(0, length))).toThrow("no valid table");
    }
    expect(() => readNaively(Buffer.concat([golden, Buffer.alloc(1)]))).toThrow("no valid table");
  });
});
