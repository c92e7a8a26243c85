import { describe, expect, test } from "bun:test";
import { Memtable } from "../../src/memtable/memtable.ts";
import { MemtableAndModel } from "./memtable-and-model.ts";

const bytes = Buffer.alloc(8 * 1024 * 1024);

function filled(keys: number, reuse?: Memtable): MemtableAndModel {
  const both = new MemtableAndModel({
    bytes: Buffer.alloc(2 * 1024 * 1024),
    entriesExpected: keys,
    ...(reuse && { reuse }),
  });
  for (let index = 0; index < keys; index++) both.put(Buffer.from(`key ${index}`));
  both.memtable.keepVersionsThrough = both.version;
  for (let index = 0; index < keys; index += 3) both.delete(Buffer.from(`key ${index}`));
  return both;
}

describe("a memtable that reuses the arrays of another", () => {
  const sizes: [name: string, before: number, after: number][] = [
    ["as many keys", 9_000, 9_000],
    ["more keys", 100, 20_000],
    ["fewer keys", 20_000, 100],
    ["no keys", 9_000, 0],
    ["keys after none", 0, 9_000],
  ];
  test.each(sizes)("knows nothing of that one's keys: %s", (_, before, after) => {
    const old = filled(before);
    old.memtable.cursor().seekStart(false);
    const both = filled(after, old.memtable);
    both.expectAgreement();
    const cursor = both.memtable.cursor();
    cursor.seekStart(false);
    expect(both.rest(cursor)).toEqual(both.sortedModel());
    for (let index = after; index < before; index += 7) {
      expect(both.find(Buffer.from(`key ${index}`))).toBeUndefined();
    }
  });

  test("makes no arrays as long as it is no larger, through many generations", () => {
    let { memtable } = filled(6_500);
    const before = memtable.memoryBytes;
    for (let generation = 0; generation < 5; generation++) {
      const next = new MemtableAndModel({ bytes, entriesExpected: 6_500, reuse: memtable });
      expect(next.memtable.memoryBytes).toBeGreaterThan(before / 2);
      const empty = next.memtable.memoryBytes;
      for (let index = 0; index < 6_500; index++) next.put(Buffer.from(`key ${index} of ${generation}`));
      expect(next.memtable.memoryBytes).toBe(empty);
      memtable = next.memtable;
    }
  });

  test("hands on no more arrays than it has used", () => {
    const large = filled(20_000);
    const small = new MemtableAndModel({ bytes, reuse: large.memtable });
    small.put(Buffer.from("key"));
    const next = new Memtable({ bytes, seqBefore: 0, hashSeed: 0, reuse: small.memtable });
    const fresh = new Memtable({ bytes, seqBefore: 0, hashSeed: 0 });
    expect(next.memoryBytes - fresh.memoryBytes).toBe(4_096 * 16);
  });

  const key = Buffer.from("key 1");
  const misuses: [name: string, misuse: (old: Memtable, entry: number) => void][] = [
    ["put", (old) => old.put(0, 0, 1, 0, 100_000)],
    ["delete", (old) => old.delete(0, 0, 1, 100_000)],
    ["find", (old) => old.find(0, key, 0, key.length)],
    ["keyStart", (old, entry) => old.keyStart(entry)],
    ["keyEnd", (old, entry) => old.keyEnd(entry)],
    ["valueStart", (old, entry) => old.valueStart(entry)],
    ["valueEnd", (old, entry) => old.valueEnd(entry)],
    ["version", (old, entry) => old.version(entry)],
    ["isTombstone", (old, entry) => old.isTombstone(entry)],
    ["visible", (old, entry) => old.visible(entry, 100_000)],
    ["older", (old, entry) => old.older(entry)],
    ["memoryBytes", (old) => old.memoryBytes],
    ["a scan", (old) => old.cursor().seekStart(false)],
    ["a scan from the end", (old) => old.cursor().seekStart(true)],
    ["a seek", (old) => old.cursor().seek(key, 0, key.length, false, true)],
    ["being reused again", (old) => new Memtable({ bytes, seqBefore: 0, hashSeed: 0, reuse: old })],
  ];
  test.each(misuses)("makes %s on that one an assertion", (_, misuse) => {
    const old = filled(2_000).memtable;
    const entry = old.put(0, 0, 1, 0, 10_000);
    new Memtable({ bytes, seqBefore: 0, hashSeed: 0, reuse: old });
    expect(() => misuse(old, entry)).toThrow(
      "Holdfast has a bug: this does not hold: a memtable whose arrays",
    );
  });

  test("stops a walk over that one", () => {
    const old = filled(2_000).memtable;
    const cursor = old.cursor();
    cursor.seekStart(false);
    new Memtable({ bytes, seqBefore: 0, hashSeed: 0, reuse: old });
    expect(() => cursor.next()).toThrow("Holdfast has a bug");
  });
});
