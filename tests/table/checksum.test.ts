import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { crc32c } from "../../src/lib/crc32c.ts";
import { isBlockIntact } from "../../src/table/block-checksum.ts";
import { checksumWithWord, joinChecksums } from "../../src/table/checksum-algebra.ts";
import { checksumSeedOf, seedAt } from "../../src/table/section-checksum.ts";
import { TableFile } from "../../src/table/table-file.ts";
import { check } from "./property.ts";
import { diskWith, identity, plainEntries, versionsOf } from "./reading-fixture.ts";
import { entry, tablePath, writeTable } from "./table-fixture.ts";

const anyBytes = fc.uint8Array({ maxLength: 300, size: "max" }).map((bytes) => Buffer.from(bytes));
const anyWord = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(2 ** 31));
const anyStoreId = fc.uint8Array({ minLength: 16, maxLength: 16 });

const asWord = (word: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(word);
  return bytes;
};

describe("a checksum", () => {
  test("goes on from that of its place: store id, number and offset, as if they lay before the bytes", async () => {
    const anyNumber = fc.oneof(fc.integer({ min: 1, max: 999_999_999_999 }), fc.constantFrom(2 ** 32));
    await check(
      fc.tuple(anyStoreId, anyNumber, anyWord, anyBytes),
      300,
      ([storeId, number, offset, bytes]) => {
        const place = Buffer.concat([storeId, Buffer.alloc(12)]);
        place.writeBigUInt64BE(BigInt(number), 16);
        place.writeUInt32BE(offset, 24);
        const seed = seedAt(checksumSeedOf(storeId, number), offset);
        expect(seed).toBe(crc32c(place));
        expect(crc32c(bytes, seed)).toBe(crc32c(Buffer.concat([place, bytes])));
      },
    );
  });

  test("of a whole block tells whether the block is intact, and in its place", async () => {
    const flips = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
    await check(fc.tuple(anyBytes, anyWord, anyWord, flips), 500, ([content, seed, other, [at, flip]]) => {
      const block = Buffer.concat([content, asWord(crc32c(content, seed))]);
      expect(isBlockIntact(block, seed)).toBe(true);
      if (other !== seed) expect(isBlockIntact(block, other)).toBe(false);
      block[at % block.length]! ^= flip;
      expect(isBlockIntact(block, seed)).toBe(false);
    });
  });

  test("of bytes and a number behind them takes no buffer", async () => {
    await check(fc.tuple(anyBytes, anyWord), 300, ([bytes, word]) => {
      const together = crc32c(Buffer.concat([bytes, asWord(word)]));
      expect(checksumWithWord(crc32c(bytes), word)).toBe(together);
    });
  });

  test("of two stretches is that of both together", async () => {
    const anyLength = fc.oneof(
      fc.nat(5000),
      fc.constantFrom(0, 1, 4095, 4096, 4097, 8191, 8192, 262_144, 17_000_000),
    );
    const bytes = Buffer.alloc(17_000_100);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeInt32LE(Math.imul(at, 0x9e37_79b1), at);
    await check(fc.tuple(fc.nat(100), anyLength), 100, ([first, second]) => {
      const together = crc32c(bytes.subarray(0, first + second));
      const apart = [bytes.subarray(0, first), bytes.subarray(first, first + second)].map((part) =>
        crc32c(part),
      );
      expect(joinChecksums(apart[0]!, apart[1]!, second)).toBe(together);
    });
  });

  test("of blocks that lie one behind the other follows from those that they end with", async () => {
    const entries = [
      ...plainEntries(300),
      entry("large", 1, Buffer.alloc(70_000, 1)),
      ...versionsOf("m", 20).slice(1),
    ];
    const { bytes } = await writeTable(entries);
    const file = new TableFile(diskWith(bytes), tablePath, identity);
    const { index } = file;
    for (let first = 0; first < index.blockCount; first++) {
      for (let end = first + 1; end <= index.blockCount; end++) {
        const blocks = bytes.subarray(index.blockStart(first), index.blockStart(end));
        expect(file.joinedChecksum(blocks, first, end)).toBe(crc32c(blocks));
      }
    }
    file.close();
  });
});
