import { describe, expect, test } from "bun:test";
import { escapeBytes, quoteHead } from "../../src/cli/bytes-text.ts";
import { suggest } from "../../src/cli/suggest.ts";
import { randomBelow } from "../../src/lib/random.ts";
import { forManySeeds } from "../support/seeds.ts";

const utf8 = (text: string) => Buffer.from(text);

/** The bytes that a shown text stands for. */
function unescape(shown: string): Buffer {
  const letters = { "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t" };
  const parts = shown.match(/\\x[0-9a-f]{2}|\\.|[^\\]+/gsu) ?? [];
  return Buffer.concat(
    parts.map((part) =>
      part.startsWith("\\x")
        ? Buffer.from(part.slice(2), "hex")
        : Buffer.from(letters[part as keyof typeof letters] ?? part),
    ),
  );
}

describe("escapeBytes", () => {
  const cases: readonly [name: string, bytes: Uint8Array, shown: string][] = [
    ["text", utf8("users/1"), "users/1"],
    ["text of many alphabets", utf8("ünïcödé 漢字 🎉"), "ünïcödé 漢字 🎉"],
    ["a backslash", utf8("a\\b"), "a\\\\b"],
    ["line breaks and tabs", utf8("a\r\n\tb"), "a\\r\\n\\tb"],
    ["what takes hold of a terminal", utf8("\x1b[2J"), "\\x1b[2J"],
    ["what turns the direction of text", utf8("a\u202eb"), "a\\xe2\\x80\\xaeb"],
    ["bytes that are no UTF-8", Buffer.from([0x61, 0xff, 0xc3, 0x28, 0x80]), "a\\xff\\xc3(\\x80"],
    ["an overlong slash", Buffer.from([0xc0, 0xaf]), "\\xc0\\xaf"],
    ["half a character", utf8("é").subarray(0, 1), "\\xc3"],
    ["nothing", utf8(""), ""],
  ];
  for (const [name, bytes, shown] of cases) {
    test(`shows ${name}`, () => {
      expect(escapeBytes(bytes)).toBe(shown);
    });
  }

  test("loses nothing, and stays on its line", async () => {
    await forManySeeds(200, (random) => {
      const pool = [...utf8("aé漢🎉\\\n\t\u202e"), 0x00, 0x1b, 0x7f, 0x80, 0xc3, 0xe6, 0xf0, 0xff];
      const bytes = Buffer.from(Array.from({ length: 40 }, () => pool[randomBelow(random, pool.length)]!));
      const shown = escapeBytes(bytes);
      expect(unescape(shown)).toEqual(bytes);
      expect(shown).not.toMatch(/[\n\r\t\x1b]/);
    });
  });
});

test("quoteHead leaves out a character that was cut in two", () => {
  expect(quoteHead(utf8("aé").subarray(0, 2), 3)).toBe('"a"…');
  expect(quoteHead(utf8("aé"), 4)).toBe('"aé"…');
  expect(quoteHead(utf8('say "hi"'), 8)).toBe('"say \\"hi\\""');
});

test("suggest finds what was meant, and nothing where nothing is near", () => {
  const names = ["serve", "get", "put", "delete", "scan", "ping", "stats"];
  expect(["sevre", "gte", "delet", "sacn", "status"].map((typed) => suggest(typed, names))).toEqual([
    "serve",
    "get",
    "delete",
    "scan",
    "stats",
  ]);
  expect(suggest("frobnicate", names)).toBeUndefined();
});
