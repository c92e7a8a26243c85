import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { crc32c } from "../../src/lib/crc32c.ts";
import { IndexBuilder } from "../../src/table/index-builder.ts";
import { blockOffset, indexProblem, separatorOffset } from "../../src/table/index-section.ts";
import { checksumSeedOf, seedAt } from "../../src/table/section-checksum.ts";
import type { TableFooter } from "../../src/table/table-footer.ts";

const storeId = new Uint8Array(16).fill(5);
const seed = seedAt(checksumSeedOf(storeId, 1), 8168);

/** The blocks "apple" to "cherry", "date" to "fig", "grape" to "kiwi", and what the footer says of them. */
function example(): { index: Buffer; footer: TableFooter } {
  const builder = new IndexBuilder();
  const target = new ByteWriter(1);
  target.copy(Buffer.from("before"), 0, 6);
  const [cherry, date, fig, grape] = ["cherry", "date", "fig", "grape"].map((key) => Buffer.from(key));
  builder.addBlock(0);
  builder.addSeparator(cherry!, 6, date!, 0, 4, 0);
  builder.addBlock(4000);
  builder.addSeparator(fig!, 3, grape!, 0, 5, 0);
  builder.addBlock(8000);
  const indexBytes = builder.write(target, 8100, Buffer.from("apple"), Buffer.from("kiwi"), seed);
  const index = Buffer.from(target.bytes.subarray(6, target.length));
  expect(index.length).toBe(indexBytes);
  const footer: TableFooter = {
    storeId,
    number: 1,
    entryCount: 9,
    tombstoneCount: 0,
    keyBytes: 50,
    valueBytes: 0,
    versionMin: 0,
    versionMax: 9,
    hashSeed: 0,
    blockCount: builder.blockCount,
    filterOffset: 8100,
    filterBytes: 68,
    indexOffset: 8168,
    indexBytes,
    firstKeyBytes: 5,
    lastKeyBytes: 4,
    fileChecksum: 0,
  };
  return { index, footer };
}

describe("an index", () => {
  test("says where blocks and separators begin and end, and which keys are the first and the last", () => {
    const { index, footer } = example();
    expect(indexProblem(index, footer)).toBeUndefined();
    expect([0, 1, 2, 3].map((block) => blockOffset(index, block))).toEqual([0, 4000, 8000, 8100]);
    const separators = [0, 1, 2].map((block) =>
      index.toString("latin1", separatorOffset(index, block), separatorOffset(index, block + 1)),
    );
    expect(separators).toEqual(["d", "g", "kiwi"]);
    expect(index.toString("latin1", separatorOffset(index, 3), index.length - 4)).toBe("applekiwi");
  });

  test("is refused with any bit flipped, and in any other length", () => {
    const { index, footer } = example();
    for (let bit = 0; bit < index.length * 8; bit++) {
      index[bit >> 3]! ^= 1 << (bit & 7);
      expect(indexProblem(index, footer)).toBe("the checksum of its index does not match");
      index[bit >> 3]! ^= 1 << (bit & 7);
    }
    for (let length = 0; length < index.length; length++) {
      expect(indexProblem(index.subarray(0, length), footer)).toBe("its index is cut short");
    }
  });

  test.each<[string, Partial<TableFooter>]>([
    ["of another store", { storeId: new Uint8Array(16).fill(6) }],
    ["of another table", { number: 2 }],
    ["from another place", { indexOffset: 8232, filterBytes: 132 }],
  ])("%s is refused, whole as it is", (_, other) => {
    const { index, footer } = example();
    expect(indexProblem(index, { ...footer, ...other })).toBe("the checksum of its index does not match");
  });

  const forgeries: [what: string, forge: (index: Buffer, footer: TableFooter) => void, problem: string][] = [
    ["a gap before the first block", (index) => index.writeUInt32BE(1, 0), "does not cover the blocks"],
    [
      "blocks that end before the filter",
      (index) => index.writeUInt32BE(8099, 24),
      "does not cover the blocks",
    ],
    ["a block too small for an entry", (index) => index.writeUInt32BE(14, 8), "block 0 ends before it can"],
    ["blocks that overlap", (index) => index.writeUInt32BE(3999, 16), "block 1 ends before it can"],
    ["a block behind the end", (index) => index.writeUInt32BE(8090, 16), "block 2 ends before it can"],
    ["bytes before its separators", (index) => index.writeUInt32BE(33, 4), "bytes that belong to nothing"],
    ["a separator that is empty", (index) => index.writeUInt32BE(32, 12), "no key for block 0"],
    ["separators that overlap", (index) => index.writeUInt32BE(2 ** 31, 12), "no key for block 1"],
    ["an end elsewhere", (index) => index.writeUInt32BE(37, 28), "does not agree with its footer"],
    [
      "another first key in its footer",
      (_, footer) => footer.firstKeyBytes--,
      "does not agree with its footer",
    ],
    [
      "separators that descend",
      (index) => index.write("h", 32),
      "the keys of its index do not ascend at block 1",
    ],
    [
      "a first key behind the last",
      (index) => index.write("z", 38),
      "first key is greater than its last key",
    ],
    [
      "a last separator that is not the last key",
      (index) => index.write("j", 34),
      "does not end with its last key",
    ],
  ];
  test.each(forgeries)("is refused with %s", (_, forge, problem) => {
    const { index, footer } = example();
    forge(index, footer);
    index.writeUInt32BE(crc32c(index.subarray(0, -4), seed), index.length - 4);
    expect(indexProblem(index, footer)).toContain(problem);
  });

  test("is not written with a block that has no separator, or two", () => {
    const builder = new IndexBuilder();
    const [a, b] = [Buffer.from("a"), Buffer.from("b")];
    builder.addBlock(0);
    expect(() => builder.addBlock(100)).toThrow("the block before has its separator");
    builder.addSeparator(a, 1, b, 0, 1, 0);
    expect(() => builder.addSeparator(a, 1, b, 0, 1, 0)).toThrow("a block has one separator");
    expect(() => builder.write(new ByteWriter(), 200, a, b, seed)).toThrow(
      "only the last block has no separator yet",
    );
  });
});
