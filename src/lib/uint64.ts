import { assert } from "./assert.ts";

const high = 0x1_0000_0000;

/** Writes a safe integer as u64, big-endian. */
export function writeUint64(bytes: Buffer, value: number, offset: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a u64 is written from a safe integer");
  bytes.writeUInt32BE(Math.floor(value / high), offset);
  bytes.writeUInt32BE(value % high, offset + 4);
}

/** Reads a u64, big-endian. Beyond 2^53 - 1 the answer is no safe integer: callers that believe it must check. */
export function readUint64(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) * high + bytes.readUInt32BE(offset + 4);
}
