import { basename } from "node:path";
import { AssertionError } from "../lib/assert.ts";
import type { File, FileSystem } from "../vfs/file-system.ts";
import { readFully } from "../vfs/file-system.ts";
import { isBlockIntact, joinedChecksum } from "./block-checksum.ts";
import { BlockIndex } from "./block-index.ts";
import { TableCorruptionError } from "./errors.ts";
import { indexProblem } from "./index-section.ts";
import { checksumSeedOf, isIntact, seedAt } from "./section-checksum.ts";
import { decodeFooter, type TableFooter } from "./table-footer.ts";
import { footerBytes, tableNumberOf } from "./table-format.ts";
import type { TableSummary } from "./table-summary.ts";

/** What the manifest says of a table: one that says otherwise is somebody else's. */
export interface TableIdentity {
  readonly storeId: Uint8Array;
  readonly number: number;
  readonly hashSeed: number;
}

/**
 * The file of a finished table, with its footer and its index read and verified. What can't be read or does not
 * match becomes a TableCorruptionError here, with the file and the offset.
 */
export class TableFile {
  readonly path: string;
  readonly footer: TableFooter;
  readonly index: BlockIndex;
  readonly summary: TableSummary;
  readonly #file: File;
  readonly #checksumSeed: number;

  /** Opens the table at `path`: the one that is expected, or else at least the one that the file's name says. */
  constructor(fileSystem: FileSystem, path: string, expected?: TableIdentity) {
    this.path = path;
    this.#file = openExisting(fileSystem, path);
    try {
      const bytes = this.#size();
      const footerAt = Math.max(0, bytes - footerBytes);
      const decoded = decodeFooter(this.readSection(footerAt, Math.min(bytes, footerBytes)), bytes);
      if ("problem" in decoded) throw this.damage(footerAt, decoded.problem);
      this.footer = decoded.footer;
      const stranger = strangerProblem(this.footer, expected ?? namedBy(path));
      if (stranger !== undefined) throw this.damage(footerAt, stranger);
      this.#checksumSeed = checksumSeedOf(this.footer.storeId, this.footer.number);

      const section = this.readSection(this.footer.indexOffset, this.footer.indexBytes);
      const problem = indexProblem(section, this.footer);
      if (problem !== undefined) throw this.damage(this.footer.indexOffset, problem);
      this.index = new BlockIndex(section, this.footer);
      this.summary = summaryOf(this.footer, this.index, bytes);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  get footerAt(): number {
    return this.summary.bytes - footerBytes;
  }

  /** Reads the filter, and verifies its checksum. */
  readFilter(): Buffer {
    const { filterOffset, filterBytes } = this.footer;
    const filter = this.readSection(filterOffset, filterBytes);
    if (!isIntact(filter, 0, filterBytes, seedAt(this.#checksumSeed, filterOffset))) {
      throw this.damage(filterOffset, "the checksum of its filter does not match");
    }
    return filter;
  }

  /** Reads part of the file into a buffer of its own. */
  readSection(offset: number, bytes: number): Buffer {
    const section = Buffer.allocUnsafeSlow(bytes);
    this.read(section, offset);
    return section;
  }

  /** Fills `target` with what lies at `offset`. */
  read(target: Buffer, offset: number): void {
    let bytesRead: number;
    try {
      bytesRead = readFully(this.#file, target, offset);
    } catch (error) {
      throw this.#unreadable(offset, error);
    }
    if (bytesRead < target.length) throw this.damage(offset, "the file ends before what should be there");
  }

  /** Fills `target`, which has the size of the block, and verifies its checksum. */
  readBlock(target: Buffer, block: number): void {
    this.read(target, this.index.blockStart(block));
    this.verifyBlock(target, block);
  }

  verifyBlock(bytes: Buffer, block: number): void {
    const offset = this.index.blockStart(block);
    if (!isBlockIntact(bytes, seedAt(this.#checksumSeed, offset))) {
      throw this.damage(offset, `the checksum of block ${block} does not match`);
    }
  }

  /** The checksum of blocks that were read at once, if each of them is intact and in its place. */
  joinedChecksum(blocks: Buffer, first: number, end: number): number {
    return joinedChecksum(blocks, this.index, this.#checksumSeed, first, end);
  }

  /** For a block whose checksum matches and whose content can't be what a writer has written. */
  malformed(block: number, place = 0, problem = "it is malformed"): TableCorruptionError {
    const offset = this.index.blockStart(block) + place;
    return this.damage(offset, `the checksum of block ${block} matches, but ${problem}`);
  }

  damage(offset: number, problem: string, options?: ErrorOptions): TableCorruptionError {
    return new TableCorruptionError(this.path, offset, problem, options);
  }

  close(): void {
    this.#file.close();
  }

  #size(): number {
    try {
      return this.#file.size();
    } catch (error) {
      throw this.#unreadable(0, error);
    }
  }

  /** A sector that the disk can't read is damage like any other; our own bugs are not. */
  #unreadable(offset: number, error: unknown): unknown {
    if (error instanceof AssertionError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return this.damage(offset, `the system can't read it (${reason})`, { cause: error });
  }
}

/** A table that somebody removed is damage; one that can't be opened for another reason says nothing of its bytes. */
function openExisting(fileSystem: FileSystem, path: string): File {
  try {
    return fileSystem.openRead(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new TableCorruptionError(path, 0, "the file is missing", { cause: error });
  }
}

/** A file that has no table's name may be any table. */
function namedBy(path: string): Partial<TableIdentity> {
  const number = tableNumberOf(basename(path));
  return number === undefined ? {} : { number };
}

function strangerProblem(footer: TableFooter, expected: Partial<TableIdentity>): string | undefined {
  const { storeId, number = footer.number, hashSeed = footer.hashSeed } = expected;
  if (storeId && Buffer.compare(footer.storeId, storeId) !== 0) return "it belongs to another store";
  if (footer.number !== number) return `it is table ${footer.number}, where table ${number} should be`;
  if (footer.hashSeed !== hashSeed) return "its filter was made with another seed than its store's";
  return undefined;
}

function summaryOf(footer: TableFooter, index: BlockIndex, bytes: number): TableSummary {
  const { section } = index;
  return {
    number: footer.number,
    bytes,
    entryCount: footer.entryCount,
    tombstoneCount: footer.tombstoneCount,
    keyBytes: footer.keyBytes,
    valueBytes: footer.valueBytes,
    versionMin: footer.versionMin,
    versionMax: footer.versionMax,
    // Copies: a view would keep the whole index of a table that is closed again.
    firstKey: new Uint8Array(section.subarray(index.firstKeyStart, index.lastKeyStart)),
    lastKey: new Uint8Array(section.subarray(index.lastKeyStart, index.lastKeyEnd)),
    fileChecksum: footer.fileChecksum,
  };
}
