import { assert } from "../lib/assert.ts";
import { ByteWriter } from "../lib/byte-writer.ts";
import { appendChecksum } from "./section-checksum.ts";
import { appendSeparator } from "./separator.ts";
import { indexPairBytes } from "./table-format.ts";

/** Gathers what the index says of the blocks, as they end, and lays it out as index-section.ts reads it. */
export class IndexBuilder {
  // Invariant: a block is added, then its separator, and there is never more than one block without.
  blockCount = 0;
  #separatorCount = 0;
  readonly #pairs = new ByteWriter();
  readonly #separators = new ByteWriter();

  get memoryBytes(): number {
    return this.#pairs.bytes.length + this.#separators.bytes.length;
  }

  /** Begins what is known of the next block. */
  addBlock(offset: number): void {
    assert(this.#separatorCount === this.blockCount, "the block before has its separator");
    const at = this.#pairs.reserve(indexPairBytes);
    this.#pairs.bytes.writeUInt32BE(offset, at);
    // Counts from the first separator for now: how many pairs will lie before it is not known yet.
    this.#pairs.bytes.writeUInt32BE(this.#separators.length, at + 4);
    this.blockCount++;
  }

  /** Chooses the separator between the last block and the one that begins with the second key. */
  addSeparator(
    last: Buffer,
    lastEnd: number,
    first: Buffer,
    firstStart: number,
    firstEnd: number,
    shared: number,
  ): void {
    this.#separatorCount++;
    assert(this.#separatorCount === this.blockCount, "a block has one separator");
    appendSeparator(this.#separators, last, 0, lastEnd, first, firstStart, firstEnd, shared);
  }

  /**
   * Appends the index section, and returns its size. The last block's separator is the table's last key; the seed of
   * the checksum is that of where the index will lie.
   */
  write(target: ByteWriter, blocksEnd: number, firstKey: Buffer, lastKey: Buffer, seed: number): number {
    assert(this.#separatorCount === this.blockCount - 1, "only the last block has no separator yet");
    const start = target.length;
    this.#separators.copy(lastKey, 0, lastKey.length);
    const pairs = target.reserve((this.blockCount + 1) * indexPairBytes);
    const separators = target.length - start;
    this.#pairs.bytes.copy(target.bytes, pairs, 0, this.#pairs.length);
    for (let at = pairs; at < target.length - indexPairBytes; at += indexPairBytes) {
      target.bytes.writeUInt32BE(separators + target.bytes.readUInt32BE(at + 4), at + 4);
    }
    target.bytes.writeUInt32BE(blocksEnd, target.length - indexPairBytes);
    target.bytes.writeUInt32BE(separators + this.#separators.length, target.length - 4);
    target.copy(this.#separators.bytes, 0, this.#separators.length);
    target.copy(firstKey, 0, firstKey.length);
    target.copy(lastKey, 0, lastKey.length);
    appendChecksum(target, start, seed);
    return target.length - start;
  }
}
