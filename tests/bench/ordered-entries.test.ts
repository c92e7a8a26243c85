import { expect, test } from "bun:test";
import { keyBytes, writeKey } from "./numbered-entries.ts";
import { OrderedEntries } from "./ordered-entries.ts";
import { rangeRequestsChecked } from "./range-requests.ts";
import { entryOf } from "./entry-of.ts";
import { EntryBuffers } from "./embedded-store.ts";

test("ranks follow the bytes of the keys", () => {
  const entries = new OrderedEntries(500);
  const keys = Array.from({ length: 500 }, (_, number) => {
    const key = Buffer.alloc(keyBytes);
    writeKey(new DataView(key.buffer, key.byteOffset), 0, number);
    return { number, key };
  });
  const numbers = keys.sort((a, b) => a.key.compare(b.key)).map(({ number }) => number);
  expect(entries.isRange(0, 500, numbers)).toBe(true);
  expect(entries.isRange(100, 3, numbers.slice(100, 103))).toBe(true);
  expect(entries.isRange(100, 3, numbers.slice(101, 104))).toBe(false);
  expect(entries.isRange(100, 3, numbers.slice(100, 102))).toBe(false);
});

test("an entry is known by its key and its value, and by nothing less", () => {
  const { key, value } = filled(7);
  expect(entryOf(key, value)).toBe(7);
  expect(entryOf(key, filled(8).value)).toBe(-1);
  expect(entryOf(key.subarray(1), value)).toBe(-1);
  value[99]! ^= 1;
  expect(entryOf(key, value)).toBe(-1);
});

test("a request for a range names the key of its first entry and of the one behind its last", () => {
  const entries = new OrderedEntries(100);
  const kind = rangeRequestsChecked(entries, 10);
  const frame = Buffer.from(kind.frame);
  kind.fill(new DataView(frame.buffer, frame.byteOffset), 0, 20);
  expect(frame.indexOf(filled(entries.numberOf(20)).key)).toBeGreaterThan(0);
  expect(frame.indexOf(filled(entries.numberOf(30)).key)).toBeGreaterThan(0);
});

function filled(number: number): EntryBuffers {
  const entry = new EntryBuffers();
  entry.fill(number);
  return entry;
}
