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
  const ids = Int32Array.from(keys, (_, index) => index);
  sortEntries(entries, bytes, ids);
  return [...ids].map((entry) => keys[entry]!);
}

function expectSorted(keys: Buffer[]): void {
  const expected = [...keys].sort(Buffer.compare);
  const text = (key: Buffer): string => key.toString("latin1");
  expect(sorted(keys).map(text)).toEqual(expected.map(text));
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
    ["many random keys", () => numbered(9_000, randomText)],
    ["many random keys behind a shared prefix", () => numbered(9_000, (index) => `p/${randomText(index)}`)],
    [
      "many random keys behind a shared prefix, and some behind another",
      () => numbered(30_000, (index) => `${index % 9_999 === 77 ? "o" : "p"}/${randomText(index)}`),
    ],
    [
      "many random keys, and some that end early",
      () => [...numbered(30_000, randomText), "", "\0", "\xff\xff"],
    ],
    ["many numbers, and a few keys like no other", () => [...numbered(9_000, String), "#", "##", "12x"]],
    ["many numbers, and more such keys", () => [...numbered(9_000, String), ..."abcdefghijkl", "12x", "9#"]],
    ["many random keys, some of which begin alike", () => numbered(9_000, alikeText)],
    [
      "many random keys, of which each begins like others",
      () => numbered(9_000, (index) => randomText(index % 900).slice(0, 5) + index),
    ],
    [
      "many long numbers behind few",
      () => numbered(9_000, (index) => `${index % 90}`.repeat(12) + index * 7_919),
    ],
    [
      "numbers of one length, of which most are even",
      () => numbered(9_000, (index) => `${20_000 + index * 2}`),
    ],
    ["many keys that part late, and in few bits", () => numbered(8_192, (index) => `k${binary(index)}`)],
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

  test("tells keys apart whose numbers differ in the upper half only", () => {
    // Beside 9,000 random keys, 200 between which are 2^18 windows each; what is behind would put them upside down.
    const random = numbered(9_000, randomText).filter((key) => key.charCodeAt(0) < 0xf0);
    const apart = numbered(200, (index) => {
      const window = Buffer.alloc(4);
      window.writeUInt32BE(0xf000_0000 + index * 2 ** 18);
      return window.toString("latin1") + String(999 - index);
    });
    expectSorted([...random, ...apart].map((key) => Buffer.from(key, "latin1")));
  });
});

/** Random bytes, of which one key in nine shares the first five with others. */
function alikeText(index: number): string {
  return index % 9 === 0 ? randomText(index % 100).slice(0, 5) + index : randomText(index);
}

function numbered(count: number, key: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => key(index));
}

function binary(index: number): string {
  return index.toString(2).padStart(40, "0");
}

/** Bytes as random as a hash's, the same for the same index. */
function randomText(index: number): string {
  return Buffer.from(new Bun.CryptoHasher("md5").update(String(index)).digest()).toString("latin1");
}
