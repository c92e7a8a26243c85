import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { keyBytesMin } from "../lib/limits.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import {
  blockBytesMin,
  checksumBytes,
  filterLineBytes,
  filterLinesMax,
  footerBytes,
  formatVersion,
  indexPairBytes,
  storeIdBytes,
  tableBytesMax,
  tableMagic,
  tableNumberMax,
} from "./table-format.ts";

/** What the last 120 bytes of a table say. */
export interface TableFooter {
  /** 16 bytes, the same in all files of a store and in no other store's. */
  storeId: Uint8Array;
  number: number;
  entryCount: number;
  tombstoneCount: number;
  keyBytes: number;
  valueBytes: number;
  /** The versions of the entries are written as what they exceed this by. */
  versionMin: number;
  /** The highest version that an entry has. */
  versionMax: number;
  /** The secret of the hashes that the filter was made from. */
  hashSeed: number;
  blockCount: number;
  /** Where the blocks end. */
  filterOffset: number;
  filterBytes: number;
  indexOffset: number;
  indexBytes: number;
  firstKeyBytes: number;
  lastKeyBytes: number;
  /** Of everything before the footer. */
  fileChecksum: number;
}

/** Writes the footer of a table of `fileBytes` to `at` of `target`. */
export function encodeFooter(target: Buffer, at: number, footer: TableFooter, fileBytes: number): void {
  assert(footer.storeId.length === storeIdBytes, "a store id has 16 bytes");
  assert(contradictionOf(footer, fileBytes) === undefined, "a footer agrees with itself and with its table");
  target.set(tableMagic, at);
  target.writeUInt16BE(formatVersion, at + 8);
  target.writeUInt16BE(0, at + 10);
  target.set(footer.storeId, at + 12);
  writeUint64(target, footer.number, at + 28);
  writeUint64(target, footer.entryCount, at + 36);
  writeUint64(target, footer.tombstoneCount, at + 44);
  writeUint64(target, footer.keyBytes, at + 52);
  writeUint64(target, footer.valueBytes, at + 60);
  writeUint64(target, footer.versionMin, at + 68);
  writeUint64(target, footer.versionMax, at + 76);
  target.writeUInt32BE(footer.hashSeed, at + 84);
  target.writeUInt32BE(footer.blockCount, at + 88);
  target.writeUInt32BE(footer.filterOffset, at + 92);
  target.writeUInt32BE(footer.filterBytes, at + 96);
  target.writeUInt32BE(footer.indexOffset, at + 100);
  target.writeUInt32BE(footer.indexBytes, at + 104);
  target.writeUInt16BE(footer.firstKeyBytes, at + 108);
  target.writeUInt16BE(footer.lastKeyBytes, at + 110);
  target.writeUInt32BE(footer.fileChecksum, at + 112);
  target.writeUInt32BE(crc32c(target.subarray(at, at + 116)), at + 116);
}

/**
 * The footer that the last bytes of a file of `fileBytes` are, or a sentence that says why they are none. Offsets
 * and lengths of what it returns lie inside the file, one section behind the other.
 */
export function decodeFooter(
  bytes: Buffer,
  fileBytes: number,
): { footer: TableFooter } | { problem: string } {
  if (bytes.length !== footerBytes || fileBytes < footerBytes) {
    return { problem: `the file has ${fileBytes} bytes, fewer than a table's footer of ${footerBytes}` };
  }
  if (!tableMagic.equals(bytes.subarray(0, 8))) return { problem: "it does not end as a table does" };
  if (crc32c(bytes.subarray(0, 116)) !== bytes.readUInt32BE(116)) {
    return { problem: "the checksum of its footer does not match" };
  }
  const version = bytes.readUInt16BE(8);
  if (version !== formatVersion) {
    return { problem: `it has format version ${version}; this program reads version ${formatVersion}` };
  }
  if (bytes.readUInt16BE(10) !== 0) return { problem: "its reserved bytes are not zero" };
  const footer: TableFooter = {
    storeId: Uint8Array.prototype.slice.call(bytes, 12, 28),
    number: readUint64(bytes, 28),
    entryCount: readUint64(bytes, 36),
    tombstoneCount: readUint64(bytes, 44),
    keyBytes: readUint64(bytes, 52),
    valueBytes: readUint64(bytes, 60),
    versionMin: readUint64(bytes, 68),
    versionMax: readUint64(bytes, 76),
    hashSeed: bytes.readUInt32BE(84),
    blockCount: bytes.readUInt32BE(88),
    filterOffset: bytes.readUInt32BE(92),
    filterBytes: bytes.readUInt32BE(96),
    indexOffset: bytes.readUInt32BE(100),
    indexBytes: bytes.readUInt32BE(104),
    firstKeyBytes: bytes.readUInt16BE(108),
    lastKeyBytes: bytes.readUInt16BE(110),
    fileChecksum: bytes.readUInt32BE(112),
  };
  const contradiction = contradictionOf(footer, fileBytes);
  return contradiction === undefined
    ? { footer }
    : { problem: `its footer contradicts itself about ${contradiction}` };
}

/** What a footer can't say, said by name; the writer asserts it, the reader checks it. */
function contradictionOf(footer: TableFooter, fileBytes: number): string | undefined {
  const { entryCount, blockCount, versionMin, versionMax, filterBytes, firstKeyBytes, lastKeyBytes } = footer;
  if (!(footer.number >= 1 && footer.number <= tableNumberMax)) return "its number";
  if (!(blockCount >= 1 && entryCount >= blockCount)) return "how many blocks and entries there are";
  if (!(footer.tombstoneCount <= entryCount)) return "how many tombstones there are";
  if (!(versionMin <= versionMax && Number.isSafeInteger(versionMax))) return "its versions";
  if (!(firstKeyBytes >= keyBytesMin && lastKeyBytes >= keyBytesMin)) return "its first and last key";
  if (!Number.isSafeInteger(footer.keyBytes) || footer.keyBytes < entryCount) return "the bytes of its keys";
  if (!Number.isSafeInteger(footer.valueBytes)) return "the bytes of its values";

  if (fileBytes > tableBytesMax) return "the bytes of the file";
  if (!(footer.filterOffset >= blockCount * blockBytesMin)) return "where its blocks end";
  const lines = (filterBytes - checksumBytes) / filterLineBytes;
  if (!(Number.isInteger(lines) && lines >= 1 && lines <= filterLinesMax)) return "the size of its filter";
  if (footer.indexOffset !== footer.filterOffset + filterBytes) return "where its index begins";
  // A separator has at least one byte.
  const indexBytesMin = (blockCount + 1) * indexPairBytes + blockCount + firstKeyBytes + lastKeyBytes;
  if (footer.indexBytes < indexBytesMin + checksumBytes) return "the size of its index";
  if (footer.indexOffset + footer.indexBytes + footerBytes !== fileBytes) return "the bytes of the file";
  return undefined;
}
