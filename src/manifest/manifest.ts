import { join } from "node:path";
import { assert } from "../lib/assert.ts";
import { manifestBytesMax } from "../lib/limits.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { makeDirectories, syncAncestors } from "../vfs/publish.ts";
import { listManifests, manifestName } from "./directory.ts";
import { ManifestFaultError } from "./errors.ts";
import { LiveState } from "./live-state.ts";
import { ManifestFile } from "./manifest-file.ts";
import {
  stateAsEdit,
  type LogReach,
  type ManifestEdit,
  type ManifestState,
  type TableEntry,
} from "./manifest-state.ts";
import { readManifest, type ManifestReading } from "./read-manifest.ts";
import type { TornEdit } from "./walk-manifest.ts";

export interface ManifestOptions {
  /** A manifest that would grow past this, and past twice its state, is written anew. */
  manifestBytesMax?: number;
  /**
   * Called before anything is written. Throws if the store is no longer where it was opened: files are named by their
   * path, so whoever moved the directory may have put another store there.
   */
  assertInPlace?: () => void;
  /** How far the log has come: the manifest says at least that. */
  logReach?: LogReach;
}

/** What a manifest begins with: nothing but whose it is, or for a copy of a store the whole state. */
export type ManifestStart = Pick<ManifestState, "storeId" | "hashSeed"> & Partial<ManifestState>;

/** Begins a manifest in a directory that has none. */
export async function createManifest(
  fileSystem: FileSystem,
  directory: string,
  options: ManifestStart & ManifestOptions,
): Promise<Manifest> {
  assert(readManifest(fileSystem, directory) === undefined, "a manifest is created where there is none");
  const live = new LiveState(new Uint8Array(options.storeId), options.hashSeed);
  const problem = live.apply(ownEdit(stateAsEdit({ ...live.freeze(), ...options, ...options.logReach })));
  assert(problem === undefined, `a manifest begins with a possible state: ${problem}`);
  return orFault(directory, async () => {
    makeDirectories(fileSystem, directory);
    // Once and for all: a relative name would lead elsewhere when the process changes its working directory.
    const path = fileSystem.realPath(directory);
    // Before the first manifest has its name, for a later start that finds one looks no higher.
    await syncAncestors(fileSystem, path);
    deleteUnfinished(fileSystem, path);
    const file = await ManifestFile.publish(fileSystem, path, 1, live.freeze(), 0);
    return new Manifest({ fileSystem, directory: path, file, live, torn: undefined }, options);
  });
}

/**
 * Reads the manifest, undefined if there is none, and publishes it anew as a whole: what is served was written and
 * synced by this boot, whatever the page cache made of the old one, and nothing is ever appended behind a torn edit.
 * Damage throws ManifestCorruptionError, with nothing changed.
 */
export async function openManifest(
  fileSystem: FileSystem,
  directory: string,
  options: ManifestOptions = {},
): Promise<Manifest | undefined> {
  const reading = readManifest(fileSystem, directory);
  if (reading === undefined) return undefined;
  const { editNumber, torn } = reading;
  const number = followed(reading);
  const state = { ...reading.state, ...furthest(reading.state, options.logReach) };
  const live = new LiveState(state.storeId, state.hashSeed);
  const problem = live.apply(stateAsEdit(state));
  assert(problem === undefined, `what was read can be written: ${problem}`);
  return orFault(directory, async () => {
    const path = fileSystem.realPath(directory);
    deleteUnfinished(fileSystem, path);
    const file = await ManifestFile.publish(fileSystem, path, number + 1, state, editNumber);
    try {
      deleteOlder(fileSystem, path, file.number);
    } catch (error) {
      file.close();
      throw error;
    }
    return new Manifest({ fileSystem, directory: path, file, live, torn }, options);
  });
}

function furthest(one: LogReach, other: LogReach = one): LogReach {
  return {
    segmentNumber: Math.max(one.segmentNumber, other.segmentNumber),
    durableSeq: Math.max(one.durableSeq, other.durableSeq),
  };
}

/**
 * The number that the next manifest follows. Whoever made the first one may have been killed before the directory was
 * synced, so that its name is in the cache only, unless something was appended to it. Were a second one begun beside
 * it, a power cut could take that name and leave the second's, unfinished, as if a manifest had been lost. So the first
 * one is published once more, under its own name.
 *
 * But not if there is a torn edit behind it: its name is durable then, and what was torn off must never fit again.
 */
function followed({ number, editCount, torn }: ManifestReading): number {
  return number === 1 && editCount === 1 && torn === undefined ? 0 : number;
}

/**
 * The durable list of live tables. Edits are applied one at a time, in the order of the calls: each is judged by the
 * state that those before it left, made durable, and only then shown in `state`.
 *
 * Any failure of the disk ends it: the edit of that moment may be durable or not, which the next start decides, and
 * every later one is refused with the same error. Nothing is tried again.
 */
export class Manifest {
  /** What the start found behind the last whole edit, and left out. */
  readonly torn: TornEdit | undefined;
  /** What stopped it, if something did. */
  fault: ManifestFaultError | undefined;
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #bytesMax: number;
  readonly #assertInPlace: () => void;
  #file: ManifestFile;
  #live: LiveState;
  #state: ManifestState;
  /** Resolves when the edits that were asked for are done, one way or the other. */
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Goes on with a file that holds `live`, durably. For createManifest and openManifest. */
  constructor(begun: BegunManifest, options: ManifestOptions) {
    this.torn = begun.torn;
    this.#fileSystem = begun.fileSystem;
    this.#directory = begun.directory;
    this.#bytesMax = options.manifestBytesMax ?? manifestBytesMax;
    this.#assertInPlace = options.assertInPlace ?? (() => {});
    this.#file = begun.file;
    this.#live = begun.live;
    this.#state = begun.live.freeze();
  }

  /** As of the last durable edit. It is never changed: a later edit makes another one. */
  get state(): ManifestState {
    return this.#state;
  }

  /** The file that holds it now. */
  get file(): string {
    return this.#file.path;
  }

  /** Of the file. */
  get bytes(): number {
    return this.#file.bytes;
  }

  /** Resolves once the edit is durable. An edit that can't follow the state is a bug, and changes nothing. */
  async apply(edit: ManifestEdit): Promise<void> {
    assert(!this.#isClosed, "a closed manifest takes no edits");
    const own = ownEdit(edit);
    const applied = this.#turn.then(() => this.#apply(own));
    // Whoever asked for it hears of its failure.
    this.#turn = applied.catch(() => {});
    await applied;
  }

  /**
   * Takes no more edits, and lets the file go once those that were asked for are done. Never rejects: each edit was
   * synced by itself, so an error of the closing would say nothing of any.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#turn;
    try {
      this.#file.close();
    } catch {
      // See above.
    }
  }

  async #apply(edit: ManifestEdit): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
    const next = this.#live.copy();
    const problem = next.apply(edit);
    assert(problem === undefined, `an edit can follow the state: ${problem}`);
    const state = next.freeze();
    try {
      this.#assertInPlace();
      await this.#write(edit, state);
    } catch (error) {
      this.fault = new ManifestFaultError(this.#directory, error);
      throw this.fault;
    }
    this.#live = next;
    this.#state = state;
  }

  /**
   * Appends the edit, or writes a new file with the state that the edit leads to. The old file holds everything but
   * this edit until the new one, which holds everything with it, is durable: so a crash anywhere leaves one of the
   * two, and both are right. That the old name goes needs no sync: if it comes back, the higher number still counts.
   */
  async #write(edit: ManifestEdit, state: ManifestState): Promise<void> {
    const old = this.#file;
    const sealed = old.encode(edit);
    const bytes = old.bytes + sealed.edit.bytes.length + sealed.seal.bytes.length;
    const bytesMax = Math.max(this.#bytesMax, 2 * old.stateBytes);
    if (bytes <= bytesMax) return old.append(sealed);
    const [fileSystem, directory] = [this.#fileSystem, this.#directory];
    this.#file = await ManifestFile.publish(fileSystem, directory, old.number + 1, state, old.editNumber + 1);
    old.close();
    deleteOlder(fileSystem, directory, this.#file.number);
  }
}

interface BegunManifest {
  fileSystem: FileSystem;
  directory: string;
  file: ManifestFile;
  live: LiveState;
  torn: TornEdit | undefined;
}

/** The edit with bytes of its own: whoever made it may go on using the buffers that its keys lie in. */
function ownEdit(edit: ManifestEdit): ManifestEdit {
  const own = (table: TableEntry): TableEntry => ({
    ...table,
    firstKey: new Uint8Array(table.firstKey),
    lastKey: new Uint8Array(table.lastKey),
  });
  return { ...edit, added: edit.added.map(own), removed: [...edit.removed] };
}

function deleteUnfinished(fileSystem: FileSystem, directory: string): void {
  for (const name of listManifests(fileSystem, directory).unfinished)
    fileSystem.unlink(join(directory, name));
}

/** Only once the manifest of this number is durable: until then an older one is all there is. */
function deleteOlder(fileSystem: FileSystem, directory: string, number: number): void {
  for (const older of listManifests(fileSystem, directory).numbers) {
    if (older < number) fileSystem.unlink(join(directory, manifestName(older)));
  }
}

/** What fails while files are written is a storage fault, whoever failed. */
async function orFault<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new ManifestFaultError(directory, error);
  }
}
