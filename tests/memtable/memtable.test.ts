import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { keyBytesMax, seqMax } from "../../src/lib/limits.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { Memtable } from "../../src/memtable/memtable.ts";
import { check } from "./check.ts";
import { anyKey, someKeys } from "./keys.ts";
import { type HashFunction, MemtableAndModel } from "./memtable-and-model.ts";

const bytes = Buffer.alloc(1024 * 1024);

describe("Memtable", () => {
  test("says of every key what a Map says, after any puts and deletes", () => {
    const operations = fc.array(fc.record({ key: fc.nat(), remove: fc.boolean(), value: fc.uint8Array() }), {
      maxLength: 200,
    });
    check(fc.tuple(someKeys, operations, fc.array(anyKey)), 150, ([keys, steps, others]) => {
      const both = new MemtableAndModel({ bytes });
      for (const step of steps) {
        const key = keys[step.key % keys.length]!;
        if (step.remove) both.delete(key);
        else both.put(key, Buffer.from(step.value));
      }
      both.expectAgreement();
      for (const key of others) expect(both.find(key)).toEqual(both.model.get(key.toString("latin1"))!);
    });
  });

  test("finds nothing when it is empty", () => {
    const both = new MemtableAndModel();
    expect(both.find(Buffer.from("key"))).toBeUndefined();
    both.expectAgreement();
  });

  test("keeps the entry of a key that is written again", () => {
    const both = new MemtableAndModel();
    const key = Buffer.from("key");
    const entry = both.put(key);
    both.put(Buffer.from("other"));
    expect(both.delete(key)).toBe(entry);
    expect(both.memtable.tombstoneCount).toBe(1);
    expect(both.put(key)).toBe(entry);
    expect(both.memtable.tombstoneCount).toBe(0);
    expect(both.memtable.entryCount).toBe(2);
  });

  test("tells the longest keys apart by their last byte, and from their own beginning", () => {
    const both = new MemtableAndModel();
    const longest = Buffer.alloc(keyBytesMax, "k");
    for (const last of [0x00, 0x6b, 0xff]) {
      const key = Buffer.from(longest);
      key[keyBytesMax - 1] = last;
      both.put(key);
    }
    both.put(longest.subarray(0, keyBytesMax - 1));
    both.put(longest.subarray(0, 1));
    both.expectAgreement();
    expect(both.memtable.entryCount).toBe(5);
  });

  test("does not take a longer key for one that ends where the segment ends", () => {
    const small = Buffer.from("....key");
    const memtable = new Memtable({ bytes: small, seqBefore: 0, hashSeed: 0 });
    memtable.put(1, 4, 3, 0, 1);
    expect(memtable.find(1, Buffer.from("keys"), 0, 4)).toBe(-1);
    expect(memtable.find(1, Buffer.from("ke"), 0, 2)).toBe(-1);
    expect(memtable.find(1, Buffer.from("key"), 0, 3)).toBe(0);
  });

  const adversarial: [name: string, hash: HashFunction][] = [
    ["all 0", () => 0],
    ["all -1", () => -1],
    ["all 0x80000000, given unsigned", () => 0x8000_0000],
    ["equal but for the partition", (key) => hashKey(key, 0, key.length, 0) & 0xff00_0000],
    ["equal but for the tag", (key) => hashKey(key, 0, key.length, 0) & 0x000f_8000],
    ["at the last slots of every partition", (key) => hashKey(key, 0, key.length, 0) | 0x0000_7ff0],
  ];
  test.each(adversarial)("stays right when hashes are %s", (_, hash) => {
    const both = new MemtableAndModel({ hash });
    for (let index = 0; index < 600; index++) both.put(Buffer.from(`key ${index}`));
    for (let index = 0; index < 600; index += 3) both.delete(Buffer.from(`key ${index}`));
    both.expectAgreement();
    expect(both.find(Buffer.from("key 600"))).toBeUndefined();
  });

  test("keeps every key when a partition grows, at each of its sizes", () => {
    const both = new MemtableAndModel({ hash: (key) => hashKey(key, 0, key.length, 0) & 0x00ff_ffff });
    for (let index = 0; index < 800; index++) {
      both.put(Buffer.from(`key ${index}`));
      // 12 of 16 slots, 24 of 32, …: just before, at and behind the doubling.
      const size = both.memtable.entryCount;
      if ([11, 12, 13, 24, 25, 48, 49, 96, 97, 192, 193, 384, 385, 768, 769].includes(size)) {
        both.expectAgreement();
      }
    }
    both.expectAgreement();
  });

  test("keeps every key when one partition has more slots than entries store bits of the hash", () => {
    // 30,000 keys in one partition need 65,536 slots, so their places depend on a bit of the tag.
    const both = new MemtableAndModel({ hash: (key) => hashKey(key, 0, key.length, 0) & 0x00ff_ffff });
    for (let index = 0; index < 30_000; index++) both.put(Buffer.from(`${index}`), Buffer.alloc(0));
    both.expectAgreement();
  });

  test("stays right beyond the keys that it was told to expect", () => {
    for (const entriesExpected of [0, 1, 3_072, 3_073, 10_000]) {
      const both = new MemtableAndModel({ bytes, entriesExpected });
      for (let index = 0; index < 4_000; index++) both.put(Buffer.from(`key ${index}`));
      both.expectAgreement();
    }
  });

  test("needs no more memory for an overwrite, and at most 43 bytes a key however full it is", () => {
    const both = new MemtableAndModel({ bytes: Buffer.alloc(16 * 1024 * 1024) });
    for (let index = 0; index < 60_000; index++) {
      both.put(Buffer.from(`key ${index}`));
      // 21 bytes of slots just after all partitions doubled, 16 bytes of entry, and the chunk that was just begun.
      if (index >= 10_000 && index % 1_000 === 0)
        expect(both.memtable.memoryBytes / both.memtable.entryCount).toBeLessThan(43 + 65_536 / index);
    }
    const before = both.memtable.memoryBytes;
    for (let index = 0; index < 1_000; index++) both.put(Buffer.from(`key ${index}`));
    expect(both.memtable.memoryBytes).toBe(before);
  });

  test("gives back versions up to 2^32 - 1 above its seqBefore", () => {
    for (const seqBefore of [0, 0xffff_ffff, seqMax - 0xffff_ffff]) {
      const memtable = new Memtable({ bytes, seqBefore, hashSeed: 0 });
      bytes.write("abc");
      for (const [place, age] of [1, 0x8000_0000, 0xffff_ffff].entries()) {
        const entry = memtable.put(0, place, 1, 0, seqBefore + age);
        expect(memtable.version(entry)).toBe(seqBefore + age);
      }
      memtable.assertInvariants();
    }
  });

  test("takes the operations of a batch, which share a version, in their order", () => {
    const memtable = new Memtable({ bytes, seqBefore: 0, hashSeed: 0 });
    bytes.write("keyAkeyB");
    memtable.put(0, 0, 3, 1, 9);
    const entry = memtable.put(0, 4, 3, 1, 9);
    expect(bytes.toString("latin1", memtable.valueStart(entry), memtable.valueEnd(entry))).toBe("B");
  });

  const misuses: [name: string, misuse: (memtable: Memtable) => void][] = [
    ["a version that is not above seqBefore", (memtable) => memtable.put(0, 0, 1, 0, 100)],
    ["a version 2^32 above seqBefore", (memtable) => memtable.put(0, 0, 1, 0, 100 + 2 ** 32)],
    ["an empty key", (memtable) => memtable.put(0, 0, 0, 0, 101)],
    ["a key of 65,536 bytes", (memtable) => memtable.delete(0, 0, keyBytesMax + 1, 101)],
    ["a value that ends behind the segment", (memtable) => memtable.put(0, bytes.length - 2, 1, 2, 101)],
    ["a key that begins before the segment", (memtable) => memtable.put(0, -1, 1, 0, 101)],
    [
      "a version that goes back",
      (memtable) => {
        memtable.put(0, 0, 1, 0, 102);
        memtable.put(0, 0, 1, 0, 101);
      },
    ],
  ];
  test.each(misuses)("refuses %s", (_, misuse) => {
    const memtable = new Memtable({ bytes, seqBefore: 100, hashSeed: 0 });
    expect(() => misuse(memtable)).toThrow("Holdfast has a bug");
  });
});
