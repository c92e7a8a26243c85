import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const everyBit = "damage is refused, by its file and offset: every bit of a small table, read by";
const severalBlocks = "damage is refused, by its file and offset: every byte of a table of several blocks";
const forged = (what: string) => ["index-section.test.ts", `an index is refused with ${what}`] as const;
const footer = (what: string) => ["table-footer.test.ts", `a footer is refused with ${what}`] as const;
const refused = (what: string) => ["reader.test.ts", `a table is refused ${what}`] as const;
const verified = (what: string) =>
  ["verify.test.ts", `a table that is verified is refused with ${what}`] as const;

/** What tables rely on: who reads one believes no byte that was not written there. */
export const tableMutants: readonly PlacedMutant[] = killedIn("tests/table", [
  // --- Checksums ------------------------------------------------------------------------------------------
  {
    name: "a block's checksum is not compared",
    changes: [
      change(
        "table/block-checksum.ts",
        "return crc32c(block, seed) === checksumWithWord(checksum, checksum);",
        "return crc32c(block, seed) === checksum || true;",
      ),
    ],
    killer: ["checksum.test.ts", "a checksum of a whole block tells whether the block is intact"],
  },
  {
    name: "a get does not verify the block that it reads",
    changes: [change("table/table-file.ts", "    this.verifyBlock(target, block);\n", "")],
    killer: ["damage.test.ts", everyBit],
  },
  {
    name: "a damaged block is not refused",
    changes: [
      change(
        "table/table-file.ts",
        "if (!isBlockIntact(bytes, seedAt(this.#checksumSeed, offset)))",
        "if (false)",
      ),
    ],
    killer: ["damage.test.ts", everyBit],
  },
  {
    name: "a stream does not look at blocks one by one where a piece is not intact",
    changes: [
      change(
        "table/block-stream.ts",
        "if (!this.#isPieceIntact) file.verifyBlock(this.bytes.subarray(start, end), block);",
        "",
      ),
    ],
    killer: ["damage.test.ts", everyBit],
  },
  {
    name: "a stream takes every piece for intact",
    changes: [
      change(
        "table/block-stream.ts",
        "checksum === this.file.joinedChecksum(piece, first, end)",
        "this.file.joinedChecksum(piece, first, end) === checksum || true",
      ),
    ],
    killer: ["damage.test.ts", everyBit],
  },
  {
    name: "a scan does not look at blocks one by one where a window is not intact",
    changes: [
      change(
        "table/block-window.ts",
        "this.#file.verifyBlock(this.bytes.subarray(start, start + index.blockBytes(block)), block);",
        "",
      ),
    ],
    killer: ["damage.test.ts", severalBlocks],
  },
  {
    name: "a scan takes every window for intact",
    changes: [
      change(
        "table/block-window.ts",
        "crc32c(blocks) === this.#file.joinedChecksum(blocks, first, end)",
        "this.#file.joinedChecksum(blocks, first, end) === crc32c(blocks) || true",
      ),
    ],
    killer: ["damage.test.ts", severalBlocks],
  },
  {
    name: "the checksum of the whole file is not compared",
    changes: [change("table/block-stream.ts", "if (this.#checksum !== footer.fileChecksum)", "if (false)")],
    killer: verified("another checksum of the whole file"),
  },
  {
    name: "a footer's checksum is not compared",
    changes: [
      change(
        "table/table-footer.ts",
        "if (crc32c(bytes.subarray(0, 116)) !== bytes.readUInt32BE(116))",
        "if (false)",
      ),
    ],
    killer: ["table-footer.test.ts", "a footer is refused with any bit flipped"],
  },
  {
    name: "the checksums of sections are not compared",
    changes: [
      change(
        "table/section-checksum.ts",
        "return crc32c(bytes.subarray(start, checksumAt), seed) === bytes.readUInt32BE(checksumAt);",
        "return checksumAt + seed >= 0;",
      ),
    ],
    killer: ["index-section.test.ts", "an index is refused with any bit flipped"],
  },
  {
    name: "an index is not held to its checksum",
    changes: [
      change("table/index-section.ts", "if (!isIntact(index, 0, index.length, seed))", "if (seed < 0)"),
    ],
    killer: ["index-section.test.ts", "an index is refused with any bit flipped"],
  },
  {
    name: "a filter is not held to its checksum",
    changes: [
      change(
        "table/table-file.ts",
        "if (!isIntact(filter, 0, filterBytes, seedAt(this.#checksumSeed, filterOffset)))",
        "if (false)",
      ),
    ],
    killer: ["misplaced.test.ts", "from the same place in another table a filter is refused"],
  },
  {
    name: "a checksum does not know its table",
    changes: [
      change(
        "table/section-checksum.ts",
        "writeUint64(place, number, storeIdBytes);",
        "writeUint64(place, 0 * number, storeIdBytes);",
      ),
    ],
    killer: ["misplaced.test.ts", "a block of"],
  },
  {
    name: "a checksum does not know its store",
    changes: [change("table/section-checksum.ts", "place.set(storeId, 0);", "")],
    killer: ["misplaced.test.ts", "a block of"],
  },
  {
    name: "a checksum does not know its offset",
    changes: [
      change(
        "table/section-checksum.ts",
        "return checksumWithWord(checksumSeed, offset);",
        "return checksumWithWord(checksumSeed, 0 * offset);",
      ),
    ],
    killer: ["misplaced.test.ts", "a block of"],
  },
  // --- Footer and identity --------------------------------------------------------------------------------
  {
    name: "a table's magic is not compared",
    changes: [
      change(
        "table/table-footer.ts",
        `if (!tableMagic.equals(bytes.subarray(0, 8))) return { problem: "it does not end as a table does" };`,
        "",
      ),
    ],
    killer: ["table-footer.test.ts", "a footer is refused with any bit flipped"],
  },
  {
    name: "a footer may be cut",
    changes: [
      change(
        "table/table-footer.ts",
        "bytes.length !== footerBytes || fileBytes < footerBytes",
        "bytes.length < 0",
      ),
    ],
    killer: ["table-footer.test.ts", "a footer is refused in a file of any other length"],
  },
  {
    name: "a later format of tables is read",
    changes: [change("table/table-footer.ts", "if (version !== formatVersion)", "if (false)")],
    killer: footer("a later format"),
  },
  {
    name: "a footer's reserved bytes may be anything",
    changes: [change("table/table-footer.ts", "if (bytes.readUInt16BE(10) !== 0)", "if (false)")],
    killer: footer("reserved bytes"),
  },
  {
    name: "a footer's index may lie elsewhere",
    changes: [
      change(
        "table/table-footer.ts",
        "if (footer.indexOffset !== footer.filterOffset + filterBytes)",
        "if (false)",
      ),
    ],
    killer: footer("an index elsewhere"),
  },
  {
    name: "a footer's index may end elsewhere",
    changes: [
      change(
        "table/table-footer.ts",
        "if (footer.indexOffset + footer.indexBytes + footerBytes !== fileBytes)",
        "if (false)",
      ),
    ],
    killer: footer("an index that ends elsewhere"),
  },
  {
    name: "another store's table is read",
    changes: [
      change(
        "table/table-file.ts",
        "if (storeId && Buffer.compare(footer.storeId, storeId) !== 0)",
        "if (false)",
      ),
    ],
    killer: refused("of another store"),
  },
  {
    name: "a table under another number's name is read",
    changes: [change("table/table-file.ts", "if (footer.number !== number)", "if (false)")],
    killer: refused("of another number"),
  },
  {
    name: "a filter of another seed is asked",
    changes: [change("table/table-file.ts", "if (footer.hashSeed !== hashSeed)", "if (false)")],
    killer: refused("with another seed"),
  },
  {
    name: "a read that comes back short is believed",
    changes: [change("table/table-file.ts", "if (bytesRead < target.length)", "if (false)")],
    killer: ["reader.test.ts", "a block that can't be read because the file was cut"],
  },
  // --- Index ----------------------------------------------------------------------------------------------
  {
    name: "an index may begin behind the first block",
    changes: [change("table/index-section.ts", "blockOffset(index, 0) !== 0 || ", "")],
    killer: forged("a gap before the first block"),
  },
  {
    name: "an index may end before the last block",
    changes: [
      change("table/index-section.ts", " || blockOffset(index, blockCount) !== footer.filterOffset", ""),
    ],
    killer: forged("blocks that end before the filter"),
  },
  {
    name: "an index may have bytes of its own",
    changes: [
      change(
        "table/index-section.ts",
        "if (separatorOffset(index, 0) !== (blockCount + 1) * indexPairBytes)",
        "if (false)",
      ),
    ],
    killer: forged("bytes before its separators"),
  },
  {
    name: "an index need not agree with its footer about keys",
    changes: [
      change(
        "table/index-section.ts",
        "if (separatorOffset(index, blockCount) !== firstKeyStart)",
        "if (false)",
      ),
    ],
    killer: forged("an end elsewhere"),
  },
  {
    name: "an index need not end with its last key",
    changes: [
      change(
        "table/index-section.ts",
        "if (compareKeys(index, separator, firstKeyStart, index, lastKeyStart, keysEnd) !== 0)",
        "if (separator < 0)",
      ),
    ],
    killer: forged("a last separator that is not the last key"),
  },
  {
    name: "an index may be cut",
    changes: [change("table/index-section.ts", "if (index.length !== footer.indexBytes)", "if (false)")],
    killer: ["index-section.test.ts", "an index is refused with any bit flipped, and in any other length"],
  },
  // --- What a stream counts -------------------------------------------------------------------------------
  {
    name: "a stream does not look for the last key",
    changes: [
      change(
        "table/block-stream.ts",
        "if (index.compareWithLastKey(keys, decoder.keyStart(last), decoder.keyEnd(last)) !== 0)",
        "if (last < 0 && keys && index)",
      ),
    ],
    killer: verified("another last key"),
  },
  {
    name: "a stream does not count",
    changes: [change("table/block-stream.ts", "if (found !== said)", "if (found < 0)")],
    killer: verified("tombstones that are none"),
  },
  {
    name: "a stream does not look at the highest version",
    changes: [
      change("table/block-stream.ts", "if (this.#versionHighest !== footer.versionMax)", "if (false)"),
    ],
    killer: verified("a highest version that no entry has"),
  },
  {
    name: "a verification does not ask the filter for every key",
    changes: [
      change("table/verify-table.ts", "      verifyFilter(blocks, filter);\n", "      void filter;\n"),
    ],
    killer: ["verify.test.ts", "a table that is verified knows every bit of the filter"],
  },
  // --- Writing --------------------------------------------------------------------------------------------
  {
    name: "a chunk of a table is not synced when it is written out",
    changes: [change("table/table-writer.ts", "    await this.#file.datasync();\n", "")],
    killer: [
      "table-writer.test.ts",
      "writing out hands over the pending whole blocks in one write, and syncs them",
    ],
  },
  {
    name: "a writer goes on after a sync that failed",
    changes: [
      change(
        "table/table-writer.ts",
        "await this.#file.datasync();\n    this.#state",
        "await this.#file.datasync().catch(() => {});\n    this.#state",
      ),
    ],
    killer: ["table-writer.test.ts", "writing out"],
  },
]);
