import { describe, expect, test } from "bun:test";
import { halfSipHash, hashKey } from "../../src/memtable/hash-key.ts";

describe("halfSipHash", () => {
  // Of the reference implementation's table for HalfSipHash-1-3 with 32 bits: the secret is the bytes 00 01 … 07, the
  // message the bytes 00 01 02 … of this length.
  const published: [length: number, hash: number][] = [
    [0, 0x5814c896],
    [1, 0xe7e864ca],
    [2, 0xbc4b0e30],
    [3, 0x01539939],
    [4, 0x7e059ea6],
    [5, 0x88e3d89b],
    [6, 0xa0080b65],
    [7, 0x9d38d9d6],
    [8, 0x577999b1],
    [63, 0x87178304],
  ];
  test.each(published)("gives the published hash of %d bytes", (length, hash) => {
    const message = Buffer.from(Array.from({ length }, (_, index) => index));
    expect(halfSipHash(message, 0, length, 0x0302_0100, 0x0706_0504) >>> 0).toBe(hash);
  });
});

describe("hashKey", () => {
  test("depends on the key's bytes, not on their place", () => {
    const key = Buffer.from("users/000123");
    const hash = hashKey(key, 0, key.length, 7);
    for (let before = 1; before < 9; before++) {
      const elsewhere = Buffer.concat([Buffer.alloc(before, 0xee), key, Buffer.alloc(3, 0xdd)]);
      expect(hashKey(elsewhere, before, before + key.length, 7)).toBe(hash);
    }
  });

  test("takes seeds as signed and as unsigned numbers", () => {
    const key = Buffer.from("key");
    expect(hashKey(key, 0, 3, 0xffff_fff0)).toBe(hashKey(key, 0, 3, -16));
  });

  test("keys that collide under one seed part under another", () => {
    const keys = Array.from({ length: 200_000 }, (_, index) => Buffer.from(`key ${index}`));
    const byHash = new Map<number, Buffer>();
    const colliding: [Buffer, Buffer][] = [];
    for (const key of keys) {
      const hash = hashKey(key, 0, key.length, 1);
      const other = byHash.get(hash);
      if (other !== undefined) colliding.push([key, other]);
      byHash.set(hash, key);
    }
    expect(colliding.length).toBeGreaterThan(0);
    for (const [a, b] of colliding) expect(hashKey(a, 0, a.length, 2)).not.toBe(hashKey(b, 0, b.length, 2));
  });

  test("spreads similar keys evenly over 256 partitions", () => {
    const counts = new Int32Array(256);
    for (let index = 0; index < 256 * 400; index++) {
      const key = Buffer.from(`users/${index}`);
      counts[hashKey(key, 0, key.length, 1) >>> 24]!++;
    }
    // Six standard deviations of a fair spread: no seed of a sound hash fails it.
    for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(6 * 20);
  });
});
