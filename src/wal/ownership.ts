import { join } from "node:path";
import { HoldfastError } from "../lib/errors.ts";
import type { FileSystem, Lock } from "../vfs/file-system.ts";
import { lockName } from "./directory.ts";

/**
 * One owner per log. Between processes the lock file decides, and dies with its process. Inside a process the
 * newest open wins: the older handle is fenced, and has finished, before the newer one reads the first byte.
 */
export class Ownership {
  /** Called when a later open takes the log over; resolves when this owner writes nothing more. */
  onTakenOver: () => Promise<void> = async () => {};
  readonly #owners: Map<string, Ownership>;
  readonly #path: string;
  readonly #lock: Lock;

  constructor(owners: Map<string, Ownership>, path: string, lock: Lock) {
    this.#owners = owners;
    this.#path = path;
    this.#lock = lock;
  }

  /** Takes the log in an existing directory; only inside a turn (inTurn). */
  static async acquire(fileSystem: FileSystem, directory: string): Promise<Ownership> {
    const { owners } = machineOf(fileSystem);
    const path = fileSystem.realPath(directory);
    const older = owners.get(path);
    if (older !== undefined) await older.onTakenOver();
    // The owner may have released the lock while it finished; else it is handed over, never let go in between.
    const lock =
      older !== undefined && owners.get(path) === older ? older.#lock : fileSystem.lock(join(path, lockName));
    const owner = new Ownership(owners, path, lock);
    owners.set(path, owner);
    return owner;
  }

  /**
   * Somebody who moves the directory, or removes the lock, may put another log in its place: files are named by
   * their path, so going on could write into that one, and what is written here would be found by nobody.
   */
  assertInPlace(): void {
    if (this.#lock.isInPlace()) return;
    const problem = "the directory or its LOCK file was moved or removed while the log was open";
    throw new HoldfastError("LOG_MOVED", problem);
  }

  release(): void {
    // Whoever was taken over has nothing to release any more.
    if (this.#owners.get(this.#path) !== this) return;
    this.#owners.delete(this.#path);
    this.#lock.release();
  }
}

/** Opens of one log take turns, each whole: else a second one could read while the first still repairs. */
export function inTurn<T>(fileSystem: FileSystem, directory: string, open: () => Promise<T>): Promise<T> {
  const { turns } = machineOf(fileSystem);
  const path = fileSystem.realPath(directory);
  const turn = (turns.get(path) ?? Promise.resolve()).then(open);
  const settled = turn.then(
    () => {},
    () => {},
  );
  turns.set(path, settled);
  void settled.then(() => {
    if (turns.get(path) === settled) turns.delete(path);
  });
  return turn;
}

// One entry per file system: in tests, many machines live in one process.
const machines = new WeakMap<FileSystem, Machine>();

interface Machine {
  owners: Map<string, Ownership>;
  turns: Map<string, Promise<void>>;
}

function machineOf(fileSystem: FileSystem): Machine {
  let machine = machines.get(fileSystem);
  if (machine === undefined) {
    machine = { owners: new Map(), turns: new Map() };
    machines.set(fileSystem, machine);
  }
  return machine;
}
