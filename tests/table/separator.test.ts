import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { commonLength } from "../../src/table/common-length.ts";
import { appendSeparator } from "../../src/table/separator.ts";
import { anyKey, check } from "./property.ts";

/** Both keys lie between other bytes, and so does the separator. */
function separatorOf(last: Buffer, first: Buffer): Buffer {
  const target = new ByteWriter(1);
  target.copy(Buffer.from("before"), 0, 6);
  const [lastAround, firstAround] = [last, first].map((key) =>
    Buffer.from(`<${key.toString("latin1")}>`, "latin1"),
  );
  const shared = commonLength(last, 0, first, 0, Math.min(last.length, first.length));
  appendSeparator(target, lastAround!, 1, last.length + 1, firstAround!, 1, first.length + 1, shared);
  expect(target.bytes.toString("latin1", 0, 6)).toBe("before");
  return Buffer.from(target.bytes.subarray(6, target.length));
}

/** The length of the shortest s with last <= s < first: of each length, the least s that qualifies is tried. */
function shortestLength(last: Buffer, first: Buffer): number {
  for (let length = 1; length < last.length; length++) {
    const raised = (BigInt(`0x${last.toString("hex", 0, length)}`) + 1n)
      .toString(16)
      .padStart(length * 2, "0");
    if (raised.length > length * 2) continue;
    if (Buffer.compare(Buffer.from(raised, "hex"), first) < 0) return length;
  }
  return last.length;
}

function expectShortest(last: Buffer, first: Buffer): void {
  const separator = separatorOf(last, first);
  const isBetween = Buffer.compare(last, separator) <= 0 && Buffer.compare(separator, first) < 0;
  const found = { last, first, separator, isBetween, length: separator.length };
  expect(found).toEqual({ ...found, isBetween: true, length: shortestLength(last, first) });
}

/** Every word of one to `length` of these bytes, at which carrying and comparing go wrong. */
function wordsUpTo(length: number): Buffer[] {
  if (length === 0) return [];
  const shorter = wordsUpTo(length - 1);
  const longest = length === 1 ? [Buffer.alloc(0)] : shorter.filter((word) => word.length === length - 1);
  const alphabet = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
  return [...shorter, ...longest.flatMap((word) => alphabet.map((byte) => Buffer.from([...word, byte])))];
}

describe("a separator", () => {
  const examples: [last: string, first: string, separator: string][] = [
    ["apple", "banana", "b"],
    ["users/0042", "users/0043", "users/0042"],
    ["users/00421", "users/0043", "users/00421"],
    ["users/004211", "users/0043", "users/00422"],
    ["users/0042", "users/00421", "users/0042"],
    ["users/0042", "users/0051", "users/005"],
    ["a1", "c", "b"],
    ["a1", "b", "a1"],
    ["a12", "b", "a2"],
    ["a\xff\xff2", "b", "a\xff\xff2"],
    ["a\xff2x", "b", "a\xff3"],
    ["same", "same", "same"],
  ];
  test.each(examples)("between %j and %j is %j", (last, first, separator) => {
    const bytes = separatorOf(Buffer.from(last, "latin1"), Buffer.from(first, "latin1"));
    expect(bytes.toString("latin1")).toBe(separator);
  });

  test("is the shortest there is, between any two short keys", () => {
    const keys = wordsUpTo(3).sort(Buffer.compare);
    for (const [index, last] of keys.entries()) {
      // Far away nothing changes but the first byte, so not every pair of those is tried.
      for (let other = index + 1; other < keys.length; other += other > index + 40 ? 17 : 1) {
        expectShortest(last, keys[other]!);
      }
    }
  });

  test("is the shortest there is, between any two keys", async () => {
    await check(fc.tuple(anyKey, anyKey), 2000, ([one, other]) => {
      const order = Buffer.compare(one, other);
      if (order !== 0) expectShortest(order < 0 ? one : other, order < 0 ? other : one);
    });
  });

  test("is refused between keys that do not ascend", () => {
    expect(() => separatorOf(Buffer.from("b"), Buffer.from("a"))).toThrow("blocks ascend");
    expect(() => separatorOf(Buffer.from("ab"), Buffer.from("a"))).toThrow("blocks ascend");
  });
});
