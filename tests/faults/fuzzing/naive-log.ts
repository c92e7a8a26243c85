import { Buffer } from "node:buffer";
import { naiveCrc32c } from "../../table/naive-hash.ts";
import type { Transcript } from "./transcript.ts";

/**
 * A second reader of logs, written from README.md of the WAL alone: what a start may believe of these files,
 * and what it must make of the rest. It shares no code with the first one.
 */
export interface NaiveLog {
  verdict: "clean" | "torn" | "corrupt";
  /** Where, if it is not clean. */
  file: string;
  /** Where a torn tail begins; else -1. */
  offset: number;
  floorSeq: number;
  lastSeq: number;
  /** Those that the log consists of. */
  segments: number[];
}

export function readNaiveLog(files: ReadonlyMap<string, Uint8Array>, into: Transcript): NaiveLog {
  into.begin(nothing);
  const log: NaiveLog = { verdict: "clean", file: "", offset: -1, floorSeq: 0, lastSeq: 0, segments: [] };
  const corrupt = (file: string): NaiveLog => ({ ...log, verdict: "corrupt", file });
  const names = [...files.keys()].sort();
  const segments = names.filter((name) => /^\d{12}\.wal$/.test(name));
  const begins: { file: string; lastSeqBefore: number }[] = [];
  let before: NaiveSegment | undefined;
  for (const name of segments) {
    const bytes = Buffer.from(files.get(name)!);
    const segment = readHeader(bytes);
    if (segment === undefined || segment.number !== Number(name.slice(0, 12))) return corrupt(name);
    if (before !== undefined && !before.storeId.equals(segment.storeId)) return corrupt(name);
    if (before?.number === segment.number - 1) {
      const { bytes: said, lastSeq, checksum } = segment.predecessor;
      const isAsSaid = before.bytes === said && before.lastSeq === lastSeq && before.checksum === checksum;
      if (!isAsSaid) return corrupt(fileOf(before.number));
    } else {
      log.segments = [];
      begins.push({ file: fileOf(segment.number - 1), lastSeqBefore: segment.predecessor.lastSeq });
    }
    const badAt = walk(bytes, segment, into);
    log.segments.push(segment.number);
    log.floorSeq = Math.max(log.floorSeq, segment.floor);
    log.lastSeq = segment.lastSeq;
    before = segment;
    if (badAt === -1) continue;
    if (name !== segments.at(-1) || hasWitness(bytes, segment, badAt)) return corrupt(name);
    log.verdict = "torn";
    log.file = name;
    log.offset = badAt;
  }
  const missing = begins.find(({ lastSeqBefore }) => lastSeqBefore > log.floorSeq);
  if (missing !== undefined) return corrupt(missing.file);
  const foreign = names.find((name) => !/^(LOCK|\..*|\d{12}\.wal|.*\.torn|.*\.tmp)$/.test(name));
  return foreign === undefined ? log : corrupt(foreign);
}

interface NaiveSegment {
  number: number;
  storeId: Buffer;
  bytes: number;
  salt: number;
  predecessor: { lastSeq: number; bytes: number; checksum: number };
  /** Of the last group, or of the header. */
  checksum: number;
  lastSeq: number;
  floor: number;
  durableThrough: number;
}

function readHeader(bytes: Buffer): NaiveSegment | undefined {
  if (bytes.length < 96 || bytes.toString("latin1", 0, 8) !== "HOLDFAST") return undefined;
  const checksum = bytes.readUInt32BE(92);
  if (naiveCrc32c(bytes.subarray(0, 92)) !== checksum) return undefined;
  if (bytes.readUInt32BE(8) !== 1 || bytes.readUInt32BE(12) !== 0) return undefined;
  const [number, firstSeq, floor] = [u64(bytes, 32), u64(bytes, 40), u64(bytes, 48)];
  const [numberBefore, lastSeq, bytesBefore] = [u64(bytes, 64), u64(bytes, 72), u64(bytes, 80)];
  if ([number, firstSeq, floor, numberBefore, lastSeq, bytesBefore].includes(-1)) return undefined;
  if (number !== numberBefore + 1 || firstSeq !== lastSeq + 1) return undefined;
  const storeId = bytes.subarray(16, 32);
  const predecessor = { lastSeq, bytes: bytesBefore, checksum: bytes.readUInt32BE(88) };
  const salt = naiveCrc32c(bytes.subarray(56, 64));
  const length = bytes.length;
  return { number, storeId, bytes: length, salt, predecessor, checksum, lastSeq, floor, durableThrough: 96 };
}

/** Walks the groups, and returns where what is none begins; -1: nowhere, but for zeros. */
function walk(bytes: Buffer, segment: NaiveSegment, into: Transcript): number {
  let at = 96;
  while (at < bytes.length) {
    const group = readGroup(bytes, at, segment.salt);
    if (group === undefined) return bytes.subarray(at).every((byte) => byte === 0) ? -1 : at;
    const payloadAt = at + 56;
    const payloadEnd = payloadAt + group.payloadBytes;
    const lastSeq = segment.lastSeq + group.records;
    const follows =
      group.previous === segment.checksum &&
      group.firstSeq === segment.lastSeq + 1 &&
      group.floor >= segment.floor &&
      group.floor <= lastSeq &&
      group.durableThrough >= segment.durableThrough &&
      group.durableThrough <= at;
    if (!follows || payloadEnd > bytes.length) return at;
    const payload = bytes.subarray(payloadAt, payloadEnd);
    if (naiveCrc32c(payload) !== group.payloadChecksum) return at;
    const records = readRecords(payload, group.records);
    if (records === undefined) return at;
    transcribe(records, payloadAt, group.firstSeq, into);
    segment.checksum = group.checksum;
    segment.lastSeq = lastSeq;
    segment.floor = group.floor;
    segment.durableThrough = group.durableThrough;
    at = payloadEnd;
  }
  return -1;
}

interface NaiveGroup {
  records: number;
  payloadBytes: number;
  payloadChecksum: number;
  firstSeq: number;
  floor: number;
  durableThrough: number;
  previous: number;
  checksum: number;
}

/** Sentence (1) and the first half of (2). */
function readGroup(bytes: Buffer, at: number, salt: number): NaiveGroup | undefined {
  if (at + 56 > bytes.length || bytes.readUInt32BE(at) !== 0xf548_4647) return undefined;
  const header = bytes.subarray(at, at + 56);
  const checksum = header.readUInt32BE(52);
  if (naiveCrc32c(header.subarray(0, 52), salt) !== checksum) return undefined;
  if (u64(header, 16) !== at) return undefined;
  // What these say is held against the groups before, so none that is beyond all bounds can pass.
  const [firstSeq, floor, durableThrough] = [rounded(header, 24), rounded(header, 32), rounded(header, 40)];
  return {
    records: header.readUInt32BE(4),
    payloadBytes: header.readUInt32BE(8),
    payloadChecksum: header.readUInt32BE(12),
    firstSeq,
    floor,
    durableThrough,
    previous: header.readUInt32BE(48),
    checksum,
  };
}

function hasWitness(bytes: Buffer, segment: NaiveSegment, badAt: number): boolean {
  for (let at = badAt + 1; at + 56 <= bytes.length; at++) {
    if (bytes[at] !== 0xf5) continue;
    const group = readGroup(bytes, at, segment.salt);
    if (group !== undefined && group.durableThrough > badAt) return true;
  }
  return false;
}

interface NaiveRecord {
  at: number;
  type: number;
  flags: number;
  keyAt: number;
  valueAt: number;
  end: number;
  expiry: number;
  request: number;
  /** How many records after this one the one comes at which it takes effect. */
  commitsAfter: number;
}

function readRecords(payload: Buffer, count: number): NaiveRecord[] | undefined {
  const records: NaiveRecord[] = [];
  let batch: NaiveRecord[] = [];
  let at = 0;
  while (records.length < count) {
    if (at + 8 > payload.length) return undefined;
    const [type, flags, keyBytes, valueBytes] = [
      payload[at]!,
      payload[at + 1]!,
      payload.readUInt16BE(at + 2),
      payload.readUInt32BE(at + 4),
    ];
    const [inBatch, hasExpiry, hasSession] = [flags & 1, flags & 2, flags & 4];
    const keyAt = at + 8 + (hasExpiry ? 8 : 0) + (hasSession ? 24 : 0);
    const valueAt = keyAt + keyBytes;
    const end = valueAt + valueBytes;
    if (flags > 7 || end > payload.length) return undefined;
    const expiry = hasExpiry ? u64(payload, at + 8) : 0;
    const request = hasSession ? u64(payload, keyAt - 8) : 0;
    if (expiry === -1 || request === -1) return undefined;
    const record = { at, type, flags, keyAt, valueAt, end, expiry, request, commitsAfter: 0 };
    if (!inBatch && batch.length > 0) return undefined;
    if (type === 1 || type === 2) {
      if (keyBytes === 0 || (type === 2 && valueBytes > 0)) return undefined;
      if (inBatch) batch.push(record);
    } else if (type === 3) {
      if (!inBatch || keyBytes > 0 || valueBytes !== 4 || batch.length === 0) return undefined;
      if (payload.readUInt32BE(valueAt) !== batch.length) return undefined;
      for (const [index, member] of batch.entries()) member.commitsAfter = batch.length - index;
      batch = [];
    } else if (type !== 4 || flags > 0 || keyBytes > 0 || valueBytes > 0) return undefined;
    records.push(record);
    at = end;
  }
  return at === payload.length && batch.length === 0 ? records : undefined;
}

function transcribe(records: NaiveRecord[], payloadAt: number, firstSeq: number, into: Transcript): void {
  for (const [index, record] of records.entries()) {
    into.number(firstSeq + index);
    into.number(firstSeq + index + record.commitsAfter);
    into.number(record.type);
    into.number(record.flags);
    into.range(payloadAt + record.keyAt, payloadAt + record.valueAt);
    into.range(payloadAt + record.valueAt, payloadAt + record.end);
    into.number(record.expiry);
    into.number(record.request);
  }
}

/** -1: beyond 2^53 - 1, where no number of the log may be. */
function u64(bytes: Buffer, at: number): number {
  const value = rounded(bytes, at);
  return Number.isSafeInteger(value) ? value : -1;
}

function rounded(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

const fileOf = (number: number) => `${String(number).padStart(12, "0")}.wal`;
const nothing = Buffer.alloc(0);
