import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cacheBytesLimit } from "../../src/lib/limits.ts";
import { BlockBuffer } from "../../src/table/block-buffer.ts";
import {
  BlockCache,
  notCached,
  placeEnd,
  placeStart,
  type CachedTable,
} from "../../src/table/block-cache.ts";
import { check } from "./property.ts";

/** Puts a block into the cache, as a reader does: its length and its first two bytes tell it from all others. */
function put(cache: BlockCache, table: CachedTable, block: number): void {
  const start = cache.makeRoom();
  if (start === -1) return;
  cache.bytes[start] = table.id;
  cache.bytes[start + 1] = block;
  cache.keep(table, block, start, lengthOf(block));
}

const lengthOf = (block: number) => (block === 0 ? 4096 : block + 14);

/** Looks a block up, and checks that it is that block. */
function has(cache: BlockCache, table: CachedTable, block: number, look: "find" | "peek" = "find"): boolean {
  const place = cache[look](table, block);
  if (place === notCached) return false;
  const start = placeStart(place);
  expect([cache.bytes[start], cache.bytes[start + 1]]).toEqual([table.id, block]);
  expect(placeEnd(place) - start).toBe(lengthOf(block));
  return true;
}

describe("the cache", () => {
  test("holds what it was given last, never anything else, through any calls", async () => {
    const slotCount = fc.constantFrom(0, 1, 2, 7, 32);
    const call = fc.tuple(fc.constantFrom("find", "find", "find", "peek", "close"), fc.nat(3), fc.nat(15));
    await check(
      fc.tuple(slotCount, fc.array(call, { maxLength: 300, size: "max" })),
      200,
      ([slots, calls]) => {
        const cache = new BlockCache(slots * 4096 + 100);
        const tables = Array.from({ length: 4 }, () => cache.register(16));
        let looks = 0;
        for (const [kind, table, block] of calls) {
          if (kind === "close") {
            if (block > 3) continue;
            cache.forget(tables[table]!);
            tables[table] = cache.register(16);
            for (let other = 0; other < 16; other++)
              expect(has(cache, tables[table], other, "peek")).toBe(false);
          } else if (!has(cache, tables[table]!, block, kind as "find" | "peek")) {
            put(cache, tables[table]!, block);
            expect(has(cache, tables[table]!, block, "peek")).toBe(slots > 0);
          }
          if (kind === "find") looks++;
          cache.assertInvariants();
        }
        expect(cache.hits + cache.misses).toBe(looks);
      },
    );
  });

  test("keeps what is looked up again, and lets go of what is not", () => {
    const cache = new BlockCache(8 * 4096);
    const table = cache.register(1000);
    for (let block = 0; block < 4; block++) put(cache, table, block);
    for (let block = 4; block < 1000; block++) {
      for (let hot = 0; hot < 4; hot++) expect(has(cache, table, hot)).toBe(true);
      put(cache, table, block);
    }
    expect(cache.hits).toBe(996 * 4);
    // Behind the hot ones there are four slots: the last four blocks are there.
    for (let block = 4; block < 996; block++) expect(cache.peek(table, block)).toBe(notCached);
    for (let block = 996; block < 1000; block++) expect(cache.peek(table, block)).not.toBe(notCached);
  });

  test("keeps nothing because a scan has seen it", () => {
    const cache = new BlockCache(4 * 4096);
    const table = cache.register(100);
    for (let block = 0; block < 4; block++) put(cache, table, block);
    for (let block = 4; block < 8; block++) {
      for (let seen = 0; seen < 4; seen++) has(cache, table, seen, "peek");
      put(cache, table, block);
    }
    for (let block = 0; block < 4; block++) expect(has(cache, table, block)).toBe(false);
    expect(cache).toMatchObject({ hits: 0, misses: 4 });
  });

  test("gives the slots of a closed table away first", () => {
    const cache = new BlockCache(8 * 4096);
    const closed = cache.register(4);
    const open = cache.register(100);
    for (let block = 0; block < 4; block++) put(cache, closed, block);
    for (let block = 0; block < 4; block++) put(cache, open, block);
    for (let block = 0; block < 4; block++) has(cache, closed, block);
    cache.forget(closed);
    for (let block = 4; block < 8; block++) put(cache, open, block);
    for (let block = 0; block < 8; block++) expect(has(cache, open, block)).toBe(true);
    expect(() => cache.forget(closed)).toThrow("a table is forgotten once");
  });

  test.each([0, 1, 4095])("of %p bytes has no slot, and takes no memory", (bytesMax) => {
    const cache = new BlockCache(bytesMax);
    expect(cache.makeRoom()).toBe(-1);
    expect(cache.memoryBytes).toBe(0);
  });

  test("of its greatest size gives each slot a place of its own", () => {
    const cache = new BlockCache(cacheBytesLimit);
    const table = cache.register(2 ** 19);
    for (let block = 0; block < 2 ** 19; block++) {
      cache.keep(table, block, cache.makeRoom(), 4096);
    }
    expect(placeStart(cache.find(table, 2 ** 19 - 1))).toBe(cacheBytesLimit - 4096);
    expect(placeEnd(cache.find(table, 2 ** 19 - 1))).toBe(cacheBytesLimit);
    cache.assertInvariants();
    expect(() => new BlockCache(cacheBytesLimit + 1)).toThrow("below its limit");
  });
});

describe("a buffer for blocks", () => {
  test("grows to what it is asked for, and gives it back when it was not needed for a while", () => {
    const buffer = new BlockBuffer(1000);
    buffer.reserve(10);
    expect(buffer.bytes.length).toBe(10);
    buffer.reserve(11);
    expect(buffer.bytes.length).toBe(20);
    buffer.reserve(900);
    expect(buffer.bytes.length).toBe(900);
    buffer.reserve(50_000);
    for (let read = 0; read < 63; read++) buffer.reserve(900);
    buffer.reserve(40_000);
    for (let read = 0; read < 63; read++) buffer.reserve(900);
    expect(buffer.bytes.length).toBe(50_000);
    buffer.reserve(900);
    expect(buffer.bytes.length).toBe(900);
  });

  test("keeps what is small, for ever the same", () => {
    const buffer = new BlockBuffer(1000);
    buffer.reserve(1000);
    const { bytes } = buffer;
    for (let read = 0; read < 200; read++) buffer.reserve(1 + (read % 1000));
    buffer.giveBack();
    expect(buffer.bytes).toBe(bytes);
  });
});
