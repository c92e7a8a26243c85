import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filterLinesFor } from "../../src/table/filter.ts";
import * as format from "../../src/table/table-format.ts";
import { keyBytesMax, valueBytesMax } from "../../src/lib/limits.ts";
import { naiveCrc32c, naiveHash } from "./naive-hash.ts";
import { readNaively } from "./naive-table.ts";
import { hashSeed } from "./table-fixture.ts";

/** The specification, the code and the golden files say the same. */
const readme = readFileSync(join(import.meta.dir, "../../src/table/README.md"), "utf8");
const words = readme.replace(/\s+/g, " ");

const section = (title: string): string => {
  const start = readme.indexOf(`### ${title}`);
  expect(start).toBeGreaterThan(0);
  return readme.slice(start, readme.indexOf("\n#", start + 1));
};

/** The first two columns of a table whose rows begin with numbers. */
const rowsOf = (text: string): [number, number][] =>
  [...text.matchAll(/^\| +(\d+) \| +(\d+) \|/gm)].map(([, offset, bytes]) => [Number(offset), Number(bytes)]);

test("the example of the README is the golden file that it names, byte by byte", () => {
  const example = readme.slice(readme.indexOf("An example, byte by byte\n"));
  const [, path] = /`tests\/table\/(golden\/[^`]+)`/.exec(example)!;
  const lines = [...example.matchAll(/^([0-9a-f]{4}) {2}((?:[0-9a-f]+ ?)+) {2}/gm)];
  let bytes = Buffer.alloc(0);
  for (const [, offset, hex] of lines) {
    expect(Number.parseInt(offset!, 16)).toBe(bytes.length);
    bytes = Buffer.concat([bytes, Buffer.from(hex!.replaceAll(" ", ""), "hex")]);
  }
  expect(bytes.toString("hex")).toBe(readFileSync(join(import.meta.dir, path!)).toString("hex"));
});

test("the hash and the bits of the example's first key are those that the README names", () => {
  const [, hash, bits] =
    /The hash of "apple" under this seed is (\w+); .*? bits count, which are ([^.]+)\./.exec(words)!;
  expect(naiveHash(Buffer.from("apple"), hashSeed).toString(16)).toBe(hash!);
  let product = BigInt(`0x${hash}`);
  const named = [...bits!.matchAll(/\d+/g)].map(([number]) => number);
  const places = named.map(() => {
    product = (product * 0x9e37_79b1n) & 0xffff_ffffn;
    return String(product >> 23n);
  });
  expect(named).toEqual(places);
  expect(places.length).toBe(6);
});

test("the example's sections end with the checksum of the places that the README names", () => {
  const [, place, block, index] =
    /The place of the filter is `([0-9a-f ]+)`; .*? end with `(\w+)` and `(\w+)`/.exec(words)!;
  const filterPlace = Buffer.from(place!.replaceAll(" ", ""), "hex");
  const table = readFileSync(join(import.meta.dir, "golden/versions-v1/000000000012.table"));
  const { filterOffset, indexOffset } = readNaively(table).footer;
  const ends = [0, filterOffset, indexOffset, table.length - 120];
  for (const [section, offset] of [block!, filterPlace.toString("hex", 24), index!].entries()) {
    const placeOfSection = Buffer.concat([filterPlace.subarray(0, 24), Buffer.from(offset, "hex")]);
    const checksumAt = ends[section + 1]! - 4;
    const summed = Buffer.concat([placeOfSection, table.subarray(ends[section]!, checksumAt)]);
    expect(placeOfSection.readUInt32BE(24)).toBe(ends[section]!);
    expect(naiveCrc32c(summed)).toBe(table.readUInt32BE(checksumAt));
  }
});

describe("the drawn bytes are the constants of the code:", () => {
  test("a place is the store, the table and the offset", () => {
    expect(rowsOf(section("The checksum of a place"))).toEqual([
      [0, format.storeIdBytes],
      [format.storeIdBytes, 8],
      [format.storeIdBytes + 8, 4],
    ]);
  });

  test("the footer's fields lie back to back and fill it", () => {
    let end = 0;
    for (const [offset, bytes] of rowsOf(section("The footer, 120 bytes"))) {
      expect(offset).toBe(end);
      end = offset + bytes;
    }
    expect(end).toBe(format.footerBytes);
  });

  test("the footer's offsets are those that the code writes to", () => {
    const source = readFileSync(join(import.meta.dir, "../../src/table/table-footer.ts"), "utf8");
    const encoder = source.slice(
      source.indexOf("function encodeFooter"),
      source.indexOf("function decodeFooter"),
    );
    const written = [...encoder.matchAll(/\bfooter\.(\w+), at \+ (\d+)\)/g)].map(
      ([, name, at]) => `${name} ${at}`,
    );
    const drawn = [...section("The footer, 120 bytes").matchAll(/^\| +(\d+) \| +\d+ \| (\w+) +\|/gm)];
    expect(written.length).toBe(17);
    expect(drawn.map(([, at, name]) => `${name} ${at}`)).toEqual(expect.arrayContaining(written));
  });

  test("sizes, limits and counts", () => {
    const sentences = [
      `at most **${format.blockBytesMax} bytes**`,
      `where in the block the entries 0, ${format.restartInterval}, ${format.restartInterval * 2}, …`,
      `1 to ${format.filterLinesMax.toLocaleString("en")}`,
      `1 to ${keyBytesMax.toLocaleString("en")} bytes`,
      `(${valueBytesMax.toLocaleString("en")} bytes)`,
      `in lines of ${format.filterLineBytes} bytes`,
      `Flag ${format.entryFlag.tombstone} is a tombstone`,
      `Flag ${format.entryFlag.expiry} is reserved`,
      `${format.entryFlagsRange} × the value's length + flags`,
      `\`${format.tableName(12)}\``,
      `\`${format.tableMagic.toString("latin1")}\``,
    ];
    for (const sentence of sentences) expect(words).toContain(sentence);
    expect(words).toContain("every 48 different keys, rounded up");
    expect([filterLinesFor(48), filterLinesFor(49)]).toEqual([1, 2]);
    expect(section("The index")).toContain(`| ${format.indexPairBytes} × n |`);
    const blockEnd = [format.restartOffsetBytes, format.restartCountBytes, format.checksumBytes];
    expect(section("The block")).toMatch(
      new RegExp(
        `\\| ${blockEnd[0]} × r \\|[^]*\\| +${blockEnd[1]} \\| restart count[^]*\\| +${blockEnd[2]} \\| checksum`,
      ),
    );
  });
});
