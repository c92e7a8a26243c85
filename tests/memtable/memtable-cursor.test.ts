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
