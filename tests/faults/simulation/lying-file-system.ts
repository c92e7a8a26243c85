import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import type { Fault } from "../../../src/vfs/fault.ts";
import type { File } from "../../../src/vfs/file-system.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { Sabotage } from "./simulation-options.ts";

/**
 * Breaks the promise of a sync: `lost syncs` return, late enough, and have done nothing; `early syncs` return at once,
 * and do their work later. Both for the log's content only.
 */
export class LyingFileSystem extends FailingFileSystem {
  readonly #memory: MemoryFileSystem;
  readonly #sabotage: Sabotage;

  constructor(memory: MemoryFileSystem, faults: readonly Fault[], sabotage: Sabotage) {
    super(memory, { faults });
    this.#memory = memory;
    this.#sabotage = sabotage;
  }

  override create(path: string): File {
    return this.#lying(super.create(path));
  }

  override open(path: string): File {
    return this.#lying(super.open(path));
  }

  #lying(file: File): File {
    if (!file.path.includes("/wal/")) return file;
    const elsewhere = this.#memory;
    const datasync =
      this.#sabotage === "early syncs"
        ? async () => void file.datasync().catch(() => {})
        : () => elsewhere.syncDirectory("/");
    return Object.assign(Object.create(file) as File, {
      path: file.path,
      size: () => file.size(),
      read: (target: Uint8Array, position: number) => file.read(target, position),
      write: (source: Uint8Array, position: number) => file.write(source, position),
      truncate: (bytes: number) => file.truncate(bytes),
      datasync,
      datasyncNow: () => file.datasyncNow(),
      sync: () => file.sync(),
      close: () => file.close(),
    });
  }
}
