import { join } from "node:path";
import { storeDirectories } from "../engine/store-fit.ts";
import { HoldfastError } from "../lib/errors.ts";
import { createManifest } from "../manifest/manifest.ts";
import type { ManifestState } from "../manifest/manifest-state.ts";
import { LockHeldError, type FileSystem, type Lock } from "../vfs/file-system.ts";
import { makeDirectories, syncAncestors } from "../vfs/publish.ts";
import { lockName } from "../wal/directory.ts";

/**
 * A store that is being put together under a name that says so, by one process at a time: its lock is that of the
 * log, as a server's. It gets its true name when it is whole and synced; what a crash leaves of it, the next attempt
 * removes.
 */
export class UnfinishedStore {
  readonly directory: string;
  readonly wal: string;
  readonly tables: string;
  readonly #manifest: string;
  readonly #fileSystem: FileSystem;
  readonly #lock: Lock;
  #isPublished = false;

  private constructor(fileSystem: FileSystem, directory: string, lock: Lock) {
    const { wal, tables, manifest } = storeDirectories(directory);
    this.directory = directory;
    this.wal = wal;
    this.tables = tables;
    this.#manifest = manifest;
    this.#fileSystem = fileSystem;
    this.#lock = lock;
  }

  /** Takes the place, and removes what an attempt that a crash ended has left there. */
  static begin(fileSystem: FileSystem, directory: string): UnfinishedStore {
    const { wal } = storeDirectories(directory);
    let unfinished: UnfinishedStore | undefined;
    try {
      makeDirectories(fileSystem, wal);
      unfinished = new UnfinishedStore(fileSystem, directory, fileSystem.lock(join(wal, lockName)));
      for (const part of unfinished.#parts) {
        fileSystem.makeDirectory(part);
        for (const name of unfinished.#namesIn(part)) fileSystem.unlink(join(part, name));
      }
      return unfinished;
    } catch (error) {
      unfinished?.discard();
      unfinished?.release();
      if (error instanceof LockHeldError) throw heldError(directory, error);
      if (unfinished === undefined)
        attemptAll([wal, directory].map((path) => () => fileSystem.removeDirectory(path)));
      throw error;
    }
  }

  /** The last thing that is written. */
  async writeManifest(state: ManifestState): Promise<void> {
    const manifest = await createManifest(this.#fileSystem, this.#manifest, state);
    await manifest.close();
  }

  /** Resolves when all names are durable; whoever wrote a file has synced it. */
  async sync(): Promise<void> {
    const lockFile = this.#fileSystem.open(join(this.wal, lockName));
    try {
      await lockFile.sync();
    } finally {
      lockFile.close();
    }
    for (const path of [...this.#parts, this.directory]) await this.#fileSystem.syncDirectory(path);
  }

  /** Gives it its true name. */
  async publish(name: string): Promise<void> {
    this.#fileSystem.rename(this.directory, name);
    this.#isPublished = true;
    try {
      await syncAncestors(this.#fileSystem, name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new HoldfastError(
        "COPY_FAILED",
        `Cannot make sure of ${name}: ${reason}; it is there, whole and checked, but a power cut may still take it back. ` +
          "Remove it, and try again once the disk is well",
        { cause: error },
      );
    }
  }

  /** Removes what was written, as far as that goes. */
  discard(): void {
    // Where it was, somebody else may have begun by now.
    if (this.#isPublished) return;
    const fileSystem = this.#fileSystem;
    attemptAll([
      ...this.#parts.flatMap((part) => [
        () => this.#namesIn(part).forEach((name) => fileSystem.unlink(join(part, name))),
        // While the lock's file is there, nobody else begins anew.
        () => part === this.wal && fileSystem.unlink(join(part, lockName)),
        () => fileSystem.removeDirectory(part),
      ]),
      () => fileSystem.removeDirectory(this.directory),
    ]);
  }

  release(): void {
    this.#lock.release();
  }

  /** The log comes last, for the lock lies there. */
  get #parts(): string[] {
    return [this.tables, this.#manifest, this.wal];
  }

  /** Only such names as a copy gives are ever removed: anything else was put there by somebody. */
  #namesIn(part: string): string[] {
    const names = this.#fileSystem.list(part).filter((name) => part !== this.wal || name !== lockName);
    const strange = names.find((name) => !/^\d{12}\.(wal|table|manifest)(\.tmp)?$/.test(name));
    if (strange === undefined) return names;
    throw new HoldfastError(
      "TARGET_EXISTS",
      `Cannot make a copy in ${this.directory}: ${join(part, strange)} is in the way; move it elsewhere`,
    );
  }
}

function heldError(directory: string, cause: LockHeldError): HoldfastError {
  const holder = cause.pid === undefined ? "another process" : `process ${cause.pid}`;
  return new HoldfastError(
    "LOCKED",
    `Cannot make a copy in ${directory}: ${holder} is doing so; wait until it is done, or name another directory`,
    { cause },
  );
}

/** What can't be removed stays, and the next attempt to make a copy there removes it. */
function attemptAll(removals: readonly (() => unknown)[]): void {
  for (const remove of removals) {
    try {
      remove();
    } catch {
      // See above.
    }
  }
}
