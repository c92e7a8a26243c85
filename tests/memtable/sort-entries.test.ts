import { describe, expect, test } from "bun:test";
import { EntryList } from "../../src/memtable/entry-list.ts";
import { sortEntries } from "../../src/memtable/sort-entries.ts";
import fc from "fast-check";
import { randomBelow, seededRandom } from "../../src/lib/random.ts";
import { check } from "./check.ts";
import { anyKey } from "./keys.ts";

function sorted(keys: Buffer[]): Buffer[] {
  const bytes = Buffer.concat(keys);
  const entries = new EntryList();
  let start = 0;
  for (const key of keys) {
    entries.append(0, start, key.length, 0, 1, false);
    start += key.length;
  }
  return [...sortEntries(entries, bytes, keys.length)].map((entry) => keys[entry]!);
}

function expectSorted(keys: Buffer[]): void {
  const expected = [...keys].sort(Buffer.compare);
  expect(sorted(keys).map(String)).toEqual(expected.map(String));
}

describe("sortEntries", () => {
  test("gives every key once, in the order of Buffer.compare", () => {
    const distinct = fc.uniqueArray(anyKey, { selector: (key) => key.toString("latin1"), maxLength: 150 });
    check(distinct, 300, (keys) => {
      const expected = [...keys].sort(Buffer.compare);
      expect(Buffer.concat(sorted(keys)).equals(Buffer.concat(expected))).toBe(true);
      expect(sorted(keys).map((key) => key.length)).toEqual(expected.map((key) => key.length));
    });
  });

  const shapes: [name: string, keys: () => string[]][] = [
    ["no key", () => []],
    ["one key", () => ["a"]],
    ["all keys of one byte", () => numbered(256, (index) => String.fromCharCode(index))],
    [
      "all keys of two bytes",
      () => numbered(65_536, (index) => String.fromCharCode(index >> 8, index & 255)),
    ],
    ["numbers behind a shared prefix", () => numbered(20_000, (index) => `users/${index}`)],
    [
      "several prefixes",
      () => numbered(9_000, (index) => `${["users", "user", "orders"][index % 3]}/${index}`),
    ],
    ["a chain of prefixes", () => numbered(2_000, (index) => "a".repeat(index + 1))],
    ["a chain of zeros", () => numbered(2_000, (index) => "\0".repeat(index + 1))],
    [
      "chains that end in each window",
      () => numbered(3_000, (index) => "ab\0".repeat(index % 9) + "\0".repeat(1 + index / 9)),
    ],
    ["a long shared prefix", () => numbered(3_000, (index) => "p".repeat(1_000) + index)],
  ];
  test.each(shapes)("sorts %s", (_, makeKeys) => {
    const random = seededRandom(1);
    const keys = [...new Set(makeKeys())];
    for (let at = keys.length - 1; at > 0; at--) {
      const other = randomBelow(random, at + 1);
      [keys[at], keys[other]] = [keys[other]!, keys[at]!];
    }
    expectSorted(keys.map((key) => Buffer.from(key, "latin1")));
  });
});

function numbered(count: number, key: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => key(index));
}
