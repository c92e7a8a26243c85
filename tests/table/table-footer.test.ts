import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { crc32c } from "../../src/lib/crc32c.ts";
import { decodeFooter, encodeFooter, type TableFooter } from "../../src/table/table-footer.ts";
import { footerBytes, tableName, tableNumberOf } from "../../src/table/table-format.ts";
import { check } from "./property.ts";

const footer: TableFooter = {
  storeId: new Uint8Array(16).fill(7),
  number: 12,
  entryCount: 40,
  tombstoneCount: 5,
  keyBytes: 640,
  valueBytes: 4000,
  versionMin: 1000,
  versionMax: 1040,
  hashSeed: 0xffff_fff0,
  blockCount: 2,
  filterOffset: 5000,
  filterBytes: 68,
  indexOffset: 5068,
  indexBytes: 63,
  firstKeyBytes: 16,
  lastKeyBytes: 15,
  fileChecksum: 0x8000_0001,
};
const fileBytes = 5068 + 63 + footerBytes;

function encoded(from: TableFooter, bytesOfFile = fileBytes): Buffer {
  const bytes = Buffer.alloc(footerBytes);
  encodeFooter(bytes, 0, from, bytesOfFile);
  return bytes;
}

/** The footer with a number in another place, and a checksum that agrees. */
function forged(at: number, size: number, value: bigint): Buffer {
  const bytes = encoded(footer);
  bytes.set(Buffer.from(value.toString(16).padStart(size * 2, "0"), "hex"), at);
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, 116)), 116);
  return bytes;
}

const problemOf = (bytes: Buffer, bytesOfFile = fileBytes): string | undefined => {
  const decoded = decodeFooter(bytes, bytesOfFile);
  return "problem" in decoded ? decoded.problem : undefined;
};

describe("the name of a table", () => {
  test("has twelve digits, and is read back", () => {
    expect(tableName(12)).toBe("000000000012.table");
    expect(tableNumberOf("000000000012.table")).toBe(12);
    expect(tableNumberOf(tableName(999_999_999_999))).toBe(999_999_999_999);
  });

  test.each(["12.table", "000000000012.table.tmp", "000000000012.tables", "x000000000012.table", "LOCK"])(
    "is not %s",
    (name) => expect(tableNumberOf(name)).toBeUndefined(),
  );
});

describe("a footer", () => {
  test("is read back as it was written", () => {
    expect(decodeFooter(encoded(footer), fileBytes)).toEqual({ footer });
  });

  test("is read back whatever its numbers are", async () => {
    const numbers = fc.record({
      number: fc.integer({ min: 1, max: 999_999_999_999 }),
      counts: fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.maxSafeNat(), fc.nat()),
      keyBytes: fc.maxSafeNat(),
      valueBytes: fc.maxSafeNat(),
      versions: fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()),
      hashSeed: fc.integer({ min: 0, max: 0xffff_ffff }),
      blocksEnd: fc.integer({ min: 15_000, max: 2 ** 31 }),
      filterLines: fc.integer({ min: 1, max: 2 ** 21 }),
      separatorBytes: fc.integer({ min: 1000, max: 2 ** 30 }),
      keys: fc.tuple(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 })),
    });
    await check(numbers, 500, (random) => {
      const blockCount = random.counts[0];
      const entryCount = Math.max(blockCount, random.counts[1]);
      const [firstKeyBytes, lastKeyBytes] = random.keys;
      const filterBytes = random.filterLines * 64 + 4;
      const indexOffset = random.blocksEnd + filterBytes;
      const indexBytes = (blockCount + 1) * 8 + random.separatorBytes + firstKeyBytes + lastKeyBytes + 4;
      const footer: TableFooter = {
        storeId: new Uint8Array(16).fill(1),
        number: random.number,
        entryCount,
        tombstoneCount: Math.min(entryCount, random.counts[2]),
        keyBytes: Math.max(entryCount, random.keyBytes),
        valueBytes: random.valueBytes,
        versionMin: Math.min(...random.versions),
        versionMax: Math.max(...random.versions),
        hashSeed: random.hashSeed,
        blockCount,
        filterOffset: random.blocksEnd,
        filterBytes,
        indexOffset,
        indexBytes,
        firstKeyBytes,
        lastKeyBytes,
        fileChecksum: random.hashSeed,
      };
      const bytesOfFile = indexOffset + indexBytes + footerBytes;
      expect(decodeFooter(encoded(footer, bytesOfFile), bytesOfFile)).toEqual({ footer });
    });
  });

  test("is refused with any bit flipped", () => {
    for (let bit = 0; bit < footerBytes * 8; bit++) {
      const bytes = encoded(footer);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(problemOf(bytes)).toMatch(bit < 64 ? /does not end as a table/ : /checksum/);
    }
  });

  test("is refused in a file of any other length", () => {
    for (const bytes of [0, 119, fileBytes - 1, fileBytes + 1, 2 ** 32]) {
      expect(problemOf(encoded(footer), bytes)).toMatch(/fewer than|the bytes of the file/);
    }
    expect(problemOf(Buffer.alloc(0), 0)).toMatch("the file has 0 bytes, fewer than a table's footer of 120");
  });

  const contradictions: [what: string, at: number, size: number, value: bigint, problem: string][] = [
    ["a later format", 8, 2, 2n, "it has format version 2; this program reads version 1"],
    ["reserved bytes", 10, 2, 1n, "its reserved bytes are not zero"],
    ["the number 0", 28, 8, 0n, "its number"],
    ["a number of 13 digits", 28, 8, 1_000_000_000_000n, "its number"],
    ["no entries", 36, 8, 0n, "how many blocks and entries"],
    ["fewer entries than blocks", 36, 8, 1n, "how many blocks and entries"],
    ["more entries than bytes of keys", 36, 8, 641n, "the bytes of its keys"],
    ["more tombstones than entries", 44, 8, 41n, "how many tombstones"],
    ["bytes of keys beyond 53 bits", 52, 8, 2n ** 53n, "the bytes of its keys"],
    ["bytes of values beyond 53 bits", 60, 8, 2n ** 64n - 1n, "the bytes of its values"],
    ["versions that end before they begin", 76, 8, 999n, "its versions"],
    ["a version beyond 53 bits", 76, 8, 2n ** 53n, "its versions"],
    ["no blocks", 88, 4, 0n, "how many blocks and entries"],
    ["blocks that can't fit", 92, 4, 29n, "where its blocks end"],
    ["a filter without lines", 96, 4, 4n, "the size of its filter"],
    ["a filter of broken lines", 96, 4, 69n, "the size of its filter"],
    ["a filter of too many lines", 96, 4, (2n ** 21n + 1n) * 64n + 4n, "the size of its filter"],
    ["an index elsewhere", 100, 4, 5069n, "where its index begins"],
    ["an index without room for its keys", 104, 4, 60n, "the size of its index"],
    ["an index that ends elsewhere", 104, 4, 64n, "the bytes of the file"],
    ["an empty first key", 108, 2, 0n, "its first and last key"],
    ["an empty last key", 110, 2, 0n, "its first and last key"],
  ];
  test.each(contradictions)("is refused with %s", (_, at, size, value, problem) => {
    expect(problemOf(forged(at, size, value))).toContain(problem);
  });

  test("is not written if it contradicts itself", () => {
    expect(() => encoded({ ...footer, tombstoneCount: 41 })).toThrow("a footer agrees with itself");
    expect(() => encoded(footer, fileBytes + 1)).toThrow("a footer agrees with itself");
  });
});
