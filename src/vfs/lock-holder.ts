import { crc32c } from "../lib/crc32c.ts";

/**
 * What a lock's file says of its holder: one line of always as many bytes, so that a pid takes the place of the last
 * one at once, and also on a full disk.
 *
 *     "      4711 1a2b3c4d\n"     the pid, a space, the CRC-32C of the eleven bytes before in hexadecimal
 *
 * People read the pid. The checksum is for `check`, so that no byte of a store is without one.
 */
export const holderBytes = 20;

export function encodeHolder(pid: number): Buffer {
  const named = `${String(pid).padStart(pidColumns)} `;
  const checksum = crc32c(Buffer.from(named, "latin1")).toString(16).padStart(8, "0");
  return Buffer.from(`${named}${checksum}\n`, "latin1");
}

/** The pid, or undefined: these bytes are no such line. */
export function decodeHolder(bytes: Uint8Array): number | undefined {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const pid = Number(line.toString("latin1", 0, pidColumns));
  if (!Number.isInteger(pid) || pid <= 0 || pid > pidMax) return undefined;
  // Only what would be written is believed: a number may be spelled in other ways, and a checksum in capitals.
  return encodeHolder(pid).equals(line) ? pid : undefined;
}

const pidColumns = 10;
const pidMax = 2 ** 31 - 1;
