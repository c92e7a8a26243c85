import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { crc32c } from "../../src/lib/crc32c.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { FilterBuilder } from "../../src/table/filter.ts";
import { encodeFooter, type TableFooter } from "../../src/table/table-footer.ts";
import { readNaively } from "./naive-table.ts";
import { hashSeed, storeId, tableNumber } from "./table-fixture.ts";

/** Tables that no writer would write: every checksum matches, and what they hold is what a test says. */

/** Writes the checksum of what lies from `start` to `end` of a table, to the end of it. */
function seal(table: Buffer, start: number, end: number): void {
  const place = Buffer.alloc(28);
  place.set(storeId, 0);
  place.writeBigUInt64BE(BigInt(tableNumber), 16);
  place.writeUInt32BE(start, 24);
  table.writeUInt32BE(crc32c(Buffer.concat([place, table.subarray(start, end - 4)])), end - 4);
}

export interface RawEntry {
  shared?: number;
  /** What is not shared of the key. */
  key: string;
  version?: number;
  value?: string | Buffer;
  lengthAndFlags?: number;
  /** The four numbers, as they are, in place of those above. */
  numbers?: number[];
}

/** Bytes of varints that may be longer than they need be. */
export function varint(value: number, bytes = 1): number[] {
  const digits: number[] = [];
  for (let rest = value; rest > 0 || digits.length < bytes; rest = Math.floor(rest / 128))
    digits.push(rest % 128);
  return digits.map((digit, index) => (index < digits.length - 1 ? digit | 0x80 : digit));
}

function rawEntry({ shared = 0, key, version = 1, value = "", lengthAndFlags, numbers }: RawEntry): Buffer {
  const keyBytes = Buffer.from(key);
  const valueBytes = Buffer.from(value as string);
  const usual = [shared, keyBytes.length, lengthAndFlags ?? valueBytes.length * 4, version];
  const head = numbers ?? usual.flatMap((number) => varint(number));
  return Buffer.concat([Buffer.from(head), keyBytes, valueBytes]);
}

/** A block of these entries, its checksum left out; `restarts` are those that it ought to have, unless they are given. */
export function rawBlock(entries: RawEntry[], restarts?: number[], restartCount?: number): Buffer {
  const encoded = entries.map(rawEntry);
  const starts = encoded.map((_, index) => Buffer.concat(encoded.slice(0, index)).length);
  const offsets = restarts ?? starts.filter((_, index) => index % 16 === 0);
  const end = Buffer.alloc(offsets.length * 4 + 6);
  for (const [index, offset] of offsets.entries()) end.writeUInt32BE(offset, index * 4);
  end.writeUInt16BE(restartCount ?? offsets.length, offsets.length * 4);
  return Buffer.concat([...encoded, end]);
}

export interface RawTable {
  blocks: Buffer[];
  /** One for each block. */
  separators: string[];
  firstKey: string;
  lastKey?: string;
  /** The keys that the filter knows. */
  filterKeys: string[];
  footer: Pick<TableFooter, "entryCount" | "keyBytes" | "valueBytes"> & Partial<TableFooter>;
}

export function rawTable({ blocks, separators, firstKey, lastKey, filterKeys, footer }: RawTable): Buffer {
  const target = new ByteWriter();
  const append = (bytes: Buffer) => {
    const start = target.length;
    target.copy(bytes, 0, bytes.length);
    seal(target.bytes, start, target.length);
  };
  for (const block of blocks) append(block);
  const filterOffset = target.length;
  const filter = new FilterBuilder();
  for (const key of filterKeys) filter.add(hashKey(Buffer.from(key), 0, Buffer.byteLength(key), hashSeed));
  const filterBytes = filter.write(target, 0);
  seal(target.bytes, filterOffset, target.length);
  const last = lastKey ?? separators.at(-1)!;
  const index = rawIndex(blocks, separators, firstKey, last);
  append(index);
  const fileChecksum = crc32c(target.bytes.subarray(0, target.length));
  const at = target.reserve(120);
  const usual = {
    storeId,
    number: tableNumber,
    hashSeed,
    tombstoneCount: 0,
    versionMin: 0,
    versionMax: 1,
    blockCount: blocks.length,
    filterOffset,
    filterBytes,
    indexOffset: filterOffset + filterBytes,
    indexBytes: index.length,
    firstKeyBytes: Buffer.byteLength(firstKey),
    lastKeyBytes: Buffer.byteLength(last),
    fileChecksum,
  };
  encodeFooter(target.bytes, at, { ...usual, ...footer }, target.length);
  return Buffer.from(target.bytes.subarray(0, target.length));
}

function rawIndex(blocks: Buffer[], separators: string[], firstKey: string, lastKey: string): Buffer {
  const pairs = Buffer.alloc((blocks.length + 1) * 8);
  let offset = 0;
  let keyOffset = pairs.length;
  for (let block = 0; block <= blocks.length; block++) {
    pairs.writeUInt32BE(offset, block * 8);
    pairs.writeUInt32BE(keyOffset, block * 8 + 4);
    offset += blocks[block]?.length ?? 0;
    keyOffset += Buffer.byteLength(separators[block] ?? "");
  }
  const keys = Buffer.from([...separators, firstKey, lastKey].join(""));
  return Buffer.concat([pairs, keys, Buffer.alloc(4)]);
}

/** The bytes of a table after `change`, with checksums that match again, as if a writer had written it so. */
export function resealed(bytes: Buffer, change: (bytes: Buffer) => void): Buffer {
  const { blocks, footer } = readNaively(bytes);
  const { filterOffset, indexOffset } = footer;
  const changed = Buffer.from(bytes);
  change(changed);
  const footerAt = bytes.length - 120;
  const ends = [...blocks.map((block) => block.offset + block.bytes), indexOffset, footerAt];
  const starts = [...blocks.map((block) => block.offset), filterOffset, indexOffset];
  for (const [index, start] of starts.entries()) seal(changed, start, ends[index]!);
  changed.writeUInt32BE(crc32c(changed.subarray(0, footerAt)), footerAt + 112);
  changed.writeUInt32BE(crc32c(changed.subarray(footerAt, footerAt + 116)), footerAt + 116);
  return changed;
}
