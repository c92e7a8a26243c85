import { assert } from "../lib/assert.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { notCached, placeEnd, placeStart, slotOf, type BlockCache, type CachedTable } from "./block-cache.ts";
import type { BlockIndex } from "./block-index.ts";
import { absent, BlockSearch, endsWithKey, found } from "./block-search.ts";
import { filterLinesOf, mayContain } from "./filter.ts";
import { TableCursor } from "./table-cursor.ts";
import { TableFile, type TableIdentity } from "./table-file.ts";
import { blockBytesMax } from "./table-format.ts";
import type { TableSummary } from "./table-summary.ts";

/**
 * An open table: filter and index in memory, blocks in the file, and some of them in the cache that all tables share.
 *
 * A look-up allocates nothing, but where it has to read a block the one view into which that is read. Its result is
 * in fields, and valid until the next look-up in any table of the same cache.
 */
export class TableReader {
  readonly path: string;
  readonly summary: TableSummary;
  // What the last look-up found.
  version = 0;
  isTombstone = false;
  bytes: Buffer;
  valueStart = 0;
  valueEnd = 0;
  /** Look-ups that came to ask the filter, those that it ended, and those of the others that found no such key. */
  filterChecks = 0;
  filterMisses = 0;
  filterFalse = 0;
  readonly #file: TableFile;
  readonly #index: BlockIndex;
  readonly #cache: BlockCache;
  readonly #cached: CachedTable;
  readonly #filter: Buffer;
  readonly #filterLines: number;
  readonly #search: BlockSearch;
  readonly #versionMin: number;
  #blockStart = 0;
  #blockEnd = 0;
  #closed = false;

  static open(fileSystem: FileSystem, path: string, expected: TableIdentity, cache: BlockCache): TableReader {
    const file = new TableFile(fileSystem, path, expected);
    try {
      return new TableReader(file, file.readFilter(), cache);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  private constructor(file: TableFile, filter: Buffer, cache: BlockCache) {
    const { filterBytes, versionMin, versionMax } = file.footer;
    this.path = file.path;
    this.summary = file.summary;
    this.bytes = cache.bytes;
    this.#file = file;
    this.#index = file.index;
    this.#cache = cache;
    this.#cached = cache.register(file.index.blockCount);
    this.#filter = filter;
    this.#filterLines = filterLinesOf(filterBytes);
    this.#search = new BlockSearch(versionMin, versionMax);
    this.#versionMin = versionMin;
  }

  /** What stays in memory while the table is open. */
  get memoryBytes(): number {
    return this.#filter.length + this.#index.memoryBytes + this.#cached.places.byteLength;
  }

  /**
   * Finds the newest entry of the key with a version up to `versionMax`, a tombstone too, and shows it in `version`,
   * `isTombstone` and `bytes[valueStart .. valueEnd)`. `hash` is hashKey of the key with the store's seed.
   */
  find(hash: number, key: Buffer, keyStart: number, keyEnd: number, versionMax: number): boolean {
    const index = this.#index;
    if (versionMax < this.#versionMin) return false;
    if (index.compareWithFirstKey(key, keyStart, keyEnd) < 0) return false;
    if (index.compareWithLastKey(key, keyStart, keyEnd) > 0) return false;
    this.filterChecks++;
    if (!mayContain(this.#filter, 0, this.#filterLines, hash)) {
      this.filterMisses++;
      return false;
    }

    const search = this.#search;
    let sawKey = false;
    for (let block = index.find(key, keyStart, keyEnd); block < index.blockCount; block++) {
      const outcome = this.#searchBlock(block, key, keyStart, keyEnd, versionMax);
      if (outcome === found) {
        this.version = search.version;
        this.isTombstone = search.isTombstone;
        this.valueStart = search.valueStart;
        this.valueEnd = search.valueEnd;
        return true;
      }
      sawKey = sawKey || search.sawKey;
      if (outcome === absent) break;
      if (outcome !== endsWithKey) throw this.#file.malformed(block);
    }
    if (!sawKey) this.filterFalse++;
    return false;
  }

  /** A new cursor, with buffers of its own. */
  cursor(): TableCursor {
    return new TableCursor(this.#file, this.#cache, this.#cached);
  }

  /** Nobody uses this table or a cursor of it any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cache.forget(this.#cached);
    this.#file.close();
  }

  /** Searches one block, which is in `bytes` afterwards, verified. */
  #searchBlock(block: number, key: Buffer, keyStart: number, keyEnd: number, versionMax: number): number {
    const cache = this.#cache;
    const { sparse } = cache;
    const search = this.#search;
    const place = cache.find(this.#cached, block);
    if (place === notCached) {
      this.#read(block);
      return search.find(this.bytes, this.#blockStart, this.#blockEnd, key, keyStart, keyEnd, versionMax);
    }
    const bytes = (this.bytes = cache.bytes);
    const start = placeStart(place);
    const slot = slotOf(place);
    if (!sparse.isKnown(slot))
      sparse.learn(slot, bytes, start, placeEnd(place), this.#index.sharedBytes(block));
    if (!sparse.seek(slot, key, keyStart, keyEnd))
      return search.find(bytes, start, placeEnd(place), key, keyStart, keyEnd, versionMax);
    const { at, matched, lengthBefore } = sparse;
    const end = start + sparse.entriesEnd(slot);
    return search.findFrom(bytes, start + at, end, matched, lengthBefore, key, keyStart, keyEnd, versionMax);
  }

  #read(block: number): void {
    assert(!this.#closed, "only an open table is read");
    const cache = this.#cache;
    const length = this.#index.blockBytes(block);
    const roomAt = length <= blockBytesMax ? cache.makeRoom() : -1;
    if (roomAt === -1) cache.aside.reserve(length);
    this.bytes = roomAt === -1 ? cache.aside.bytes : cache.bytes;
    this.#blockStart = Math.max(0, roomAt);
    this.#blockEnd = this.#blockStart + length;
    this.#file.readBlock(this.bytes.subarray(this.#blockStart, this.#blockEnd), block);
    if (roomAt !== -1) cache.keep(this.#cached, block, roomAt, length);
  }
}
