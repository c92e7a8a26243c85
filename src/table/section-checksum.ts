import type { ByteWriter } from "../lib/byte-writer.ts";
import { crc32c } from "../lib/crc32c.ts";
import { writeUint64 } from "../lib/uint64.ts";
import { checksumWithWord } from "./checksum-algebra.ts";
import { checksumBytes, storeIdBytes } from "./table-format.ts";

/**
 * Blocks, filter and index end alike: with the CRC32C of their place and of all their bytes before it. The place is
 * the store id, the table's number, and the offset in the file; it is not written there, for a reader knows it. So
 * what is whole but belongs elsewhere is not believed: disks have been seen to read or write at a wrong sector.
 *
 * A checksum goes on from its seed, the checksum of the place. That takes no second call and no buffer.
 */

/** What the seeds of one table go on from: the checksum of its store id and its number. */
export function checksumSeedOf(storeId: Uint8Array, number: number): number {
  const place = Buffer.alloc(storeIdBytes + 8);
  place.set(storeId, 0);
  writeUint64(place, number, storeIdBytes);
  return crc32c(place);
}

/** The seed of what lies at `offset` in the table with this checksumSeed. */
export function seedAt(checksumSeed: number, offset: number): number {
  return checksumWithWord(checksumSeed, offset);
}

/** Appends the checksum of what `target` holds from `start` on. */
export function appendChecksum(target: ByteWriter, start: number, seed: number): void {
  const checksum = crc32c(target.bytes.subarray(start, target.length), seed);
  const at = target.reserve(checksumBytes);
  target.bytes.writeUInt32BE(checksum, at);
}

/** Whether the bytes from `start` to `end` end with the checksum of those before it. */
export function isIntact(bytes: Buffer, start: number, end: number, seed: number): boolean {
  const checksumAt = end - checksumBytes;
  return crc32c(bytes.subarray(start, checksumAt), seed) === bytes.readUInt32BE(checksumAt);
}
