import type { Buffer } from "node:buffer";
import { crc32c } from "../../../src/lib/crc32c.ts";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { Field, FileSample, Unit } from "./file-sample.ts";
import { fieldsAt } from "./segment-shape.ts";

/** Where the numbers, the edits and the tables of a valid manifest are. */
export function manifestSample(bytes: Buffer): FileSample {
  const fields: Field[] = fieldsAt(0, fileFields);
  const units: Unit[] = [];
  const countsAt = bytes.readUInt32BE(8) === 1 ? 24 : 32;
  for (let at = 44; at + 36 <= bytes.length && bytes.readUInt32BE(at) === editMagic;) {
    fields.push(...fieldsAt(at, headerFields));
    const end = at + 36 + bytes.readUInt32BE(at + 4);
    units.push({ start: at, end });
    if (end > at + 36) {
      const payloadAt = at + 36;
      for (let at = 0; at < countsAt; at += 8) fields.push({ at: payloadAt + at, width: 8 });
      for (const at of [countsAt, countsAt + 4]) fields.push({ at: payloadAt + at, width: 4 });
      let next = payloadAt + countsAt + 8;
      for (let left = bytes.readUInt32BE(payloadAt + countsAt); left > 0; left--, next += 8) {
        fields.push({ at: next, width: 8 });
        units.push({ start: next, end: next + 8 });
      }
      for (let left = bytes.readUInt32BE(payloadAt + countsAt + 4); left > 0; left--) {
        fields.push(...fieldsAt(next, tableFields));
        const tableEnd = next + 73 + bytes.readUInt16BE(next + 69) + bytes.readUInt16BE(next + 71);
        units.push({ start: next, end: tableEnd });
        next = tableEnd;
      }
    }
    at = end;
  }
  return { bytes, fields, units };
}

/** As with segments: only what was meant to be wrong still is, most of the time. */
export function mendManifest(bytes: Buffer, random: Random): void {
  const spares = randomBelow(random, 8) === 0 ? 6 : 0;
  const does = () => spares === 0 || randomBelow(random, spares) > 0;
  const renumbers = randomBelow(random, 2) === 0;
  if (bytes.length < 44) return;
  if (does()) bytes.writeUInt32BE(crc32c(bytes.subarray(0, 40)), 40);
  const seed = bytes.readUInt32BE(40);
  let previous = seed;
  let editNumber: bigint | undefined;
  for (let at = 44; at + 36 <= bytes.length;) {
    if (bytes.readUInt32BE(at) !== editMagic) {
      // An edit whose length lies leaves the next one somewhere behind.
      at = bytes.indexOf(editMagicBytes, at + 1);
      if (at === -1) return;
      continue;
    }
    const payload = bytes.subarray(at + 36, at + 36 + bytes.readUInt32BE(at + 4));
    if (does()) bytes.writeUInt32BE(payload.length === 0 ? 0 : crc32c(payload), at + 8);
    if (does()) bytes.writeBigUInt64BE(BigInt(at), at + 20);
    const said = bytes.readBigUInt64BE(at + 12);
    editNumber = editNumber === undefined ? said : payload.length === 0 ? editNumber : editNumber + 1n;
    if (renumbers) bytes.writeBigUInt64BE(editNumber & 0xffff_ffff_ffff_ffffn, at + 12);
    if (does()) bytes.writeUInt32BE(previous, at + 28);
    if (does()) bytes.writeUInt32BE(crc32c(bytes.subarray(at, at + 32), seed), at + 32);
    previous = bytes.readUInt32BE(at + 32);
    at += 36 + payload.length;
  }
}

const editMagic = 0xf548_4d46;
const editMagicBytes = Uint8Array.of(0xf5, 0x48, 0x4d, 0x46);

/** Offsets and widths, from the tables of README.md of the manifest. */
const fileFields = [
  [8, 4],
  [12, 8],
  [28, 4],
  [32, 8],
] as const;
const headerFields = [
  [4, 4],
  [12, 8],
  [20, 8],
  [28, 4],
] as const;
const tableFields = [
  ...([0, 8, 16, 24, 32, 40, 48, 56] as const).map((at) => [at, 8] as const),
  ...([
    [64, 4],
    [68, 1],
    [69, 2],
    [71, 2],
  ] as const),
] as const;
