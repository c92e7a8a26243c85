import { assert } from "../lib/assert.ts";
import { crc32c } from "../lib/crc32c.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { BlockBuffer } from "./block-buffer.ts";
import { allVersions, BlockDecoder } from "./block-decoder.ts";
import { joinChecksums } from "./checksum-algebra.ts";
import { TableFile, type TableIdentity } from "./table-file.ts";

/** Read at once: as quick as more would be, and little enough to leave the processor's caches to others. */
const pieceBytesMax = 256 * 1024;

/**
 * A table's blocks, one after the other, each verified and decoded with all versions of its keys. Behind the last
 * one the rest of the file is read as well, and everything must agree with what the footer says: whoever has come
 * to the end has read exactly what was written.
 */
export class BlockStream {
  // Invariant: `#buffer` holds the blocks from `#pieceFirst` up to, not with, `#pieceEnd`; `block` is one of them.
  readonly file: TableFile;
  readonly decoder: BlockDecoder;
  /** The block that the decoder holds. */
  block = -1;
  /** Where in `bytes` that block begins. */
  blockStart = 0;
  readonly #buffer = new BlockBuffer(pieceBytesMax);
  #pieceFirst = 0;
  #pieceEnd = 0;
  #isPieceIntact = false;
  #checksum = 0;
  #entryCount = 0;
  #tombstoneCount = 0;
  #keyBytes = 0;
  #valueBytes = 0;
  #versionHighest = 0;
  #state: "reading" | "ended" | "broken" | "closed" = "reading";

  constructor(fileSystem: FileSystem, path: string, expected?: TableIdentity) {
    this.file = new TableFile(fileSystem, path, expected);
    this.decoder = new BlockDecoder(this.file.footer.versionMin, this.file.footer.versionMax);
  }

  /** The blocks in memory; where the decoder's values lie until the next call of `next`. */
  get bytes(): Buffer {
    return this.#buffer.bytes;
  }

  /** Goes to the next block; false after the last, and then all of the file is verified. */
  next(): boolean {
    if (this.#state === "ended") return false;
    assert(this.#state === "reading", "a stream that met damage, or was closed, is not read on");
    const { file, decoder } = this;
    const { index } = file;
    this.#state = "broken";
    const block = this.block + 1;
    if (block === index.blockCount) this.#verifyEnd();
    else {
      if (block === this.#pieceEnd) this.#readPiece(block);
      const start = index.blockStart(block) - index.blockStart(this.#pieceFirst);
      const end = start + index.blockBytes(block);
      if (!this.#isPieceIntact) file.verifyBlock(this.bytes.subarray(start, end), block);
      if (!decoder.decode(this.bytes, start, end, allVersions, block > 0)) {
        throw file.malformed(block, decoder.problemAt - start, decoder.problem);
      }
      if (block === 0 && !this.#beginsWithFirstKey()) {
        throw file.malformed(block, 0, "it does not begin with the first key of the index");
      }
      this.blockStart = start;
      this.#count();
    }
    this.block = block;
    this.#state = block === index.blockCount ? "ended" : "reading";
    return this.#state === "reading";
  }

  close(): void {
    this.#state = "closed";
    this.file.close();
  }

  /** Reads as many whole blocks as a piece may have, at least one. */
  #readPiece(first: number): void {
    const { index } = this.file;
    const offset = index.blockStart(first);
    let end = first + 1;
    while (end < index.blockCount && index.blockStart(end + 1) - offset <= pieceBytesMax) end++;
    try {
      this.#read(first, end);
    } catch (error) {
      if (end === first + 1) throw error;
      // Block by block it will come out which one it is that can't be read.
      this.#read(first, first + 1);
    }
  }

  #read(first: number, end: number): void {
    const { index } = this.file;
    const offset = index.blockStart(first);
    const length = index.blockStart(end) - offset;
    this.#buffer.reserve(length);
    const piece = this.bytes.subarray(0, length);
    this.file.read(piece, offset);
    const checksum = crc32c(piece);
    // If they are not all intact, one by one will show which; those before it are shown first.
    this.#isPieceIntact = checksum === this.file.joinedChecksum(piece, first, end);
    this.#checksum = joinChecksums(this.#checksum, checksum, length);
    this.#pieceFirst = first;
    this.#pieceEnd = end;
  }

  #beginsWithFirstKey(): boolean {
    const { keys } = this.decoder;
    return this.file.index.compareWithFirstKey(keys, this.decoder.keyStart(0), this.decoder.keyEnd(0)) === 0;
  }

  #count(): void {
    const { decoder } = this;
    this.#entryCount += decoder.entryCount;
    this.#tombstoneCount += decoder.tombstoneCount;
    this.#keyBytes += decoder.keyBytes;
    this.#valueBytes += decoder.valueBytes;
    this.#versionHighest = Math.max(this.#versionHighest, decoder.versionHighest);
  }

  #verifyEnd(): void {
    const { file, decoder } = this;
    const { footer, index } = file;
    const last = decoder.count - 1;
    const { keys } = decoder;
    if (index.compareWithLastKey(keys, decoder.keyStart(last), decoder.keyEnd(last)) !== 0) {
      throw file.malformed(this.block, 0, "it does not end with the last key of the index");
    }
    const counted: [what: string, found: number, said: number][] = [
      ["entries", this.#entryCount, footer.entryCount],
      ["tombstones", this.#tombstoneCount, footer.tombstoneCount],
      ["bytes of keys", this.#keyBytes, footer.keyBytes],
      ["bytes of values", this.#valueBytes, footer.valueBytes],
    ];
    for (const [what, found, said] of counted) {
      if (found !== said)
        throw file.damage(file.footerAt, `it holds ${found} ${what}, its footer says ${said}`);
    }
    if (this.#versionHighest !== footer.versionMax) {
      const said = footer.versionMax;
      throw file.damage(
        file.footerAt,
        `its highest version is ${this.#versionHighest}, its footer says ${said}`,
      );
    }
    this.#verifySections();
    if (this.#checksum !== footer.fileChecksum) {
      throw file.damage(file.footerAt, "the checksum of the whole file does not match");
    }
  }

  /** The filter and the index, as they lie in the file now. */
  #verifySections(): void {
    const { footer } = this.file;
    const end = this.file.footerAt;
    for (let offset = footer.filterOffset; offset < end; offset += pieceBytesMax) {
      const length = Math.min(pieceBytesMax, end - offset);
      this.#buffer.reserve(length);
      const piece = this.bytes.subarray(0, length);
      this.file.read(piece, offset);
      this.#checksum = crc32c(piece, this.#checksum);
    }
  }
}
