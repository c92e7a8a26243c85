import { join } from "node:path";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { LogReach, ManifestState, TableEntry } from "../manifest/manifest-state.ts";
import { BlockCache } from "../table/block-cache.ts";
import { TableCorruptionError } from "../table/errors.ts";
import { tableName, tableNumberOf } from "../table/table-format.ts";
import { TableReader } from "../table/table-reader.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { OpenTable } from "./open-table.ts";
import { TableSet } from "./table-set.ts";

/** What tables need of the world. */
export interface TableWorld {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly cacheBytesMax: number;
}

const deletionPauseMs = 20;

/** What changes at once: all of it is in the manifest, or nothing. */
export interface TableChange extends LogReach {
  added: TableEntry[];
  /** Numbers. A table that only moves to another level is removed and added. */
  removed: number[];
  /** Everything up to it is in tables from now on. */
  coveredSeq: number;
}

/**
 * The tables of a store, open, and the manifest that says which they are. A change is durable in the manifest before
 * anybody reads by it, and files go only after the manifest has forgotten them, durably.
 */
export class TableStore {
  readonly set: TableSet;
  readonly cache: BlockCache;
  readonly directory: string;
  readonly #fileSystem: FileSystem;
  #manifest: Manifest | undefined;
  #state: ManifestState;
  #nextTableNumber: number;
  /** Changes take turns: each begins with what the one before it left. */
  #turn: Promise<void> = Promise.resolve();

  /** Of tables that are no more. */
  readonly #doomed: string[] = [];
  #deletion: Timer | undefined;
  readonly #clock: Clock;
  #failed: (error: unknown) => void = () => {};
  #assertInPlace: () => void = () => {};

  /** Opens every table that the state lists; throws TableCorruptionError, with nothing changed. */
  constructor(world: TableWorld, directory: string, state: ManifestState) {
    this.#fileSystem = world.fileSystem;
    this.#clock = world.clock;
    this.directory = directory;
    this.#state = state;
    this.#nextTableNumber = state.nextTableNumber;
    this.cache = new BlockCache(world.cacheBytesMax);
    const opened: OpenTable[] = [];
    try {
      for (const entry of state.tables) opened.push(this.#open(entry));
    } catch (error) {
      for (const { reader } of opened) reader.close();
      throw error;
    }
    this.set = new TableSet(opened);
  }

  get state(): ManifestState {
    return this.#state;
  }

  get coveredSeq(): number {
    return this.#state.coveredSeq;
  }

  /** From here on there are changes: they are written to the manifest, and whoever can't go on says so. */
  begin(manifest: Manifest): void {
    this.#manifest = manifest;
    this.#state = manifest.state;
  }

  /** Who hears that a file could not be deleted, and who knows whether it is ours to delete. */
  watch(failed: (error: unknown) => void, assertInPlace: () => void): void {
    this.#failed = failed;
    this.#assertInPlace = assertInPlace;
  }

  /** Files that are still to be deleted. */
  get doomedCount(): number {
    return this.#doomed.length;
  }

  get manifestBytes(): number {
    return this.#manifest?.bytes ?? 0;
  }

  /** The first of so many numbers that no table has, had, or will have from anybody else. */
  reserveNumbers(count: number): number {
    const first = this.#nextTableNumber;
    this.#nextTableNumber += count;
    return first;
  }

  /** Resolves when the change is durable and in effect. `effective` is called in the turn in which it takes effect. */
  async change(change: () => TableChange, effective: () => void = () => {}): Promise<void> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await before;
    try {
      await this.#change(change(), effective);
    } finally {
      resolve();
    }
  }

  /**
   * Has the manifest know how far the log has come, so that a start misses what is gone of it.
   */
  async noteReach(reach: () => LogReach): Promise<void> {
    const { segmentNumber, durableSeq } = this.#state;
    const now = reach();
    if (now.segmentNumber <= segmentNumber && now.durableSeq <= durableSeq) return;
    await this.change(() => ({ added: [], removed: [], coveredSeq: this.coveredSeq, ...reach() }));
  }

  async #change(change: TableChange, effective: () => void): Promise<void> {
    const manifest = this.#manifest!;
    const present = new Map([...this.set].map((table) => [table.entry.number, table]));
    const added: OpenTable[] = [];
    for (const entry of change.added) {
      const moved = present.get(entry.number);
      added.push(moved === undefined ? this.#open(entry) : new OpenTable(entry, moved.reader));
      // A merge may bring a hundred tables, whose indexes and filters are read: not all of them in one turn.
      await new Promise<void>((resolve) => this.#clock.afterPoll(resolve));
    }
    await manifest.apply({ ...change, nextTableNumber: this.#nextTableNumber });
    this.#state = manifest.state;
    const gone = this.set.apply(added, change.removed);
    effective();
    const stayed = new Set(added.map((table) => table.reader));
    for (const { reader } of gone) {
      if (stayed.has(reader)) continue;
      // Nobody reads across turns, so nobody holds it now.
      reader.close();
      this.#doomed.push(reader.path);
    }
    this.#deleteLater();
  }

  /**
   * Deletes files that nobody refers to, one at a time: giving back the blocks of a large file takes milliseconds, and
   * after a merge there are many. A crash leaves the rest, or brings a name back; the next start removes it.
   */
  #deleteLater(): void {
    if (this.#deletion !== undefined || this.#doomed.length === 0) return;
    this.#deletion = this.#clock.schedule(deletionPauseMs, () => {
      this.#deletion = undefined;
      try {
        this.#assertInPlace();
        this.#fileSystem.unlink(this.#doomed.shift()!);
        this.#deleteLater();
      } catch (error) {
        this.#failed(error);
      }
    });
  }

  /** Removes files that the manifest does not know: what jobs left that a crash or a full disk ended. */
  removeStrays(): void {
    const known = new Set(this.#state.tables.map((table) => table.number));
    for (const name of this.#fileSystem.list(this.directory)) {
      const number = tableNumberOf(name.replace(/\.tmp$/, ""));
      if (number === undefined || (known.has(number) && !name.endsWith(".tmp"))) continue;
      this.#fileSystem.unlink(join(this.directory, name));
    }
  }

  async close(): Promise<void> {
    this.#deletion?.cancel();
    try {
      if (this.#doomed.length > 0) this.#assertInPlace();
      for (const path of this.#doomed.splice(0)) this.#fileSystem.unlink(path);
    } catch {
      // What is left is a stray to the next start, which removes it; and a disk that fails has other ways to say so.
    }
    for (const { reader } of this.set) reader.close();
    await this.#manifest?.close();
  }

  #open(entry: TableEntry): OpenTable {
    const { number } = entry;
    const { storeId, hashSeed } = this.#state;
    const path = join(this.directory, tableName(number));
    const reader = TableReader.open(this.#fileSystem, path, { storeId, number, hashSeed }, this.cache);
    const { summary } = reader;
    for (const field of ["bytes", "entryCount", "versionMin", "versionMax", "fileChecksum"] as const) {
      if (summary[field] === entry[field]) continue;
      const problem = `its ${field} is ${summary[field]} where the manifest says ${entry[field]}`;
      throw new TableCorruptionError(path, 0, problem);
    }
    return new OpenTable(entry, reader);
  }
}
