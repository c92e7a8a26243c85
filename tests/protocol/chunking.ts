import { expect } from "bun:test";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";

/**
 * Hands `bytes` to a frame decoder whole, byte by byte, and in random chunks, runs `check` on the payloads of each
 * way, and expects nothing to be left over. Chunks are overwritten once they were read: what a decoder still
 * needs of them it must have copied.
 */
export function inEveryChunking(
  bytes: Buffer,
  random: Random,
  check: (payloads: Buffer[]) => void,
  frameBytesMax = 0xffff_ffff,
): void {
  for (const chunks of chunkings(bytes, random)) {
    const decoder = new FrameDecoder(frameBytesMax);
    const payloads: Buffer[] = [];
    for (const chunk of chunks) {
      decoder.push(chunk);
      while (decoder.next()) payloads.push(Buffer.from(decoder.bytes.subarray(decoder.start, decoder.end)));
      chunk.fill(0xee);
    }
    expect(decoder.bufferedBytes).toBe(0);
    check(payloads);
  }
}

/** Copies of `bytes`, cut in three ways. */
export function chunkings(bytes: Buffer, random: Random): Buffer[][] {
  return [cut(bytes, () => bytes.length), cut(bytes, () => 1), cut(bytes, () => randomChunkLength(random))];
}

export function randomChunkLength(random: Random): number {
  return 1 + randomBelow(random, 1 << (1 + randomBelow(random, 10)));
}

export function cut(bytes: Buffer, nextLength: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + nextLength());
    chunks.push(Buffer.from(bytes.subarray(start, end)));
    start = end;
  }
  return chunks;
}
