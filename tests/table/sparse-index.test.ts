import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { BlockCache } from "../../src/table/block-cache.ts";
import { absent, BlockSearch, endsWithKey, found, malformed } from "../../src/table/block-search.ts";
import { SparseIndex } from "../../src/table/sparse-index.ts";
import type { TableReader } from "../../src/table/table-reader.ts";
import { anyKey, check } from "./property.ts";
import { anyTable, diskWith, openReader } from "./reading-fixture.ts";
import { hashSeed, tablePath, writeTable, type TestEntry } from "./table-fixture.ts";

const diskOf = async (entries: TestEntry[]) => diskWith((await writeTable(entries)).bytes);

/** What a look-up shows, as a text: quick to compare, a hundred thousand times. */
function lookUp(reader: TableReader, key: Buffer, versionMax: number): string {
  if (!reader.find(hashKey(key, 0, key.length, hashSeed), key, 0, key.length, versionMax)) return "absent";
  const { version, isTombstone, bytes, valueStart, valueEnd } = reader;
  return `${version} ${isTombstone} ${Bun.hash.crc32(bytes.subarray(valueStart, valueEnd))}`;
}

/** Keys of the table, and some that lie beside them, each up to several versions. */
function questions(entries: readonly TestEntry[], others: readonly Buffer[]): [Buffer, number][] {
  const keys = entries.flatMap(({ key, version }): [Buffer, number][] => [
    [key, version],
    [key, version - 1],
    [key, Number.MAX_SAFE_INTEGER],
    [Buffer.concat([key, Buffer.alloc(1)]), version],
    [key.subarray(0, Math.max(1, key.length - 1)), version],
  ]);
  return [...keys, ...others.map((key): [Buffer, number] => [key, Number.MAX_SAFE_INTEGER])];
}

describe("a sparse index", () => {
  test("finds in a block whatever a search through all of it finds, and nothing else", async () => {
    let seeks = 0;
    await check(
      fc.tuple(anyTable, fc.array(anyKey, { maxLength: 30, size: "max" })),
      300,
      async ([entries, others]) => {
        const disk = await diskOf(entries);
        const cache = new BlockCache(4 * 1024 * 1024);
        const cached = openReader(disk, cache);
        const plain = openReader(disk, new BlockCache(0));
        for (const [key, versionMax] of questions(entries, others)) {
          const expected = lookUp(plain, key, versionMax);
          for (let again = 0; again < 2; again++) {
            const seen = lookUp(cached, key, versionMax);
            if (seen !== expected) throw new Error(`${seen} instead of ${expected}`);
          }
        }
        seeks += cache.hits;
        cached.close();
        plain.close();
      },
    );
    expect(seeks).toBeGreaterThan(100_000);
  });

  test("says nothing where many keys have the same head, and the search goes by the restarts", async () => {
    const key = (index: number) => Buffer.from(`a${"same".repeat(3)}${String(index).padStart(8, "0")}`);
    const entries = Array.from({ length: 200 }, (_, index) => ({
      key: key(index),
      version: 9,
      value: undefined,
    }));
    // The first key is far from the others, so that all keys of the block have nothing in common.
    const all = [{ key: Buffer.from("A"), version: 9, value: undefined }, ...entries];
    const cache = new BlockCache(4096 * 4);
    const reader = openReader(await diskOf(all), cache);
    for (let round = 0; round < 2; round++)
      for (const entry of all) expect(lookUp(reader, entry.key, 9)).toStartWith("9 ");
    expect(cache.sparse.isKnown(0)).toBeTrue();
    expect(cache.sparse.seek(0, key(100), 0, key(100).length)).toBeFalse();
    reader.close();
  });

  test("begins next to the key, however much the keys of a block have in common", async () => {
    const entries = Array.from({ length: 3000 }, (_, index) => ({
      key: Buffer.from(`tenant/0001/user/${String(index * 7).padStart(8, "0")}`),
      version: 1,
      value: Buffer.alloc(40, index),
    }));
    const cache = new BlockCache(4096);
    const reader = openReader(await diskOf(entries), cache);
    for (const { key } of entries) {
      for (let again = 0; again < 2; again++) lookUp(reader, key, 1);
      expect(cache.sparse.seek(0, key, 0, key.length)).toBeTrue();
      // A sixteenth of a block, and the entry that reaches beyond it.
      const walked = reader.valueStart - cache.sparse.at;
      expect(walked).toBeGreaterThan(0);
      expect(walked).toBeLessThan(4096 / 16 + 3 * 60);
    }
    reader.close();
  });

  test("forgets a block when another takes its slot", async () => {
    const entries = Array.from({ length: 400 }, (_, index) => ({
      key: Buffer.from(`key/${String(index).padStart(6, "0")}`),
      version: index + 1,
      value: Buffer.alloc(100, index),
    }));
    const cache = new BlockCache(4096 * 2);
    const reader = openReader(await diskOf(entries), cache);
    for (let round = 0; round < 5; round++) {
      for (const { key, version } of entries)
        for (let again = 0; again < 2; again++)
          expect(lookUp(reader, key, Number.MAX_SAFE_INTEGER)).toStartWith(`${version} `);
    }
    expect(cache.misses).toBeGreaterThan(50);
    reader.close();
  });

  test("takes any bytes for a block without reading beyond them, and leaves it to the search to complain", async () => {
    const outcomes = new Set<number>();
    const anyBlock = fc.tuple(
      anyTable,
      fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { maxLength: 8 }),
      fc.nat(40),
    );
    await check(anyBlock, 500, async ([entries, changes, skip]) => {
      const disk = await diskOf(entries);
      const file = disk.openRead(tablePath);
      const end = Math.min(file.size(), 4096);
      const bytes = Buffer.alloc(end);
      file.read(bytes, 0);
      for (const [at, byte] of changes) bytes[at % end] = byte;
      const sparse = new SparseIndex(1);
      sparse.learn(0, bytes, 0, end, skip);
      const search = new BlockSearch(0, Number.MAX_SAFE_INTEGER);
      for (const { key } of entries) {
        if (!sparse.seek(0, key, 0, key.length)) continue;
        const { at, matched, lengthBefore } = sparse;
        const versionMax = Number.MAX_SAFE_INTEGER;
        outcomes.add(
          search.findFrom(
            bytes,
            at,
            sparse.entriesEnd(0),
            matched,
            lengthBefore,
            key,
            0,
            key.length,
            versionMax,
          ),
        );
      }
    });
    expect([absent, endsWithKey, found, malformed]).toEqual(expect.arrayContaining([...outcomes]));
  });
});
