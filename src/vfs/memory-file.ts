import { assert } from "../lib/assert.ts";
import type { File } from "./file-system.ts";
import type { HeldSyncs } from "./held-syncs.ts";
import type { CacheAfterLoss, MemoryContent } from "./memory-content.ts";
import { systemError } from "./system-error.ts";

/** A file that somebody has open. Like a descriptor it outlives the file's name. */
export class MemoryFile implements File {
  readonly path: string;
  readonly #content: MemoryContent;
  readonly #writable: boolean;
  readonly #syncs: HeldSyncs;
  #closed = false;

  constructor(path: string, content: MemoryContent, writable: boolean, syncs: HeldSyncs) {
    this.path = path;
    this.#content = content;
    this.#writable = writable;
    this.#syncs = syncs;
  }

  size(): number {
    assert(!this.#closed, "only an open file has a size");
    return this.#content.size;
  }

  read(target: Uint8Array, position: number): number {
    assert(!this.#closed, "only an open file is read");
    return this.#content.read(target, position);
  }

  write(source: Uint8Array, position: number): number {
    assert(!this.#closed, "only an open file is written");
    if (!this.#writable) throw systemError("EBADF", "write");
    if (position + source.length > fileBytesMax) throw systemError("EFBIG", "write");
    this.#content.write(source, position);
    return source.length;
  }

  truncate(bytes: number): void {
    assert(!this.#closed, "only an open file is truncated");
    if (!this.#writable) throw systemError("EINVAL", "ftruncate");
    if (bytes > fileBytesMax) throw systemError("EFBIG", "ftruncate");
    this.#content.truncate(bytes);
  }

  async datasync(): Promise<void> {
    return this.#sync("datasync");
  }

  datasyncNow(): void {
    assert(!this.#closed, "only an open file is synced");
    assert(!this.#syncs.holding, "a sync that is held must not be waited for");
    const settle = this.#content.beginSync();
    if (!settle()) throw systemError("EIO", "fdatasync");
  }

  async sync(): Promise<void> {
    return this.#sync("sync");
  }

  close(): void {
    this.#closed = true;
  }

  /** A sync has failed here: see sentence 7 of memory.ts. */
  loseUnsynced(cacheAfter: CacheAfterLoss): void {
    this.#content.loseUnsynced(cacheAfter);
  }

  #sync(kind: "datasync" | "sync"): Promise<void> {
    assert(!this.#closed, "only an open file is synced");
    return this.#syncs.begin(kind, this.path, {
      settle: this.#content.beginSync(),
      lose: (cacheAfter) => this.#content.loseUnsynced(cacheAfter),
    });
  }
}

/** A mistaken position must not take all memory of the machine: holes cost memory here. */
const fileBytesMax = 2 ** 30;
