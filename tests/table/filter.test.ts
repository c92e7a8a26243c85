import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { FilterBuilder, filterLinesFor, filterLinesOf, mayContain } from "../../src/table/filter.ts";
import { isIntact } from "../../src/table/section-checksum.ts";
import { check } from "./property.ts";

interface Filter {
  bytes: Buffer;
  lines: number;
}

const checksumSeed = 0xfeed_beef;

/** Of these hashes, behind other bytes. */
function filterOf(hashes: Iterable<number>): Filter {
  const builder = new FilterBuilder();
  for (const hash of hashes) builder.add(hash);
  const target = new ByteWriter(1);
  target.bytes.fill(0xff);
  target.reserve(1);
  const size = builder.write(target, checksumSeed);
  expect(target.length).toBe(size + 1);
  return { bytes: Buffer.from(target.bytes.subarray(0, target.length)), lines: filterLinesOf(size) };
}

const passes = ({ bytes, lines }: Filter, hash: number): boolean => mayContain(bytes, 1, lines, hash);

const key = Buffer.alloc(16);
function hashOf(number: number, seed: number): number {
  key.writeUInt32LE(number, 5);
  return hashKey(key, 0, key.length, seed);
}

describe("a filter", () => {
  test("lets every key pass that it was made from", async () => {
    const edges = fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31));
    const hashes = fc.array(fc.oneof(fc.integer(), edges), { maxLength: 300, size: "max" });
    await check(hashes, 300, (made) => {
      const filter = filterOf(made);
      for (const hash of made) expect(passes(filter, hash)).toBe(true);
    });
  });

  test("lets no key pass if it was made from none", () => {
    const filter = filterOf([]);
    expect(filter.lines).toBe(1);
    for (let number = 0; number < 1000; number++) expect(passes(filter, hashOf(number, 1))).toBe(false);
  });

  test.each([48, 1000, 50_000, 300_000])("of %d keys lets less than 1 % of the others pass", (count) => {
    // A small filter may have bad luck with its lines, a mean of many has not.
    const filters = Math.ceil(20_000 / count);
    const others = Math.ceil(1_000_000 / filters);
    let passed = 0;
    for (let seed = 1; seed <= filters; seed++) {
      const filter = filterOf(Array.from({ length: count }, (_, number) => hashOf(number, seed)));
      for (let number = 0; number < others; number++) {
        if (passes(filter, hashOf(count + number, seed))) passed++;
      }
    }
    expect(passed / (others * filters)).toBeLessThan(0.01);
    // Far fewer would mean that it is larger than it should be.
    expect(passed / (others * filters)).toBeGreaterThan(0.004);
  });

  test("has a line for each 48 keys, and never more than an exact product allows", () => {
    expect([0, 1, 48, 49, 96, 97].map(filterLinesFor)).toEqual([1, 1, 1, 2, 2, 3]);
    expect(filterLinesFor(2 ** 40)).toBe(2 ** 21);
    expect((2 ** 32 - 1) * 2 ** 21).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  test("uses all of its lines, the first and the last", () => {
    const { bytes, lines } = filterOf(Array.from({ length: 480 }, (_, number) => hashOf(number, 1)));
    expect(lines).toBe(10);
    for (let line = 0; line < lines; line++) {
      expect(bytes.subarray(1 + line * 64, 1 + (line + 1) * 64).some((byte) => byte !== 0)).toBe(true);
    }
  });

  test("is not believed with any bit flipped", () => {
    const { bytes } = filterOf([1, 2, 3]);
    expect(isIntact(bytes, 1, bytes.length, checksumSeed)).toBe(true);
    for (let bit = 8; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(isIntact(bytes, 1, bytes.length, checksumSeed)).toBe(false);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
  });
});
