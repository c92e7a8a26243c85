import type { FileSystem } from "../vfs/file-system.ts";
import { BlockStream } from "./block-stream.ts";
import type { TableIdentity } from "./table-file.ts";
import type { TableSummary } from "./table-summary.ts";

/**
 * All entries of a table in their order, all versions of a key, tombstones too: what a merge reads. Whatever it
 * shows was verified with its block; that nothing is missing is known once `next` has said false.
 */
export class TableStream {
  readonly summary: TableSummary;
  // The entry at which the stream is. Its bytes stay until the next call of `next`.
  keyBytes: Buffer;
  keyStart = 0;
  keyEnd = 0;
  version = 0;
  isTombstone = false;
  valueBytes: Buffer;
  valueStart = 0;
  valueEnd = 0;
  readonly #blocks: BlockStream;
  #position = -1;
  #count = 0;

  /** Opens the table at `path`, which must be the one that is expected. */
  constructor(fileSystem: FileSystem, path: string, expected?: TableIdentity) {
    this.#blocks = new BlockStream(fileSystem, path, expected);
    this.summary = this.#blocks.file.summary;
    this.keyBytes = this.#blocks.decoder.keys;
    this.valueBytes = this.#blocks.bytes;
  }

  /** Goes to the next entry; false after the last. */
  next(): boolean {
    let position = this.#position + 1;
    const { decoder } = this.#blocks;
    if (position >= this.#count) {
      // Damage leaves nothing that a further call could show.
      this.#count = 0;
      if (!this.#blocks.next()) return false;
      this.#count = decoder.count;
      this.keyBytes = decoder.keys;
      this.valueBytes = this.#blocks.bytes;
      position = 0;
    }
    this.#position = position;
    this.keyStart = decoder.keyStart(position);
    this.keyEnd = decoder.keyEnd(position);
    this.version = decoder.version(position);
    this.isTombstone = decoder.isTombstone(position);
    this.valueStart = decoder.valueStart(position);
    this.valueEnd = decoder.valueEnd(position);
    return true;
  }

  close(): void {
    this.#count = 0;
    this.#blocks.close();
  }
}
