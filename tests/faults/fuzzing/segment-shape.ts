import type { Buffer } from "node:buffer";
import { crc32c } from "../../../src/lib/crc32c.ts";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { Field, FileSample, Unit } from "./file-sample.ts";

/** Where the numbers, the groups and the records of a valid segment are. */
export function segmentSample(bytes: Buffer): FileSample {
  const fields: Field[] = fieldsAt(0, segmentFields);
  const units: Unit[] = [];
  for (let at = 96; at + 56 <= bytes.length && bytes.readUInt32BE(at) === groupMagic;) {
    fields.push(...fieldsAt(at, groupFields));
    const end = at + 56 + bytes.readUInt32BE(at + 8);
    units.push({ start: at, end });
    for (let recordAt = at + 56; recordAt + 8 <= end;) {
      const flags = bytes[recordAt + 1]!;
      fields.push(...fieldsAt(recordAt, recordFields));
      if (flags & 2) fields.push({ at: recordAt + 8, width: 8 });
      const lengths = bytes.readUInt16BE(recordAt + 2) + bytes.readUInt32BE(recordAt + 4);
      const next = recordAt + 8 + (flags & 2 ? 8 : 0) + (flags & 4 ? 24 : 0) + lengths;
      units.push({ start: recordAt, end: next });
      recordAt = next;
    }
    at = end;
  }
  return { bytes, fields, units };
}

/** How the segment before ended, for the header of the one behind it. */
export interface MendedEnd {
  number: number;
  lastSeq: number;
  bytes: number;
  checksum: number;
}

/**
 * Makes right what a checksum, a chain or a count makes wrong, so that only what was meant to be wrong still
 * is. Now and then something is left as it is, for that is damage too. `before` is what a segment's header
 * should say.
 */
export function mendSegment(bytes: Buffer, random: Random, before?: MendedEnd): MendedEnd {
  const spares = randomBelow(random, 8) === 0 ? 6 : 0;
  const does = () => spares === 0 || randomBelow(random, spares) > 0;
  const renumbers = randomBelow(random, 2) === 0;
  const end = { number: 0, lastSeq: 0, bytes: bytes.length, checksum: 0 };
  if (bytes.length < 96) return end;
  if (before !== undefined && renumbers) {
    bytes.writeBigUInt64BE(BigInt(before.lastSeq), 72);
    bytes.writeBigUInt64BE(BigInt(before.bytes), 80);
    bytes.writeUInt32BE(before.checksum, 88);
    bytes.writeBigUInt64BE(BigInt(before.lastSeq + 1), 40);
  }
  if (does()) bytes.writeUInt32BE(crc32c(bytes.subarray(0, 92)), 92);
  const salt = crc32c(bytes.subarray(56, 64));
  end.checksum = bytes.readUInt32BE(92);
  end.number = Number(bytes.readBigUInt64BE(32));
  end.lastSeq = Math.max(0, Math.min(Number(bytes.readBigUInt64BE(40)), Number.MAX_SAFE_INTEGER) - 1);
  for (let at = 96; at + 56 <= bytes.length;) {
    if (bytes.readUInt32BE(at) !== groupMagic) {
      at = bytes.indexOf(groupMagicBytes, at + 1);
      if (at === -1) break;
      continue;
    }
    const payloadBytes = bytes.readUInt32BE(at + 8);
    const payload = bytes.subarray(at + 56, at + 56 + payloadBytes);
    const hasMoved = bytes.readUInt32BE(at + 20) !== at;
    if (does()) bytes.writeUInt32BE(payloadBytes === 0 ? 0 : crc32c(payload), at + 12);
    if (hasMoved && does()) {
      bytes.writeBigUInt64BE(BigInt(at), at + 16);
      // What a moved group says of syncs would be about other bytes.
      bytes.writeBigUInt64BE(BigInt(at), at + 40);
    }
    if (renumbers) bytes.writeBigUInt64BE(BigInt(end.lastSeq + 1), at + 24);
    if (does()) bytes.writeUInt32BE(end.checksum, at + 48);
    if (does()) bytes.writeUInt32BE(crc32c(bytes.subarray(at, at + 52), salt), at + 52);
    end.checksum = bytes.readUInt32BE(at + 52);
    end.lastSeq += Math.min(bytes.readUInt32BE(at + 4), bytes.length);
    at += 56 + payload.length;
  }
  return end;
}

export function fieldsAt(start: number, fields: readonly (readonly [number, number])[]): Field[] {
  return fields.map(([offset, width]) => ({ at: start + offset, width }));
}

const groupMagic = 0xf548_4647;
const groupMagicBytes = Uint8Array.of(0xf5, 0x48, 0x46, 0x47);

/** Offsets and widths, from the tables of README.md of the WAL. */
const segmentFields = [
  [8, 4],
  [12, 4],
  [16, 8],
  [32, 8],
  [40, 8],
  [48, 8],
  [64, 8],
  [72, 8],
  [80, 8],
  [88, 4],
] as const;
const groupFields = [
  [4, 4],
  [8, 4],
  [16, 8],
  [24, 8],
  [32, 8],
  [40, 8],
  [48, 4],
] as const;
const recordFields = [
  [0, 1],
  [1, 1],
  [2, 2],
  [4, 4],
] as const;
