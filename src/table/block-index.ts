import { compareKeys } from "../memtable/compare-keys.ts";
import { commonLength } from "./common-length.ts";
import { blockOffset, separatorOffset } from "./index-section.ts";
import { keyHead } from "./key-head.ts";
import type { TableFooter } from "./table-footer.ts";
import { checksumBytes } from "./table-format.ts";

/**
 * A table's index, as it is kept in memory while the table is open: the section of the file, and of each separator
 * the four bytes behind what all keys of the table begin with, as a number.
 *
 * A search among those numbers needs no key until it comes to equal ones: 100 ns in 40 tables of 8192 blocks, where
 * a search among the separators takes 370. It begins among the last numbers of groups of sixteen, which stay in the
 * processor's nearest cache, and ends in one line of another; that is worth another 35.
 */
export class BlockIndex {
  readonly section: Buffer;
  readonly blockCount: number;
  /** The first key and the last key of the table lie in the section. */
  readonly firstKeyStart: number;
  readonly lastKeyStart: number;
  readonly lastKeyEnd: number;
  /** What all keys of the table have in common; so have the separators, which lie between the first and the last. */
  readonly #prefixBytes: number;
  /** For each block. Signed numbers compare fastest, so the highest bit is the other way round. */
  readonly #heads: Int32Array;
  /** Of the last block of each whole group. */
  readonly #groupHeads: Int32Array;

  /** `section` is the index that the footer means: index-section.ts has found no problem in it. */
  constructor(section: Buffer, footer: TableFooter) {
    this.section = section;
    this.blockCount = footer.blockCount;
    this.lastKeyEnd = section.length - checksumBytes;
    this.lastKeyStart = this.lastKeyEnd - footer.lastKeyBytes;
    this.firstKeyStart = this.lastKeyStart - footer.firstKeyBytes;
    const lengthMin = Math.min(footer.firstKeyBytes, footer.lastKeyBytes);
    this.#prefixBytes = commonLength(section, this.firstKeyStart, section, this.lastKeyStart, lengthMin);
    this.#heads = new Int32Array(this.blockCount);
    for (let block = 0; block < this.blockCount; block++) {
      this.#heads[block] = this.#head(section, this.separatorStart(block), this.separatorEnd(block));
    }
    this.#groupHeads = this.#heads.filter((_, block) => block % groupBlocks === groupBlocks - 1);
  }

  get memoryBytes(): number {
    return this.section.length + this.#heads.byteLength + this.#groupHeads.byteLength;
  }

  /** Where the block begins in the file; of `blockCount` where the blocks end. */
  blockStart(block: number): number {
    return blockOffset(this.section, block);
  }

  blockBytes(block: number): number {
    return blockOffset(this.section, block + 1) - blockOffset(this.section, block);
  }

  separatorStart(block: number): number {
    return separatorOffset(this.section, block);
  }

  separatorEnd(block: number): number {
    return separatorOffset(this.section, block + 1);
  }

  /** How many bytes all keys of a block have in common: its separator's, as far as the one before has them too. */
  sharedBytes(block: number): number {
    const start = block === 0 ? this.firstKeyStart : this.separatorStart(block - 1);
    const end = block === 0 ? this.lastKeyStart : this.separatorEnd(block - 1);
    const otherStart = this.separatorStart(block);
    const lengthMin = Math.min(end - start, this.separatorEnd(block) - otherStart);
    return commonLength(this.section, start, this.section, otherStart, lengthMin);
  }

  compareWithFirstKey(key: Buffer, keyStart: number, keyEnd: number): number {
    return compareKeys(key, keyStart, keyEnd, this.section, this.firstKeyStart, this.lastKeyStart);
  }

  compareWithLastKey(key: Buffer, keyStart: number, keyEnd: number): number {
    return compareKeys(key, keyStart, keyEnd, this.section, this.lastKeyStart, this.lastKeyEnd);
  }

  compareWithSeparator(block: number, key: Buffer, keyStart: number, keyEnd: number): number {
    const start = this.separatorStart(block);
    return compareKeys(key, keyStart, keyEnd, this.section, start, this.separatorEnd(block));
  }

  /**
   * The first block whose separator is not less than the key: the only one that may hold its newest version. Older
   * versions may go on in the blocks behind it, as long as their separators are the key. The key must not lie
   * outside the first and the last key of the table.
   */
  find(key: Buffer, keyStart: number, keyEnd: number): number {
    const head = this.#head(key, keyStart, keyEnd);
    const groupCount = this.#groupHeads.length;
    const group = this.#search(this.#groupHeads, groupBlocks, 0, groupCount, head, key, keyStart, keyEnd);
    const low = group * groupBlocks;
    const high = group < groupCount ? low + groupBlocks - 1 : this.blockCount - 1;
    return this.#search(this.#heads, 1, low, high, head, key, keyStart, keyEnd);
  }

  /** The first of `heads[low .. high)` that is not before the key, or `high`. Each is that of the last of so many blocks. */
  #search(
    heads: Int32Array,
    blocksEach: number,
    low: number,
    high: number,
    head: number,
    key: Buffer,
    keyStart: number,
    keyEnd: number,
  ): number {
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = heads[middle]!;
      if (other < head) low = middle + 1;
      else if (other > head) high = middle;
      else {
        const block = middle * blocksEach + blocksEach - 1;
        if (this.compareWithSeparator(block, key, keyStart, keyEnd) <= 0) high = middle;
        else low = middle + 1;
      }
    }
    return low;
  }

  #head(bytes: Buffer, start: number, end: number): number {
    return keyHead(bytes, start + this.#prefixBytes, end);
  }
}

/** Their heads take 64 bytes, a line of the processor's cache. */
const groupBlocks = 16;
