import type { ByteWriter } from "../lib/byte-writer.ts";
import { crc32c } from "../lib/crc32c.ts";
import { checksumBytes } from "./table-format.ts";

/** Blocks, filter and index end alike: with the CRC32C of all their bytes before it. */

/** Appends the checksum of what `target` holds from `start` on. */
export function appendChecksum(target: ByteWriter, start: number): void {
  const checksum = crc32c(target.bytes.subarray(start, target.length));
  const at = target.reserve(checksumBytes);
  target.bytes.writeUInt32BE(checksum, at);
}

/** Whether the bytes from `start` to `end` end with the checksum of those before it. */
export function isIntact(bytes: Buffer, start: number, end: number): boolean {
  const checksumAt = end - checksumBytes;
  return crc32c(bytes.subarray(start, checksumAt)) === bytes.readUInt32BE(checksumAt);
}
