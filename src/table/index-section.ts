import { compareKeys } from "../memtable/compare-keys.ts";
import { checksumSeedOf, isIntact, seedAt } from "./section-checksum.ts";
import { blockBytesMin, checksumBytes, indexPairBytes } from "./table-format.ts";
import type { TableFooter } from "./table-footer.ts";

/**
 * The index section as it lies in the file, searched in place: no object is made for a block. Behind the pairs of
 * offsets lie the separators, the first key, the last key and the checksum; key offsets count from the beginning
 * of the section, and the pair behind the last block says where the blocks, and where the separators, end.
 */

/** Where a block begins in the file; `block` may be the count of blocks, and the answer is where they end. */
export function blockOffset(index: Buffer, block: number): number {
  return index.readUInt32BE(block * indexPairBytes);
}

/** Where a block's separator begins in the section. It ends where the next one begins. */
export function separatorOffset(index: Buffer, block: number): number {
  return index.readUInt32BE(block * indexPairBytes + 4);
}

/** Why these bytes are not the index that the footer means, as a sentence, or undefined: they are. */
export function indexProblem(index: Buffer, footer: TableFooter): string | undefined {
  const { blockCount, firstKeyBytes, lastKeyBytes } = footer;
  const keysEnd = index.length - checksumBytes;
  if (index.length !== footer.indexBytes) return "its index is cut short";
  const seed = seedAt(checksumSeedOf(footer.storeId, footer.number), footer.indexOffset);
  if (!isIntact(index, 0, index.length, seed)) return "the checksum of its index does not match";
  const firstKeyStart = keysEnd - firstKeyBytes - lastKeyBytes;
  const lastKeyStart = keysEnd - lastKeyBytes;
  if (blockOffset(index, 0) !== 0 || blockOffset(index, blockCount) !== footer.filterOffset) {
    return "its index does not cover the blocks";
  }
  if (separatorOffset(index, 0) !== (blockCount + 1) * indexPairBytes) {
    return "its index has bytes that belong to nothing";
  }
  if (separatorOffset(index, blockCount) !== firstKeyStart) {
    return "its index does not agree with its footer about its keys";
  }
  for (let block = 0; block < blockCount; block++) {
    if (blockOffset(index, block) + blockBytesMin > blockOffset(index, block + 1)) {
      return `its index says that block ${block} ends before it can`;
    }
    if (separatorOffset(index, block) >= separatorOffset(index, block + 1)) {
      return `its index has no key for block ${block}`;
    }
  }
  // Only now is it known that all keys lie inside the section.
  for (let block = 1; block < blockCount; block++) {
    const start = separatorOffset(index, block - 1);
    const middle = separatorOffset(index, block);
    if (compareKeys(index, start, middle, index, middle, separatorOffset(index, block + 1)) > 0) {
      return `the keys of its index do not ascend at block ${block}`;
    }
  }
  if (compareKeys(index, firstKeyStart, lastKeyStart, index, lastKeyStart, keysEnd) > 0) {
    return "its first key is greater than its last key";
  }
  const separator = separatorOffset(index, blockCount - 1);
  if (compareKeys(index, separator, firstKeyStart, index, lastKeyStart, keysEnd) !== 0) {
    return "its index does not end with its last key";
  }
  return undefined;
}
