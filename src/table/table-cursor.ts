import { assert } from "../lib/assert.ts";
import { compareKeys } from "../memtable/compare-keys.ts";
import type { BlockCache, CachedTable } from "./block-cache.ts";
import { BlockDecoder } from "./block-decoder.ts";
import type { BlockIndex } from "./block-index.ts";
import { BlockWindow } from "./block-window.ts";
import type { TableFile } from "./table-file.ts";

const noBlock = -1;

/**
 * Walks over a table's entries in the order of their keys, either way: of each key the newest version that is not
 * beyond a limit. Keys without one are passed over; tombstones are shown. Made once and used for many scans;
 * TableReader#cursor makes it.
 *
 * A block is decoded when the cursor comes to it, and then every step is a step in an array. What a cursor shows
 * lies in buffers of its own: it stays until the cursor moves, whatever else is read.
 */
export class TableCursor {
  // Invariant: `#block` is noBlock, or the block that the decoder holds, decoded with `#versionLimit`. `#count` is 0, or
  // what the decoder shows of it; so after damage or an end no step finds anything.
  keyBytes: Buffer;
  keyStart = 0;
  keyEnd = 0;
  version = 0;
  isTombstone = false;
  valueBytes: Buffer;
  valueStart = 0;
  valueEnd = 0;
  readonly #file: TableFile;
  readonly #index: BlockIndex;
  readonly #window: BlockWindow;
  readonly #decoder: BlockDecoder;
  #block = noBlock;
  #versionLimit = 0;
  #count = 0;
  #position = 0;
  #reverse = false;
  #hasEnded = true;

  constructor(file: TableFile, cache: BlockCache, cached: CachedTable) {
    this.#file = file;
    this.#index = file.index;
    this.#window = new BlockWindow(file, cache, cached);
    this.#decoder = new BlockDecoder(file.footer.versionMin, file.footer.versionMax);
    this.keyBytes = this.#decoder.keys;
    this.valueBytes = this.#window.bytes;
  }

  get memoryBytes(): number {
    return this.#decoder.memoryBytes + this.#window.bytes.length;
  }

  /**
   * Goes to the first entry, or to the last to walk towards the first. Returns whether there is one. Versions beyond
   * `versionMax` count as not there.
   */
  seekStart(reverse: boolean, versionMax: number): boolean {
    if (!this.#begin(reverse, versionMax)) return false;
    return this.#enter(reverse ? this.#index.blockCount - 1 : 0);
  }

  /**
   * Goes to the first entry that is not before the key, or, in reverse, to the last that is not behind it. Not
   * inclusive: never to the key itself. Returns whether there is one. The key need not be there, and its buffer is
   * not used after the call.
   */
  seek(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    reverse: boolean,
    inclusive: boolean,
    versionMax: number,
  ): boolean {
    if (!this.#begin(reverse, versionMax)) return false;
    const index = this.#index;
    const last = index.blockCount - 1;
    if (index.compareWithFirstKey(key, keyStart, keyEnd) < 0) return reverse ? this.#end() : this.#enter(0);
    if (index.compareWithLastKey(key, keyStart, keyEnd) > 0) return reverse ? this.#enter(last) : this.#end();
    let block = index.find(key, keyStart, keyEnd);
    this.#load(block);
    let bound = this.#lowerBound(key, keyStart, keyEnd);
    // All versions here may be too new, and older ones follow where the separator is the key itself.
    while (
      bound === this.#count &&
      block < last &&
      index.compareWithSeparator(block, key, keyStart, keyEnd) === 0
    ) {
      this.#load(++block);
      bound = this.#lowerBound(key, keyStart, keyEnd);
    }
    const isThere = bound < this.#count && this.#compareWith(bound, key, keyStart, keyEnd) === 0;
    if (reverse) return this.#stand(isThere && inclusive ? bound : bound - 1);
    return this.#stand(isThere && !inclusive ? bound + 1 : bound);
  }

  /** Goes to the next entry in the direction of the seek. Returns whether there is one. */
  next(): boolean {
    return this.#stand(this.#reverse ? this.#position - 1 : this.#position + 1);
  }

  /** Gives back what an entry of many megabytes took. The cursor is at no entry then, and wants a seek. */
  release(): void {
    this.#window.giveBack();
    this.#block = noBlock;
    this.#end();
  }

  /** Returns false if all versions of the table are too new. */
  #begin(reverse: boolean, versionMax: number): boolean {
    assert(versionMax >= 0, "a limit of versions is one");
    // A limit beyond the table's versions is as good as the highest of them, and compares quicker than Infinity.
    const versionLimit = Math.min(versionMax, this.#file.footer.versionMax);
    if (versionLimit !== this.#versionLimit) this.#block = noBlock;
    this.#versionLimit = versionLimit;
    this.#reverse = reverse;
    this.#hasEnded = versionMax < this.#file.footer.versionMin;
    this.#count = 0;
    return !this.#hasEnded;
  }

  #end(): false {
    this.#hasEnded = true;
    this.#count = 0;
    return false;
  }

  /** Goes into a block from the side that the walk comes from. */
  #enter(block: number): boolean {
    this.#load(block);
    return this.#stand(this.#reverse ? this.#count - 1 : 0);
  }

  /** Shows the entry at a position of the block, or, if that is outside, the next one in a block that has any. */
  #stand(position: number): boolean {
    let inside = position;
    while (inside < 0 || inside >= this.#count) {
      if (this.#hasEnded) return false;
      assert(this.#block !== noBlock, "a cursor that met damage wants a new seek");
      const block = this.#reverse ? this.#block - 1 : this.#block + 1;
      if (block < 0 || block === this.#index.blockCount) return this.#end();
      this.#load(block);
      inside = this.#reverse ? this.#count - 1 : 0;
    }
    this.#position = inside;
    const decoder = this.#decoder;
    this.keyBytes = decoder.keys;
    this.keyStart = decoder.keyStart(inside);
    this.keyEnd = decoder.keyEnd(inside);
    this.version = decoder.version(inside);
    this.isTombstone = decoder.isTombstone(inside);
    this.valueBytes = this.#window.bytes;
    this.valueStart = decoder.valueStart(inside);
    this.valueEnd = decoder.valueEnd(inside);
    return true;
  }

  /** Makes the decoder hold the block. */
  #load(block: number): void {
    if (block !== this.#block) {
      const continues = block > 0 && this.#block === block - 1;
      this.#decode(block, continues);
      if (!continues && this.#mayContinueKey(block)) {
        // What was shown of that key in the block before must not be shown here.
        this.#decode(block - 1, false);
        this.#decode(block, true);
      }
    }
    this.#count = this.#decoder.count;
  }

  #decode(block: number, continues: boolean): void {
    const decoder = this.#decoder;
    this.#block = noBlock;
    this.#count = 0;
    const start = this.#window.fetch(block);
    const end = start + this.#index.blockBytes(block);
    if (!decoder.decode(this.#window.bytes, start, end, this.#versionLimit, continues)) {
      throw this.#file.malformed(block, decoder.problemAt - start, decoder.problem);
    }
    this.#block = block;
  }

  /** Only where versions of one key lie in two blocks is the separator between them the second block's first key. */
  #mayContinueKey(block: number): boolean {
    const decoder = this.#decoder;
    if (block === 0 || decoder.count === 0) return false;
    const { keys } = decoder;
    return this.#index.compareWithSeparator(block - 1, keys, decoder.keyStart(0), decoder.keyEnd(0)) === 0;
  }

  /** The first position whose key is not less. */
  #lowerBound(key: Buffer, keyStart: number, keyEnd: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareWith(middle, key, keyStart, keyEnd) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compareWith(position: number, key: Buffer, keyStart: number, keyEnd: number): number {
    const decoder = this.#decoder;
    const { keys } = decoder;
    return compareKeys(keys, decoder.keyStart(position), decoder.keyEnd(position), key, keyStart, keyEnd);
  }
}
