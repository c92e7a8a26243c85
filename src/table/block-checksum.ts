import { crc32c } from "../lib/crc32c.ts";
import type { BlockIndex } from "./block-index.ts";
import { checksumWithWord, joinChecksums } from "./checksum-algebra.ts";
import { seedAt } from "./section-checksum.ts";
import { checksumBytes } from "./table-format.ts";

/**
 * Whether a block, its checksum included, is as it was written to the place that the seed is of.
 *
 * The native checksum takes a view of what it is to sum up, and each view costs 50 ns and garbage. Whoever reads a
 * block has one of the whole block already; so the sum goes over all of it, and must be the one that the checksum
 * has after itself. For given last bytes that is another number for each sum of those before: nothing is lost.
 */
export function isBlockIntact(block: Buffer, seed: number): boolean {
  const checksum = block.readUInt32BE(block.length - checksumBytes);
  return crc32c(block, seed) === checksumWithWord(checksum, checksum);
}

/**
 * The checksum, from no seed, that blocks which lie one behind the other have together, if each of them is intact and
 * in its place in the table with this checksumSeed.
 *
 * Summed up by itself a block costs 530 ns with its view, and together with others 280 to 310. So whoever has read
 * many blocks compares this number, for 50 ns a block, with one checksum of them all. Damage to one block always shows,
 * as it does in the block's own checksum, and so does another block in its place; damage to several passes by once in
 * 2^32, as it does there.
 */
export function joinedChecksum(
  blocks: Buffer,
  index: BlockIndex,
  checksumSeed: number,
  first: number,
  end: number,
): number {
  const firstOffset = index.blockStart(first);
  let joined = 0;
  for (let block = first; block < end; block++) {
    const checksum = blocks.readUInt32BE(index.blockStart(block + 1) - firstOffset - checksumBytes);
    // The block's sum goes on from that of its place, the joined one from that of the blocks before. Sums are linear:
    // what goes on from the difference of two sums is the difference of what goes on from each.
    const difference = joined ^ seedAt(checksumSeed, index.blockStart(block));
    joined = joinChecksums(difference, checksumWithWord(checksum, checksum), index.blockBytes(block));
  }
  return joined;
}
