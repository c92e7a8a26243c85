import { crc32c } from "../lib/crc32c.ts";
import { BlockBuffer } from "./block-buffer.ts";
import { notCached, placeEnd, placeStart, type BlockCache, type CachedTable } from "./block-cache.ts";
import type { BlockIndex } from "./block-index.ts";
import type { TableFile } from "./table-file.ts";

/** A step of a long walk costs 63 ns with 32 KiB at a time, 85 with one block, 75 with 16 KiB, no less with 128. */
const windowBytesMax = 32 * 1024;

/**
 * The blocks that a scan has read and still may want. A scan that goes on gets more of them with each read: one at
 * first, for it may want a few entries only, then two, four, up to 32 KiB. What it reads stays out of the cache: a
 * scan comes by once, and would push out what single keys are looked up in again and again. But what is in the cache
 * is copied from there: a call of 200 ns, in place of a read and a checksum.
 */
export class BlockWindow {
  // Invariant: `#buffer` holds the blocks from `#first` up to, not with, `#end`.
  readonly #file: TableFile;
  readonly #index: BlockIndex;
  readonly #cache: BlockCache;
  readonly #cached: CachedTable;
  readonly #buffer = new BlockBuffer(windowBytesMax);
  #first = 0;
  #end = 0;
  #isVerified = false;
  #blocksWanted = 1;

  constructor(file: TableFile, cache: BlockCache, cached: CachedTable) {
    this.#file = file;
    this.#index = file.index;
    this.#cache = cache;
    this.#cached = cached;
  }

  get bytes(): Buffer {
    return this.#buffer.bytes;
  }

  /** Makes the block be in `bytes`, verified, and returns where it begins. */
  fetch(block: number): number {
    const index = this.#index;
    if (block < this.#first || block >= this.#end) {
      if (this.#copyFromCache(block)) return 0;
      this.#read(block);
    }
    const start = index.blockStart(block) - index.blockStart(this.#first);
    if (!this.#isVerified) {
      this.#file.verifyBlock(this.bytes.subarray(start, start + index.blockBytes(block)), block);
    }
    return start;
  }

  giveBack(): void {
    this.#buffer.giveBack();
    this.#hold(0, 0, false);
  }

  #copyFromCache(block: number): boolean {
    const place = this.#cache.peek(this.#cached, block);
    if (place === notCached) return false;
    this.#buffer.reserve(placeEnd(place) - placeStart(place));
    this.#cache.bytes.copy(this.bytes, 0, placeStart(place), placeEnd(place));
    this.#hold(block, block + 1, true);
    return true;
  }

  /** Reads the block, and others in the direction in which the scan left the window. */
  #read(block: number): void {
    const index = this.#index;
    let first = block;
    let end = block + 1;
    const fits = (from: number, to: number) =>
      index.blockStart(to) - index.blockStart(from) <= windowBytesMax;
    if (block === this.#end && block > 0) {
      this.#blocksWanted *= 2;
      while (end < index.blockCount && end - first < this.#blocksWanted && fits(first, end + 1)) end++;
    } else if (block === this.#first - 1) {
      this.#blocksWanted *= 2;
      while (first > 0 && end - first < this.#blocksWanted && fits(first - 1, end)) first--;
    } else this.#blocksWanted = 1;

    try {
      this.#readBlocks(first, end);
    } catch (error) {
      if (end === first + 1) throw error;
      // What can't be read may be a block that the scan will never come to.
      this.#readBlocks(block, block + 1);
    }
  }

  #readBlocks(first: number, end: number): void {
    const index = this.#index;
    const offset = index.blockStart(first);
    const length = index.blockStart(end) - offset;
    this.#hold(0, 0, false);
    this.#buffer.reserve(length);
    const blocks = this.bytes.subarray(0, length);
    this.#file.read(blocks, offset);
    // If they are not all intact, those that are needed are looked at one by one.
    this.#hold(first, end, crc32c(blocks) === this.#file.joinedChecksum(blocks, first, end));
  }

  #hold(first: number, end: number, isVerified: boolean): void {
    this.#first = first;
    this.#end = end;
    this.#isVerified = isVerified;
  }
}
