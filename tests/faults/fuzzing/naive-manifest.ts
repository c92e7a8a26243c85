import { Buffer } from "node:buffer";
import { naiveCrc32c } from "../../table/naive-hash.ts";

/** A second reader of manifests, written from README.md of the manifest alone. */
export interface NaiveManifest {
  storeId: string;
  hashSeed: number;
  coveredSeq: number;
  nextTableNumber: number;
  segmentNumber: number;
  durableSeq: number;
  tables: NaiveTableEntry[];
  editNumber: number;
  editCount: number;
  isSealed: boolean;
  bytes: number;
  tornAt: number | undefined;
}

/** The nine numbers of eight bytes and less, in the order of the file, and the keys as hex. */
export interface NaiveTableEntry {
  numbers: number[];
  checksum: number;
  level: number;
  firstKey: string;
  lastKey: string;
}

/** What the file says, or the offset at which it is corrupt. */
export function readNaiveManifest(bytes: Buffer, number: number): NaiveManifest | number {
  if (bytes.length < 44 || bytes.toString("latin1", 0, 8) !== "HOLDMANI") return 0;
  const seed = bytes.readUInt32BE(40);
  const version = bytes.readUInt32BE(8);
  if (naiveCrc32c(bytes.subarray(0, 40)) !== seed || version < 1 || version > 2) return 0;
  if (u64(bytes, 32) !== number) return 0;
  const state: NaiveManifest = {
    storeId: bytes.toString("hex", 12, 28),
    hashSeed: bytes.readUInt32BE(28),
    coveredSeq: 0,
    nextTableNumber: 1,
    segmentNumber: 0,
    durableSeq: 0,
    tables: [],
    editNumber: 0,
    editCount: 0,
    isSealed: true,
    bytes: 44,
    tornAt: undefined,
  };
  for (let previous = seed; state.bytes < bytes.length || state.editCount === 0;) {
    const at = state.bytes;
    const header = headerAt(bytes, at, seed);
    const end = at + 36 + (header?.payloadBytes ?? 0);
    const isWhole =
      header !== undefined &&
      end <= bytes.length &&
      naiveCrc32c(bytes.subarray(at + 36, end)) === header.payloadChecksum;
    if (!isWhole) {
      if (state.editCount === 0 || hasWitness(bytes, at, seed)) return at;
      state.tornAt = at;
      break;
    }
    if (header.previous !== previous || !follow(state, header, bytes.subarray(at + 36, end), version))
      return at;
    previous = header.checksum;
    state.bytes = end;
  }
  state.tables.sort(listed);
  return state;
}

interface NaiveHeader {
  payloadBytes: number;
  payloadChecksum: number;
  editNumber: number;
  previous: number;
  checksum: number;
}

function headerAt(bytes: Buffer, at: number, seed: number): NaiveHeader | undefined {
  if (at + 36 > bytes.length || bytes.readUInt32BE(at) !== 0xf548_4d46) return undefined;
  const checksum = bytes.readUInt32BE(at + 32);
  if (naiveCrc32c(bytes.subarray(at, at + 32), seed) !== checksum || u64(bytes, at + 20) !== at)
    return undefined;
  return {
    payloadBytes: bytes.readUInt32BE(at + 4),
    payloadChecksum: bytes.readUInt32BE(at + 8),
    editNumber: u64(bytes, at + 12),
    previous: bytes.readUInt32BE(at + 28),
    checksum,
  };
}

function hasWitness(bytes: Buffer, badAt: number, seed: number): boolean {
  for (let at = badAt + 1; at + 36 <= bytes.length; at++) {
    if (bytes[at] === 0xf5 && headerAt(bytes, at, seed) !== undefined) return true;
  }
  return false;
}

/** Whether an edit or a seal can come next; then the state is the next one. */
function follow(
  state: NaiveManifest,
  { editNumber }: NaiveHeader,
  payload: Buffer,
  version: number,
): boolean {
  const isFirst = state.editCount === 0;
  if (editNumber === -1) return false;
  if (payload.length === 0 && !isFirst) {
    const seals = !state.isSealed && editNumber === state.editNumber;
    state.isSealed = true;
    return seals;
  }
  if (!state.isSealed || (!isFirst && editNumber !== state.editNumber + 1)) return false;
  // An older file has no durable seq: the covered one stands for it.
  const countsAt = version === 1 ? 24 : 32;
  if (payload.length < countsAt + 8) return false;
  const numbers = [0, 8, 16, version === 1 ? 0 : 24].map((place) => u64(payload, place));
  const [coveredSeq, nextTableNumber, segmentNumber, durableSeq] = numbers as [
    number,
    number,
    number,
    number,
  ];
  // (a)
  if (coveredSeq < state.coveredSeq || nextTableNumber < state.nextTableNumber) return false;
  if (segmentNumber < state.segmentNumber) return false;
  if (durableSeq < state.durableSeq || durableSeq < coveredSeq) return false;
  let at = countsAt + 8;
  const left = () => payload.length - at;
  const removed: NaiveTableEntry[] = [];
  const [removedCount, addedCount] = [payload.readUInt32BE(countsAt), payload.readUInt32BE(countsAt + 4)];
  if (removedCount * 8 > left()) return false;
  // (b)
  for (let index = 0; index < removedCount; index++, at += 8) {
    const place = state.tables.findIndex(({ numbers: [own] }) => own === u64(payload, at));
    if (place === -1) return false;
    removed.push(...state.tables.splice(place, 1));
  }
  for (let index = 0; index < addedCount; index++) {
    if (left() < 73) return false;
    const firstKeyAt = at + 73;
    const lastKeyAt = firstKeyAt + payload.readUInt16BE(at + 69);
    const end = lastKeyAt + payload.readUInt16BE(at + 71);
    if (end > payload.length) return false;
    const table = {
      numbers: Array.from({ length: 8 }, (_, place) => u64(payload, at + 8 * place)),
      checksum: payload.readUInt32BE(at + 64),
      level: payload[at + 68]!,
      firstKey: payload.toString("hex", firstKeyAt, lastKeyAt),
      lastKey: payload.toString("hex", lastKeyAt, end),
    };
    const before = removed.find(({ numbers: [own] }) => own === table.numbers[0]);
    if (!canBeAdded(table, state.tables, before, nextTableNumber, coveredSeq)) return false;
    state.tables.push(table);
    at = end;
  }
  if (left() > 0) return false;
  Object.assign(state, { coveredSeq, nextTableNumber, segmentNumber, durableSeq });
  Object.assign(state, { editNumber, isSealed: isFirst });
  state.editCount++;
  return true;
}

/** (c), (d) and (e) */
function canBeAdded(
  table: NaiveTableEntry,
  live: readonly NaiveTableEntry[],
  before: NaiveTableEntry | undefined,
  nextTableNumber: number,
  coveredSeq: number,
): boolean {
  if (table.numbers.includes(-1)) return false;
  const [number, bytes, entries, tombstones, , , versionMin, versionMax] = table.numbers as EightNumbers;
  if (number < 1 || number >= nextTableNumber) return false;
  if (live.some(({ numbers: [own] }) => own === number)) return false;
  if (before !== undefined && !Bun.deepEquals({ ...before, level: table.level }, table)) return false;
  if (bytes === 0 || entries === 0 || tombstones > entries || table.level > 6) return false;
  if (table.firstKey === "" || table.lastKey === "" || table.firstKey > table.lastKey) return false;
  if (versionMin > versionMax || versionMax > coveredSeq) return false;
  const others = table.level === 0 ? [] : live.filter(({ level }) => level === table.level);
  return others.every((other) => other.lastKey < table.firstKey || table.lastKey < other.firstKey);
}

type EightNumbers = [number, number, number, number, number, number, number, number];

/** Hex sorts as bytes do. */
function listed(one: NaiveTableEntry, other: NaiveTableEntry): number {
  if (one.level !== other.level) return one.level - other.level;
  if (one.level > 0) return one.firstKey < other.firstKey ? -1 : 1;
  return other.numbers[7]! - one.numbers[7]! || other.numbers[0]! - one.numbers[0]!;
}

/** -1: beyond 2^53 - 1, where no number of a manifest may be. */
function u64(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? value : -1;
}
