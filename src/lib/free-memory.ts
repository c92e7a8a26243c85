import type { Buffer } from "node:buffer";

/**
 * Gives the memory of a large buffer back at once, instead of when the collector happens to run: a peer that makes us
 * drop one buffer after the other must not decide how much lies about. The buffer, and every view of it, is empty then.
 * Small ones, parts of something larger, and platforms that can't do it are left to the collector.
 */
export function freeMemory(buffer: Buffer): void {
  const memory = buffer.buffer as ArrayBuffer & { transfer?: (bytes: number) => ArrayBuffer };
  if (buffer.length >= freedBytesMin && buffer.length === memory.byteLength) memory.transfer?.(0);
}

/** Less than this costs the collector nothing worth a call. */
const freedBytesMin = 64 * 1024;
