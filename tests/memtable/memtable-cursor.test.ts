import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { keyBytesMax } from "../../src/lib/limits.ts";
import type { MemtableCursor } from "../../src/memtable/memtable-cursor.ts";
import { check } from "./check.ts";
import { anyKey, someKeys } from "./keys.ts";
import { expectedScan, MemtableAndModel } from "./memtable-and-model.ts";

const bytes = Buffer.alloc(4 * 1024 * 1024);

function seek(
  cursor: MemtableCursor,
  from: Buffer | undefined,
  reverse: boolean,
  inclusive: boolean,
): boolean {
  return from === undefined
    ? cursor.seekStart(reverse)
    : cursor.seek(from, 0, from.length, reverse, inclusive);
}

function numberKey(index: number): Buffer {
  return Buffer.from(String(index).padStart(6, "0"));
}

function keyText(entry: { key: Buffer }): string {
  return entry.key.toString();
}

describe("MemtableCursor", () => {
  test("finds what a sorted array holds, from any key, both ways, between any writes", () => {
    const scan = fc.record({
      from: fc.option(fc.oneof(anyKey, fc.nat()), { nil: undefined }),
      reverse: fc.boolean(),
      inclusive: fc.boolean(),
    });
    const step = fc.oneof(fc.record({ key: fc.nat(), remove: fc.boolean() }), scan);
    check(fc.tuple(someKeys, fc.array(step, { maxLength: 60 })), 300, ([keys, steps]) => {
      const both = new MemtableAndModel({ bytes });
      const cursor = both.memtable.cursor();
      for (const step of steps) {
        if ("key" in step) {
          const key = keys[step.key % keys.length]!;
          if (step.remove) both.delete(key);
          else both.put(key);
        } else {
          const from = typeof step.from === "number" ? keys[step.from % keys.length] : step.from;
          const expected = expectedScan(both.sortedModel(), from, step.reverse, step.inclusive);
          expect(seek(cursor, from, step.reverse, step.inclusive)).toBe(expected.length > 0);
          expect(both.rest(cursor)).toEqual(expected);
          expect(cursor.next()).toBe(false);
        }
      }
      both.memtable.assertInvariants();
    });
  });

  test("walks over keys of the greatest length", () => {
    const both = new MemtableAndModel();
    const longest = Buffer.alloc(keyBytesMax, "k");
    for (const last of [0xff, 0x00, 0x6b]) {
      const key = Buffer.from(longest);
      key[keyBytesMax - 1] = last;
      both.put(key);
    }
    both.put(longest.subarray(0, keyBytesMax - 1));
    const cursor = both.memtable.cursor();
    cursor.seek(longest, 0, longest.length, false, false);
    expect(both.rest(cursor).map((entry) => entry.key[keyBytesMax - 1])).toEqual([0xff]);
    cursor.seek(longest, 0, longest.length, true, true);
    expect(both.rest(cursor).map((entry) => entry.key[keyBytesMax - 1])).toEqual([0x6b, 0x00, undefined]);
  });

  const orders: [name: string, keyOf: (index: number) => number][] = [
    ["ascending", (index) => index],
    ["descending", (index) => 9_999 - index],
    ["alternating from both ends", (index) => (index % 2 === 0 ? index : 9_999 - index)],
    ["scattered", (index) => (index * 7_919) % 10_000],
    ["ascending in the middle of others", (index) => (index < 600 ? index * 16 : 4_801 + (index % 4_000))],
  ];
  test.each(orders)("finds each key at once when new keys come one by one, %s", (_, keyOf) => {
    const both = new MemtableAndModel({ bytes });
    const cursor = both.memtable.cursor();
    for (let index = 0; index < 3_000; index++) {
      const key = Buffer.from(String(keyOf(index)).padStart(5, "0"));
      const entry = both.put(key);
      expect(cursor.seek(key, 0, key.length, false, true)).toBe(true);
      expect(cursor.entry).toBe(entry);
      if (index % 500 === 499) both.memtable.assertInvariants();
    }
    cursor.seekStart(false);
    expect(both.rest(cursor)).toEqual(both.sortedModel());
    cursor.seekStart(true);
    expect(both.rest(cursor)).toEqual(both.sortedModel().reverse());
  });

  const crowds: [name: string, keyOf: (index: number) => string][] = [
    ["scattered", (index) => String((index * 7_919) % 100_003).padStart(6, "0")],
    ["ascending", (index) => String(index).padStart(6, "0")],
    ["descending", (index) => String(99_999 - index)],
    ["all between two keys", (index) => (index < 5_000 ? `a${index}` : `a17/${(index * 7_919) % 100_003}`)],
    ["of several families", (index) => `${["users", "orders", "sessions"][index % 3]}/${index}`],
    ["random", (index) => Bun.hash(String(index)).toString(36)],
  ];
  const readers: [name: string, ordersAhead: boolean, every: number][] = [
    ["nobody reads before the end", false, 30_000],
    ["nobody reads before the end, and the order is kept ahead", true, 30_000],
    ["somebody reads now and then", false, 3_700],
    ["somebody reads at every 37th key", false, 37],
  ];
  for (const [reader, ordersAhead, every] of readers) {
    test.each(crowds)(`finds all of 12,000 keys, %s, where ${reader}`, (_, keyOf) => {
      const both = new MemtableAndModel({ bytes, ordersAhead });
      const cursor = both.memtable.cursor();
      for (let index = 0; index < 12_000; index++) {
        const key = Buffer.from(keyOf(index));
        const entry = both.put(key, Buffer.alloc(0));
        if (index % every !== every - 1) continue;
        expect(cursor.seek(key, 0, key.length, index % 2 === 0, true)).toBe(true);
        expect(cursor.entry).toBe(entry);
      }
      both.memtable.assertInvariants();
      for (const reverse of [false, true]) {
        cursor.seekStart(reverse);
        const found = both.rest(cursor).map((entry) => entry.key.toString());
        expect(found).toEqual(expectedScan(both.sortedModel(), undefined, reverse, true).map(keyText));
      }
      both.memtable.assertInvariants();
    });
  }

  /** 12,000 keys in order, then 1,900 that wait in one leaf, between two of them. */
  function crowded(): MemtableAndModel {
    const both = new MemtableAndModel({ bytes });
    for (let index = 0; index < 12_000; index++) both.put(numberKey(index), Buffer.alloc(0));
    both.memtable.cursor().seekStart(false);
    for (let index = 0; index < 1_900; index++) {
      both.put(
        Buffer.concat([numberKey(6_000), Buffer.from(`/${(index * 7_919) % 10_007}`)]),
        Buffer.alloc(0),
      );
    }
    return both;
  }

  test.each([true, false])(
    "walks into a leaf that becomes many when somebody comes, in reverse: %p",
    (reverse) => {
      const both = crowded();
      const cursor = both.memtable.cursor();
      const from = numberKey(reverse ? 9_000 : 3_000);
      cursor.seek(from, 0, from.length, reverse, true);
      const expected = expectedScan(both.sortedModel(), from, reverse, true);
      expect(both.rest(cursor).map(keyText)).toEqual(expected.map(keyText));
      both.memtable.assertInvariants();
    },
  );

  test("a walk goes on rightly when another one makes many leaves of one before it", () => {
    const both = crowded();
    const cursor = both.memtable.cursor();
    const from = numberKey(9_000);
    cursor.seek(from, 0, from.length, false, true);
    const other = both.memtable.cursor();
    other.seek(numberKey(6_000), 0, 6, false, true);
    const expected = expectedScan(both.sortedModel(), from, false, true);
    expect(both.rest(cursor).map(keyText)).toEqual(expected.map(keyText));
  });

  test("keeps the order ahead once somebody has sought, and not before", () => {
    const both = new MemtableAndModel({ bytes, entriesExpected: 10_000 });
    const put = (from: number, to: number): number => {
      const before = both.memtable.memoryBytes;
      for (let index = from; index < to; index++) both.put(Buffer.from(`key ${index}`));
      return both.memtable.memoryBytes - before;
    };
    put(0, 1);
    expect(put(1, 4_096)).toBe(0);
    expect(both.memtable.isScanned).toBe(false);
    both.memtable.cursor().seekStart(false);
    expect(both.memtable.isScanned).toBe(true);
    // One chunk of entries, and 4 bytes a key in the leaves, which grow by a quarter.
    expect(put(4_096, 8_192)).toBeGreaterThan(65_536 + 3_000 * 4);

    const ahead = new MemtableAndModel({ bytes, entriesExpected: 10_000, ordersAhead: true });
    const empty = ahead.memtable.memoryBytes;
    for (let index = 0; index < 4_096; index++) ahead.put(Buffer.from(`key ${index}`));
    expect(ahead.memtable.memoryBytes - empty).toBeGreaterThan(65_536 + 3_000 * 4);
    expect(ahead.memtable.isScanned).toBe(false);
  });

  test("fills its leaves when keys come one by one in ascending order", () => {
    const both = new MemtableAndModel({ bytes, entriesExpected: 10_000 });
    const empty = both.memtable.memoryBytes;
    const cursor = both.memtable.cursor();
    for (let index = 0; index < 4_096; index++) {
      both.put(Buffer.from([1 + (index >> 8), index & 255]));
      cursor.seekStart(false);
    }
    // One chunk of entries at 16 bytes, and 4 bytes a key in the leaves, of which one may be half full.
    expect(both.memtable.memoryBytes - empty).toBeLessThanOrEqual(4_096 * (16 + 4) + 512 * 4);
  });

  test("needs no order before the first seek", () => {
    const both = new MemtableAndModel({ bytes, entriesExpected: 10_000 });
    const empty = both.memtable.memoryBytes;
    const cursor = both.memtable.cursor();
    for (let index = 0; index < 1_000; index++) both.put(Buffer.from(`key ${index}`));
    expect(both.memtable.memoryBytes - empty).toBe(4_096 * 16);
    cursor.seekStart(false);
    expect(both.memtable.memoryBytes - empty).toBeGreaterThan(4_096 * 16);
  });

  test("goes on rightly when keys are added, overwritten and deleted under way", () => {
    const write = fc.record({ key: fc.nat(), remove: fc.boolean() });
    const steps = fc.array(fc.oneof(write, fc.constantFrom("next" as const, "other cursor" as const)), {
      maxLength: 80,
    });
    check(fc.tuple(someKeys, fc.nat(), fc.boolean(), steps), 300, ([keys, first, reverse, steps]) => {
      const both = new MemtableAndModel({ bytes });
      const half = keys.slice(0, Math.ceil(keys.length / 2));
      for (const key of half) both.put(key);
      const atSeek = expectedScan(both.sortedModel(), keys[first % keys.length], reverse, true);
      const cursor = both.memtable.cursor();
      const other = both.memtable.cursor();
      seek(cursor, keys[first % keys.length], reverse, true);

      const walked: Buffer[] = [];
      const visit = (): void => {
        if (cursor.entry === -1) return;
        const read = both.read(cursor.entry);
        expect(read).toEqual(both.model.get(read.key.toString("latin1"))!);
        walked.push(read.key);
        cursor.next();
      };
      for (const step of steps) {
        if (step === "next") visit();
        else if (step === "other cursor") other.seekStart(false);
        else if (step.remove) both.delete(keys[step.key % keys.length]!);
        else both.put(keys[step.key % keys.length]!);
      }
      while (cursor.entry !== -1) visit();

      const inOrder = [...walked].sort((a, b) => Buffer.compare(a, b) * (reverse ? -1 : 1));
      expect(walked).toEqual(inOrder);
      const names = walked.map((key) => key.toString("latin1"));
      expect(new Set(names).size).toBe(names.length);
      for (const entry of atSeek) expect(names).toContain(entry.key.toString("latin1"));
    });
  });
});
