import { assert } from "../lib/assert.ts";
import { ByteWriter } from "../lib/byte-writer.ts";
import { crc32c } from "../lib/crc32c.ts";
import { keyBytesMax, keyBytesMin, seqMax, valueBytesMax } from "../lib/limits.ts";
import { hashKey } from "../memtable/hash-key.ts";
import { writeFully, type File } from "../vfs/file-system.ts";
import { BlockEncoder } from "./block-encoder.ts";
import { commonLength } from "./common-length.ts";
import { copyBytes } from "./copy-bytes.ts";
import { FilterBuilder } from "./filter.ts";
import { IndexBuilder } from "./index-builder.ts";
import { checksumSeedOf, seedAt } from "./section-checksum.ts";
import { blockBytesMax, entryFlag, entryFlagsRange, footerBytes, tableBytesMax } from "./table-format.ts";
import { encodeFooter } from "./table-footer.ts";
import type { TableSummary } from "./table-summary.ts";

/** The buffer of pending blocks begins small; one that large values made larger than this is given back. */
const pendingBytesInitial = 64 * 1024;
const pendingBytesKept = 4 * 1024 * 1024;

export interface TableWriterOptions {
  /** New and empty. The caller gives it its name once the table is finished, and closes it. */
  file: File;
  storeId: Uint8Array;
  number: number;
  hashSeed: number;
  /** No version that will be added lies below. The nearer the bound, the shorter the versions. */
  versionMin: number;
}

/**
 * Writes one table: entries go in, in order, and come out as blocks, a filter, an index and a footer. The writer
 * syncs when it is told to and at the end; the pace is its caller's.
 *
 * Once a write or a sync has failed, the writer takes nothing more, and the file is worth nothing: a second sync
 * may succeed without the pages that the first one lost. The table is written anew, from what it was made of.
 */
export class TableWriter {
  // Invariant: the file holds the whole blocks of `#writtenBytes`, and `#pending` what follows them: whole blocks up
  // to `#block.start`, and behind those the one that is being filled.
  entryCount = 0;
  readonly #file: File;
  readonly #storeId: Uint8Array;
  readonly #number: number;
  readonly #hashSeed: number;
  readonly #versionMin: number;
  readonly #checksumSeed: number;
  readonly #pending = new ByteWriter(pendingBytesInitial);
  readonly #block = new BlockEncoder(this.#pending);
  readonly #index = new IndexBuilder();
  readonly #filter = new FilterBuilder();
  /** "writing" also once that has failed: then it never ends. */
  #state: "open" | "writing" | "ended" = "open";
  #writtenBytes = 0;
  #writtenChecksum = 0;
  #tombstoneCount = 0;
  #keyBytes = 0;
  #valueBytes = 0;
  #versionMax = 0;
  #firstKey: Buffer = Buffer.alloc(0);
  readonly #lastKey = Buffer.allocUnsafeSlow(keyBytesMax);
  #lastKeyLength = 0;
  #lastVersion = 0;

  constructor(options: TableWriterOptions) {
    assert(options.versionMin >= 0 && options.versionMin <= seqMax, "versions are sequence numbers");
    this.#file = options.file;
    this.#storeId = options.storeId;
    this.#number = options.number;
    this.#hashSeed = options.hashSeed;
    this.#versionMin = options.versionMin;
    this.#checksumSeed = checksumSeedOf(options.storeId, options.number);
  }

  /** What writeOut would hand to the file: whole blocks only. */
  get pendingBytes(): number {
    return this.#block.start;
  }

  /** What the table has so far, without filter, index and footer. */
  get bytes(): number {
    return this.#writtenBytes + this.#block.start + this.#block.bytes;
  }

  /** What the writer keeps: pending blocks, the index so far, and four bytes for each key's hash. */
  get memoryBytes(): number {
    const { bytes } = this.#pending;
    return bytes.length + this.#index.memoryBytes + this.#filter.memoryBytes + this.#lastKey.length;
  }

  /**
   * Adds an entry, and copies its bytes. Keys ascend; of one key, versions descend. Nothing is allocated but the
   * room for it.
   */
  add(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    version: number,
    isTombstone: boolean,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const keyLength = keyEnd - keyStart;
    const valueLength = valueEnd - valueStart;
    assert(this.#state !== "ended", "a table that has ended takes no entries");
    assert(keyLength >= keyBytesMin && keyLength <= keyBytesMax, "a key is within its limits");
    assert(valueLength >= 0 && valueLength <= valueBytesMax, "a value is within its limits");
    assert(!isTombstone || valueLength === 0, "a tombstone has no value");
    assert(version >= this.#versionMin && version <= seqMax, "no version lies below versionMin");

    const shared = this.#sharedWithLast(keyBytes, keyStart, keyEnd);
    const isSameKey = shared === keyLength && shared === this.#lastKeyLength;
    if (isSameKey) assert(version < this.#lastVersion, "versions of one key descend");
    else this.#filter.add(hashKey(keyBytes, keyStart, keyEnd, this.#hashSeed));

    const lengthAndFlags = valueLength * entryFlagsRange + (isTombstone ? entryFlag.tombstone : 0);
    const versionAbove = version - this.#versionMin;
    const block = this.#block;
    if (block.isFullFor(shared, keyLength, lengthAndFlags, versionAbove, valueLength)) this.#endBlock();
    if (block.entryCount === 0 && this.entryCount > 0) {
      this.#index.addSeparator(this.#lastKey, this.#lastKeyLength, keyBytes, keyStart, keyEnd, shared);
    }
    block.add(
      shared,
      keyBytes,
      keyStart,
      keyEnd,
      lengthAndFlags,
      versionAbove,
      valueBytes,
      valueStart,
      valueEnd,
    );
    // A value that needs a block of its own is ready to be written at once.
    if (block.bytes > blockBytesMax) this.#endBlock();

    copyBytes(this.#lastKey, shared, keyBytes, keyStart + shared, keyEnd);
    this.#lastKeyLength = keyLength;
    this.#lastVersion = version;
    if (this.entryCount === 0) this.#firstKey = Buffer.from(this.#lastKey.subarray(0, keyLength));
    this.entryCount++;
    if (isTombstone) this.#tombstoneCount++;
    this.#keyBytes += keyLength;
    this.#valueBytes += valueLength;
    if (version > this.#versionMax) this.#versionMax = version;
  }

  /** Hands the pending whole blocks to the file, in one write, and syncs it. Entries may be added meanwhile. */
  async writeOut(): Promise<void> {
    assert(this.#state === "open", "one write at a time, and none after one that failed");
    if (this.#block.start === 0) return;
    this.#state = "writing";
    const blocks = this.#pending.bytes.subarray(0, this.#block.start);
    this.#writtenChecksum = crc32c(blocks, this.#writtenChecksum);
    writeFully(this.#file, blocks, this.#writtenBytes);
    this.#writtenBytes += blocks.length;
    this.#block.dropWholeBlocks();
    this.#giveBackLargeBuffer();
    await this.#file.datasync();
    this.#state = "open";
  }

  /** Ends the table: filter, index, footer, sync. The file stays open, and keeps its name. */
  async finish(): Promise<TableSummary> {
    assert(this.#state === "open", "a table ends once, and not after a write that failed");
    assert(this.entryCount > 0, "a table has entries");
    this.#state = "ended";
    if (this.#block.entryCount > 0) this.#endBlock();
    const pending = this.#pending;
    const lastKey = Buffer.from(this.#lastKey.subarray(0, this.#lastKeyLength));
    const filterOffset = this.bytes;
    const filterBytes = this.#filter.write(pending, seedAt(this.#checksumSeed, filterOffset));
    const indexOffset = filterOffset + filterBytes;
    const indexSeed = seedAt(this.#checksumSeed, indexOffset);
    const indexBytes = this.#index.write(pending, filterOffset, this.#firstKey, lastKey, indexSeed);
    const fileChecksum = crc32c(pending.bytes.subarray(0, pending.length), this.#writtenChecksum);
    const summary: TableSummary = {
      number: this.#number,
      bytes: this.#writtenBytes + pending.length + footerBytes,
      entryCount: this.entryCount,
      tombstoneCount: this.#tombstoneCount,
      keyBytes: this.#keyBytes,
      valueBytes: this.#valueBytes,
      versionMin: this.#versionMin,
      versionMax: this.#versionMax,
      firstKey: this.#firstKey,
      lastKey,
      fileChecksum,
    };
    const footerAt = pending.reserve(footerBytes);
    const footer = {
      ...summary,
      storeId: this.#storeId,
      hashSeed: this.#hashSeed,
      blockCount: this.#index.blockCount,
      filterOffset,
      filterBytes,
      indexOffset,
      indexBytes,
      firstKeyBytes: this.#firstKey.length,
      lastKeyBytes: lastKey.length,
    };
    encodeFooter(pending.bytes, footerAt, footer, summary.bytes);
    writeFully(this.#file, pending.bytes.subarray(0, pending.length), this.#writtenBytes);
    await this.#file.sync();
    return summary;
  }

  #endBlock(): void {
    const offset = this.#writtenBytes + this.#block.start;
    this.#index.addBlock(offset);
    this.#block.end(seedAt(this.#checksumSeed, offset));
    assert(this.bytes <= tableBytesMax, "a table stays below 4 GiB");
  }

  /** How many bytes the key begins with as the last one did; asserts that it does not come before that. */
  #sharedWithLast(keyBytes: Buffer, keyStart: number, keyEnd: number): number {
    const last = this.#lastKey;
    const keyLength = keyEnd - keyStart;
    const common = keyLength < this.#lastKeyLength ? keyLength : this.#lastKeyLength;
    const shared = commonLength(last, 0, keyBytes, keyStart, common);
    const isBehind =
      shared < common ? last[shared]! < keyBytes[keyStart + shared]! : keyLength >= this.#lastKeyLength;
    assert(isBehind, "keys ascend");
    return shared;
  }

  /** A value of many megabytes makes the buffer as large; the table may have no other such value. */
  #giveBackLargeBuffer(): void {
    const { bytes, length } = this.#pending;
    if (bytes.length <= pendingBytesKept) return;
    this.#pending.bytes = Buffer.allocUnsafeSlow(pendingBytesInitial);
    bytes.copy(this.#pending.bytes, 0, 0, length);
  }
}
