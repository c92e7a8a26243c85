import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import { editHeaderBytes, editMagic, editMagicBytes, fileHeaderBytes } from "./format.ts";

/** What the 36 bytes before an edit's payload say. A header without payload is a seal. */
export interface EditHeader {
  payloadBytes: number;
  payloadChecksum: number;
  /**
   * Edits of a store are numbered from 1, through all its manifests. A seal repeats the number of its edit, and the
   * first edit of a file that of the last one whose effect it includes.
   */
  editNumber: number;
  /** Where in its file the edit begins: a copy of it elsewhere is no edit. */
  offset: number;
  /** The header checksum of the edit before this one, or of the file's header: the chain. */
  previousChecksum: number;
}

/** Writes the header into the first bytes of `target` and returns its checksum. `seed` is the file's header's. */
export function encodeEditHeader(target: Buffer, header: EditHeader, seed: number): number {
  assert(header.offset >= fileHeaderBytes, "edits lie behind the file's header");
  target.writeUInt32BE(editMagic, 0);
  target.writeUInt32BE(header.payloadBytes, 4);
  target.writeUInt32BE(header.payloadChecksum, 8);
  writeUint64(target, header.editNumber, 12);
  writeUint64(target, header.offset, 20);
  target.writeUInt32BE(header.previousChecksum, 28);
  const checksum = crc32c(target.subarray(0, 32), seed);
  target.writeUInt32BE(checksum, 32);
  return checksum;
}

/**
 * The header at `offset` of a file if its bytes were written there by this file's writer: the checksum covers the
 * length and the place and starts from the file's own, so neither garbage nor a stale or embedded copy passes. The
 * payload is not looked at.
 */
export function decodeEditHeader(file: Buffer, offset: number, seed: number): EditHeader | undefined {
  if (offset + editHeaderBytes > file.length) return undefined;
  if (file.readUInt32BE(offset) !== editMagic) return undefined;
  if (crc32c(file.subarray(offset, offset + 32), seed) !== editChecksum(file, offset)) return undefined;
  if (readUint64(file, offset + 20) !== offset) return undefined;
  return {
    payloadBytes: file.readUInt32BE(offset + 4),
    payloadChecksum: file.readUInt32BE(offset + 8),
    editNumber: readUint64(file, offset + 12),
    offset,
    previousChecksum: file.readUInt32BE(offset + 28),
  };
}

/** The checksum that a header holds, which the next header repeats. */
export function editChecksum(file: Buffer, offset: number): number {
  return file.readUInt32BE(offset + 32);
}

/**
 * Looks behind a bad place for a witness: the header of an edit or a seal, at its own true offset. It was written only
 * after a sync that covered everything before it, so what is bad before it was whole once.
 */
export function findWitness(file: Buffer, badOffset: number, seed: number): EditHeader | undefined {
  for (
    let offset = file.indexOf(editMagicBytes, badOffset + 1);
    offset !== -1;
    offset = file.indexOf(editMagicBytes, offset + 1)
  ) {
    const header = decodeEditHeader(file, offset, seed);
    if (header !== undefined) return header;
  }
  return undefined;
}
