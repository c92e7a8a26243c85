import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import {
  fileHeaderBytes,
  fileMagic,
  fileNumberMax,
  formatVersion,
  formatVersionMin,
  storeIdBytes,
} from "./format.ts";

/** What the first 44 bytes of a manifest say. */
export interface FileHeader {
  /** 16 bytes, the same in all files of a store and in no other store's. */
  storeId: Uint8Array;
  hashSeed: number;
  /** That of the file's name: 1, 2, 3, … */
  number: number;
}

/**
 * Writes the header into the first bytes of `target` and returns its checksum, from which those of all edits of the
 * file start: it depends on the store, its secret and the number, so no edit of another file fits.
 */
export function encodeFileHeader(target: Buffer, header: FileHeader): number {
  assert(header.storeId.length === storeIdBytes, "a store id has 16 bytes");
  assert(header.number >= 1 && header.number <= fileNumberMax, "manifests are numbered from 1");
  target.set(fileMagic, 0);
  target.writeUInt32BE(formatVersion, 8);
  target.set(header.storeId, 12);
  target.writeUInt32BE(header.hashSeed, 28);
  writeUint64(target, header.number, 32);
  const checksum = crc32c(target.subarray(0, 40));
  target.writeUInt32BE(checksum, 40);
  return checksum;
}

/** The header, the version of the format and the checksum, or a sentence that says why these bytes are none. */
export function decodeFileHeader(
  bytes: Buffer,
): { header: FileHeader; version: number; checksum: number } | { problem: string } {
  if (bytes.length < fileHeaderBytes) {
    return { problem: `it has ${bytes.length} bytes, fewer than a manifest's header of ${fileHeaderBytes}` };
  }
  if (!fileMagic.equals(bytes.subarray(0, 8))) return { problem: "it does not begin as a manifest does" };
  const checksum = bytes.readUInt32BE(40);
  if (crc32c(bytes.subarray(0, 40)) !== checksum) {
    return { problem: "the checksum of its header does not match" };
  }
  const version = bytes.readUInt32BE(8);
  if (version < formatVersionMin || version > formatVersion) {
    const known = `versions ${formatVersionMin} to ${formatVersion}`;
    return { problem: `it has format version ${version}; this program reads ${known}` };
  }
  const storeId = Uint8Array.prototype.slice.call(bytes, 12, 28);
  const header = { storeId, hashSeed: bytes.readUInt32BE(28), number: readUint64(bytes, 32) };
  return { header, version, checksum };
}
