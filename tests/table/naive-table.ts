import { naiveCrc32c, naiveHash } from "./naive-hash.ts";

/**
 * A second reader of tables, written from src/table/README.md alone: it shares no code with the first, takes the
 * whole file apart into objects, and refuses whatever breaks a rule. The numbers are those of the README's rules.
 */
export interface NaiveEntry {
  key: Buffer;
  version: number;
  isTombstone: boolean;
  value: Buffer;
}

export interface NaiveBlock {
  offset: number;
  bytes: number;
  entries: NaiveEntry[];
  restarts: number[];
  separator: Buffer;
}

export type NaiveFooter = Record<(typeof footerNumbers)[number][0], number> & { storeId: string };

export interface NaiveTable {
  footer: NaiveFooter;
  blocks: NaiveBlock[];
  entries: NaiveEntry[];
  firstKey: Buffer;
  lastKey: Buffer;
  /** Whether the filter lets a key pass. */
  mayContain(key: Buffer): boolean;
}

const footerNumbers = [
  ["number", 28, 8],
  ["entryCount", 36, 8],
  ["tombstoneCount", 44, 8],
  ["keyBytes", 52, 8],
  ["valueBytes", 60, 8],
  ["versionMin", 68, 8],
  ["versionMax", 76, 8],
  ["hashSeed", 84, 4],
  ["blockCount", 88, 4],
  ["filterOffset", 92, 4],
  ["filterBytes", 96, 4],
  ["indexOffset", 100, 4],
  ["indexBytes", 104, 4],
  ["firstKeyBytes", 108, 2],
  ["lastKeyBytes", 110, 2],
  ["fileChecksum", 112, 4],
] as const;

export function readNaively(file: Buffer): NaiveTable {
  const footer = readFooter(file);
  const { filterOffset, filterBytes, indexOffset, indexBytes } = footer;
  const filterEnd = filterOffset + filterBytes;
  const filter = file.subarray(filterOffset, filterEnd - 4);
  rule(2, hasItsChecksum(file, filterOffset, filterEnd), "the filter has its checksum");
  const index = file.subarray(indexOffset, indexOffset + indexBytes - 4);
  rule(2, hasItsChecksum(file, indexOffset, indexOffset + indexBytes), "the index has its checksum");
  rule(2, naiveCrc32c(file.subarray(0, -120)) === footer.fileChecksum, "the file has its checksum");

  const { separators, offsets, firstKey, lastKey } = readIndex(index, footer);
  const blocks = separators.map((separator, block) => {
    const offset = offsets[block]!;
    rule(4, hasItsChecksum(file, offset, offsets[block + 1]!), "the block has its checksum");
    return readBlock(file.subarray(offset, offsets[block + 1]), offset, separator, footer.versionMin);
  });
  const entries = blocks.flatMap((block) => block.entries);
  verifyOrder(entries);
  verifySeparators(blocks);
  verifyFooter(footer, entries);
  rule(8, firstKey.equals(entries[0]!.key) && lastKey.equals(entries.at(-1)!.key), "the first and last key");

  const mayContain = (key: Buffer) => naiveMayContain(filter, naiveHash(key, footer.hashSeed));
  rule(
    9,
    entries.every(({ key }) => mayContain(key)),
    "the filter lets every key pass",
  );
  return { footer, blocks, entries, firstKey, lastKey, mayContain };
}

function readFooter(file: Buffer): NaiveFooter {
  rule(1, file.length >= 120, "a footer has 120 bytes");
  const bytes = file.subarray(-120);
  rule(1, bytes.toString("latin1", 0, 8) === "HOLDTABL", "the magic");
  rule(1, naiveCrc32c(bytes.subarray(0, 116)) === bytes.readUInt32BE(116), "the footer's checksum");
  rule(1, bytes.readUInt16BE(8) === 1 && bytes.readUInt16BE(10) === 0, "format version 1, and two zeros");
  const numbers = footerNumbers.map(([name, at, size]) => {
    const value = size === 8 ? bytes.readBigUInt64BE(at) : BigInt(bytes.readUIntBE(at, size));
    rule(1, value <= 2n ** 53n - 1n, `${name} has at most 53 bits`);
    return [name, Number(value)];
  });
  const footer = { ...Object.fromEntries(numbers), storeId: bytes.toString("hex", 12, 28) } as NaiveFooter;
  const { filterOffset, filterBytes, indexOffset, indexBytes } = footer;
  rule(2, filterOffset + filterBytes === indexOffset, "the index follows the filter");
  rule(2, indexOffset + indexBytes + 120 === file.length, "the footer follows the index");
  rule(2, filterBytes > 4 && (filterBytes - 4) % 64 === 0, "a filter is of whole lines");
  return footer;
}

/** Whether the bytes from `offset` to `end` end with the checksum of their place and of those before it. */
function hasItsChecksum(file: Buffer, offset: number, end: number): boolean {
  if (end - offset < 4) return false;
  const storeIdAndNumber = file.subarray(-120).subarray(12, 36);
  const place = Buffer.concat([storeIdAndNumber, Buffer.alloc(4)]);
  place.writeUInt32BE(offset, 24);
  const summed = Buffer.concat([place, file.subarray(offset, end - 4)]);
  return naiveCrc32c(summed) === file.readUInt32BE(end - 4);
}

interface NaiveIndex {
  /** One more than there are blocks: the last is where they end. */
  offsets: number[];
  separators: Buffer[];
  firstKey: Buffer;
  lastKey: Buffer;
}

function readIndex(index: Buffer, footer: NaiveFooter): NaiveIndex {
  const { blockCount, firstKeyBytes, lastKeyBytes } = footer;
  rule(1, blockCount >= 1 && firstKeyBytes >= 1 && lastKeyBytes >= 1, "no table is empty");
  rule(3, (blockCount + 1) * 8 <= index.length, "the pairs lie inside the index");
  const pairs = Array.from({ length: blockCount + 1 }, (_, block) => block * 8);
  const offsets = pairs.map((at) => index.readUInt32BE(at));
  const keyOffsets = pairs.map((at) => index.readUInt32BE(at + 4));
  rule(
    3,
    offsets[0] === 0 && offsets.at(-1) === footer.filterOffset,
    "blocks from the beginning to the filter",
  );
  rule(3, keyOffsets[0] === pairs.length * 8, "separators follow the pairs");
  for (let block = 0; block < blockCount; block++) {
    rule(3, offsets[block]! < offsets[block + 1]!, "blocks lie one behind the other");
    rule(
      3,
      keyOffsets[block]! < keyOffsets[block + 1]!,
      "separators lie one behind the other, none is empty",
    );
  }
  const keysEnd = keyOffsets.at(-1)!;
  rule(3, keysEnd + firstKeyBytes + lastKeyBytes === index.length, "first and last key end the index");
  return {
    offsets,
    separators: keyOffsets.slice(0, -1).map((start, block) => index.subarray(start, keyOffsets[block + 1])),
    firstKey: index.subarray(keysEnd, keysEnd + firstKeyBytes),
    lastKey: index.subarray(keysEnd + firstKeyBytes),
  };
}

function readBlock(bytes: Buffer, offset: number, separator: Buffer, versionMin: number): NaiveBlock {
  rule(4, bytes.length >= 15, "a block holds an entry");
  const restartCount = bytes.readUInt16BE(bytes.length - 6);
  const entriesEnd = bytes.length - 6 - restartCount * 4;
  rule(4, restartCount >= 1 && entriesEnd >= 5, "a block has a restart and an entry");
  const restarts = Array.from({ length: restartCount }, (_, at) => bytes.readUInt32BE(entriesEnd + at * 4));

  const entries: NaiveEntry[] = [];
  const starts: number[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let index = 0; ; index++) {
      rule(5, at < entriesEnd, "a number ends inside its block");
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      rule(5, value <= 2n ** 53n - 1n, "a number has at most 53 bits");
      if (byte >= 0x80) continue;
      rule(5, byte !== 0 || index === 0, "a number is as short as it can be");
      return Number(value);
    }
  };
  const take = (count: number): Buffer => {
    rule(5, at + count <= entriesEnd, "an entry ends inside its block");
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < entriesEnd) {
    starts.push(at);
    const [shared, unshared, lengthAndFlags] = [varint(), varint(), varint()];
    const version = versionMin + varint();
    const before = entries.length % 16 === 0 ? Buffer.alloc(0) : entries.at(-1)!.key;
    rule(5, shared <= before.length, "a key shares no more than there is, and a restart nothing");
    const key = Buffer.concat([before.subarray(0, shared), take(unshared)]);
    rule(5, key.length >= 1 && key.length <= 65_535, "a key has 1 to 65,535 bytes");
    const isTombstone = lengthAndFlags % 4 === 1;
    rule(5, lengthAndFlags % 4 <= 1, "flags are known");
    const value = take(Math.floor(lengthAndFlags / 4));
    rule(5, value.length <= 2 ** 24 && !(isTombstone && value.length > 0), "a value is within its limits");
    rule(5, Number.isSafeInteger(version), "a version is a safe integer");
    entries.push({ key, version, isTombstone, value });
  }
  rule(4, starts.filter((_, entry) => entry % 16 === 0).join() === restarts.join(), "the restarts");
  rule(4, bytes.length <= 4096 || entries.length === 1, "more than 4096 bytes for a single entry only");
  return { offset, bytes: bytes.length, entries, restarts, separator };
}

function verifyOrder(entries: NaiveEntry[]): void {
  for (let index = 1; index < entries.length; index++) {
    const [before, entry] = [entries[index - 1]!, entries[index]!];
    const order = Buffer.compare(before.key, entry.key);
    rule(6, order < 0 || (order === 0 && before.version > entry.version), "keys ascend, versions descend");
  }
}

function verifySeparators(blocks: NaiveBlock[]): void {
  for (const [index, { entries, separator }] of blocks.entries()) {
    const last = entries.at(-1)!.key;
    const first = blocks[index + 1]?.entries[0]!.key;
    const isEqual = separator.equals(last);
    const isBetween =
      Buffer.compare(last, separator) <= 0 && first !== undefined && Buffer.compare(separator, first) < 0;
    const isWhole = isEqual && (first === undefined || first.equals(last));
    rule(7, isBetween || isWhole, "a separator lies between its blocks");
  }
}

function verifyFooter(footer: NaiveFooter, entries: NaiveEntry[]): void {
  const sum = (numberOf: (entry: NaiveEntry) => number) =>
    entries.reduce((total, entry) => total + numberOf(entry), 0);
  rule(8, footer.entryCount === entries.length, "the count of entries");
  rule(8, footer.tombstoneCount === sum(({ isTombstone }) => Number(isTombstone)), "the count of tombstones");
  rule(8, footer.keyBytes === sum(({ key }) => key.length), "the bytes of the keys");
  rule(8, footer.valueBytes === sum(({ value }) => value.length), "the bytes of the values");
  rule(8, footer.versionMax === Math.max(...entries.map(({ version }) => version)), "the highest version");
}

function naiveMayContain(filter: Buffer, hash: number): boolean {
  const lines = BigInt(filter.length / 64);
  const line = Number((BigInt(hash) * lines) >> 32n);
  let product = BigInt(hash);
  for (let probe = 0; probe < 6; probe++) {
    product = (product * 0x9e37_79b1n) & 0xffff_ffffn;
    const bit = Number(product >> 23n);
    if ((filter[line * 64 + Math.floor(bit / 8)]! & (1 << (bit % 8))) === 0) return false;
  }
  return true;
}

function rule(number: number, holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`no valid table, rule ${number}: ${what}`);
}
