import { Buffer } from "node:buffer";
import { crc32c } from "../../../src/lib/crc32c.ts";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { Field, FileSample, Unit } from "./file-sample.ts";
import { fieldsAt } from "./segment-shape.ts";

/** Where the numbers, the blocks and the entries of a table are, as its own offsets say. */
export function tableSample(bytes: Buffer): FileSample {
  const fields: Field[] = [];
  const units: Unit[] = [];
  const footerAt = bytes.length - 120;
  fields.push(...fieldsAt(footerAt, footerFields));
  const blocks = bytes.readUInt32BE(footerAt + 88);
  const filterAt = bytes.readUInt32BE(footerAt + 92);
  const indexAt = bytes.readUInt32BE(footerAt + 100);
  units.push({ start: filterAt, end: indexAt }, { start: indexAt, end: footerAt });
  for (let block = 0; block <= blocks; block++) {
    const pairAt = indexAt + 8 * block;
    fields.push({ at: pairAt, width: 4 }, { at: pairAt + 4, width: 4 });
    units.push({ start: pairAt, end: pairAt + 8 });
    if (block === blocks) break;
    const unit = { start: bytes.readUInt32BE(pairAt), end: bytes.readUInt32BE(pairAt + 8) };
    units.push(unit);
    // The numbers of an entry have one byte each, most of them: any byte may be one.
    for (let at = unit.start; at < Math.min(unit.end, unit.start + 64); at++) fields.push({ at, width: 1 });
    const restartCountAt = unit.end - 6;
    fields.push({ at: restartCountAt, width: 2 });
    const restartsAt = Math.max(unit.start, restartCountAt - 4 * bytes.readUInt16BE(restartCountAt));
    for (let at = restartsAt; at < restartCountAt; at += 4) fields.push({ at, width: 4 });
  }
  return { bytes, fields, units };
}

/**
 * Gives blocks, filter, index, file and footer the checksums that they must have where they are now, most of
 * the time. If the file became longer or shorter, its offsets are half of the time moved along with what lies
 * behind.
 */
export function mendTable(bytes: Buffer, random: Random, bytesBefore: number): void {
  const footerAt = bytes.length - 120;
  if (footerAt < 0) return;
  const spares = randomBelow(random, 8) === 0 ? 6 : 0;
  const does = () => spares === 0 || randomBelow(random, spares) > 0;
  const grown = bytes.length - bytesBefore;
  if (grown !== 0 && randomBelow(random, 2) === 0) {
    for (const at of randomBelow(random, 2) === 0 ? [92, 100] : [104]) {
      bytes.writeUInt32BE((bytes.readUInt32BE(footerAt + at) + grown) >>> 0, footerAt + at);
    }
  }
  const place = crc32c(bytes.subarray(footerAt + 12, footerAt + 36));
  const seal = (start: number, end: number) => {
    if (end - start < 4 || end > footerAt || !does()) return;
    offset.writeUInt32BE(start);
    bytes.writeUInt32BE(crc32c(bytes.subarray(start, end - 4), crc32c(offset, place)), end - 4);
  };
  const indexAt = bytes.readUInt32BE(footerAt + 100);
  const filterAt = bytes.readUInt32BE(footerAt + 92);
  const blocks = Math.min(bytes.readUInt32BE(footerAt + 88), 64);
  for (let block = 0; block < blocks && indexAt + 8 * block + 12 <= footerAt; block++) {
    const pairAt = indexAt + 8 * block;
    if (grown !== 0 && block === blocks - 1 && does()) bytes.writeUInt32BE(filterAt, pairAt + 8);
    seal(bytes.readUInt32BE(pairAt), bytes.readUInt32BE(pairAt + 8));
  }
  seal(filterAt, indexAt);
  seal(indexAt, footerAt);
  if (does()) bytes.writeUInt32BE(crc32c(bytes.subarray(0, footerAt)), footerAt + 112);
  if (does()) bytes.writeUInt32BE(crc32c(bytes.subarray(footerAt, footerAt + 116)), footerAt + 116);
}

const offset = Buffer.alloc(4);

/** Offsets and widths, from the table of README.md of the tables. */
const footerFields = [
  ...([8, 10] as const).map((at) => [at, 2] as const),
  ...([12, 28, 36, 44, 52, 60, 68, 76] as const).map((at) => [at, 8] as const),
  ...([84, 88, 92, 96, 100, 104] as const).map((at) => [at, 4] as const),
  ...([108, 110] as const).map((at) => [at, 2] as const),
  [112, 4] as const,
];
