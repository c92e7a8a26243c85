import { assert } from "../lib/assert.ts";
import type { ByteWriter } from "../lib/byte-writer.ts";
import { copyBytes } from "./copy-bytes.ts";
import { appendChecksum } from "./section-checksum.ts";
import {
  blockBytesMax,
  checksumBytes,
  restartCountBytes,
  restartInterval,
  restartOffsetBytes,
} from "./table-format.ts";
import { varintBytes, varintBytesMax, writeVarint } from "./varint.ts";

/** An entry has at least five bytes, and only every sixteenth is a restart. */
const restartsMax = Math.ceil(blockBytesMax / 5 / restartInterval);
/** Two lengths of keys, one of a value, and a version. */
const entryHeadBytesMax = 3 + 3 + 4 + varintBytesMax;
const blockEndBytes = restartCountBytes + checksumBytes;

/**
 * Encodes entries into the block at the end of `target`, and ends it there. What lies before `start` are whole
 * blocks. Nothing is allocated for an entry, and its value is copied once.
 */
export class BlockEncoder {
  // Invariant: 0 <= start <= target.length, and start === target.length while the block has no entry.
  start = 0;
  entryCount = 0;
  readonly #target: ByteWriter;
  readonly #restarts = new Int32Array(restartsMax);
  #restartCount = 0;

  constructor(target: ByteWriter) {
    this.#target = target;
  }

  /** What the block would have if it ended now. */
  get bytes(): number {
    if (this.entryCount === 0) return 0;
    return this.#target.length - this.start + this.#restartCount * restartOffsetBytes + blockEndBytes;
  }

  /** Whether the block must end before it takes this entry. An empty block takes any. */
  isFullFor(
    shared: number,
    keyLength: number,
    lengthAndFlags: number,
    version: number,
    valueLength: number,
  ): boolean {
    if (this.entryCount === 0) return false;
    const bytesLeft = blockBytesMax - this.bytes;
    // Most entries fit by far, and how many bytes their numbers take need not be known.
    if (entryHeadBytesMax + keyLength + valueLength + restartOffsetBytes <= bytesLeft) return false;
    const isRestart = this.entryCount % restartInterval === 0;
    const sharedHere = isRestart ? 0 : shared;
    const unshared = keyLength - sharedHere;
    const headBytes =
      varintBytes(sharedHere) + varintBytes(unshared) + varintBytes(lengthAndFlags) + varintBytes(version);
    return headBytes + unshared + valueLength + (isRestart ? restartOffsetBytes : 0) > bytesLeft;
  }

  /** Appends an entry; `shared` bytes of its key begin the key before it as well, `version` counts from versionMin. */
  add(
    shared: number,
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    lengthAndFlags: number,
    version: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    const target = this.#target;
    let sharedHere = shared;
    if (this.entryCount % restartInterval === 0) {
      this.#restarts[this.#restartCount++] = target.length - this.start;
      sharedHere = 0;
    }
    const tailStart = keyStart + sharedHere;
    const valueLength = valueEnd - valueStart;
    let at = target.length;
    target.reserve(entryHeadBytesMax + keyEnd - tailStart + valueLength);
    const bytes = target.bytes;
    at = writeVarint(bytes, at, sharedHere);
    at = writeVarint(bytes, at, keyEnd - tailStart);
    at = writeVarint(bytes, at, lengthAndFlags);
    at = writeVarint(bytes, at, version);
    at = copyBytes(bytes, at, keyBytes, tailStart, keyEnd);
    target.length = copyBytes(bytes, at, valueBytes, valueStart, valueEnd);
    this.entryCount++;
  }

  /**
   * Ends the block: restarts, their count, and the checksum of it all, whose seed is that of where the block will lie.
   * The next one begins behind it.
   */
  end(seed: number): void {
    const bytesTotal = this.bytes;
    assert(this.entryCount > 0, "a block has entries");
    assert(this.entryCount === 1 || bytesTotal <= blockBytesMax, "only a single entry makes a block larger");
    const target = this.#target;
    for (let index = 0; index < this.#restartCount; index++) {
      const at = target.reserve(restartOffsetBytes);
      target.bytes.writeUInt32BE(this.#restarts[index]!, at);
    }
    const countAt = target.reserve(restartCountBytes);
    target.bytes.writeUInt16BE(this.#restartCount, countAt);
    appendChecksum(target, this.start, seed);
    assert(target.length - this.start === bytesTotal, "a block has the bytes that were foreseen");
    this.start = target.length;
    this.entryCount = 0;
    this.#restartCount = 0;
  }

  /** The whole blocks were written: what was begun behind them moves to the beginning. */
  dropWholeBlocks(): void {
    this.#target.consume(this.start);
    this.start = 0;
  }
}
