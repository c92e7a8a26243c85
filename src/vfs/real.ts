import * as fs from "node:fs";
import { assert } from "../lib/assert.ts";
import { type File, type FileSystem, type Lock, LockHeldError } from "./file-system.ts";
import { fullSync, releaseFlock, tryFlock } from "./libc.ts";
import { decodeHolder, encodeHolder, holderBytes } from "./lock-holder.ts";

/**
 * The disk. The only importer of node:fs.
 *
 * What it trusts Bun to do (each seen with strace, and tested where a test can see it): every descriptor is opened
 * close-on-exec, so no child process keeps a file or a lock alive; a read or write that a signal interrupts is
 * begun again, a sync never is; the callback forms of the syncs run on a thread pool and report the system's answer.
 *
 * On Linux a sync is fdatasync or fsync, which make the drive empty its cache. On macOS neither does, so there
 * F_FULLFSYNC follows the fsync; it blocks the event loop, but finds the pages already with the drive.
 */
export const realFileSystem: FileSystem = {
  create(path) {
    const { O_CREAT, O_EXCL, O_RDWR } = fs.constants;
    return new RealFile(path, fs.openSync(path, O_CREAT | O_EXCL | O_RDWR, 0o600));
  },

  open(path) {
    return new RealFile(path, fs.openSync(path, fs.constants.O_RDWR));
  },

  openRead(path) {
    return new RealFile(path, fs.openSync(path, fs.constants.O_RDONLY));
  },

  list(path) {
    return fs.readdirSync(path);
  },

  exists(path) {
    // Not existsSync: that calls a path absent when it merely could not look, and a store would be begun afresh.
    return fs.statSync(path, { throwIfNoEntry: false }) !== undefined;
  },

  makeDirectory(path) {
    try {
      fs.mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== "EEXIST" || !fs.statSync(path).isDirectory()) throw error;
    }
  },

  rename(from, to) {
    fs.renameSync(from, to);
  },

  link(existing, name) {
    fs.linkSync(existing, name);
  },

  unlink(path) {
    const fd = openToKeep(path);
    try {
      fs.unlinkSync(path);
    } finally {
      if (fd !== undefined) fs.close(fd, () => {});
    }
  },

  removeDirectory(path) {
    fs.rmdirSync(path);
  },

  async syncDirectory(path) {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await sync(fd, fs.fsync);
    } finally {
      fs.closeSync(fd);
    }
  },

  freeBytes(path) {
    const stats: fs.StatsFs & { frsize?: number } = fs.statfsSync(path);
    // Blocks are counted in units of frsize; bsize is what the file system likes to transfer, and may be larger.
    return stats.bavail * (stats.frsize || stats.bsize);
  },

  realPath(path) {
    return fs.realpathSync(path);
  },

  lock(path) {
    const lock = takeLock(path, fs.openSync(path, fs.constants.O_CREAT | fs.constants.O_RDWR, 0o600));
    lock.writeHolder();
    return lock;
  },

  lockToRead(path) {
    return takeLock(path, openForLock(path));
  },
};

class RealFile implements File {
  readonly path: string;
  readonly #fd: number;
  #closed = false;
  #syncsInFlight = 0;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  size(): number {
    assert(!this.#closed, "only an open file has a size");
    return fs.fstatSync(this.#fd).size;
  }

  read(target: Uint8Array, position: number): number {
    assert(!this.#closed, "only an open file is read");
    return fs.readSync(this.#fd, target, 0, target.length, position);
  }

  write(source: Uint8Array, position: number): number {
    assert(!this.#closed, "only an open file is written");
    return fs.writeSync(this.#fd, source, 0, source.length, position);
  }

  truncate(bytes: number): void {
    assert(!this.#closed, "only an open file is truncated");
    fs.ftruncateSync(this.#fd, bytes);
  }

  datasync(): Promise<void> {
    return this.#sync(fs.fdatasync);
  }

  datasyncNow(): void {
    assert(!this.#closed, "only an open file is synced");
    fs.fdatasyncSync(this.#fd);
    if (process.platform === "darwin") fullSync(this.#fd);
  }

  sync(): Promise<void> {
    return this.#sync(fs.fsync);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#syncsInFlight === 0) fs.closeSync(this.#fd);
  }

  async #sync(call: SyncCall): Promise<void> {
    assert(!this.#closed, "only an open file is synced");
    this.#syncsInFlight++;
    try {
      await sync(this.#fd, call);
    } finally {
      this.#syncsInFlight--;
      // A descriptor closed under a running sync could be given to another file, and the sync with it.
      if (this.#closed && this.#syncsInFlight === 0) fs.closeSync(this.#fd);
    }
  }
}

type SyncCall = (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void;

function sync(fd: number, call: SyncCall): Promise<void> {
  return new Promise((resolve, reject) => {
    call(fd, (error) => {
      if (error) return reject(error);
      if (process.platform === "darwin") {
        try {
          fullSync(fd);
        } catch (fullSyncError) {
          return reject(fullSyncError);
        }
      }
      resolve();
    });
  });
}

/**
 * A file that is open loses only its name when it is unlinked; its pages and blocks go when it is closed, which takes
 * 15 ms for a segment of 32 MiB (ext4 with `discard`). So whoever unlinks opens it first, and a thread of the pool closes
 * it. If it can't be opened, it is not: that only saves time. (On NFS it has another name until it is closed.)
 */
function openToKeep(path: string): number | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    return fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Takes the lock of an open file, which is closed if it can't be had. */
function takeLock(path: string, fd: number): RealLock {
  try {
    if (!tryFlock(fd)) throw new LockHeldError(path, readHolder(fd));
    return new RealLock(fd, fs.realpathSync(path));
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Some network file systems lock only what is open for writing; what is mounted for reading opens for that alone. */
function openForLock(path: string): number {
  try {
    return fs.openSync(path, fs.constants.O_RDWR);
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes(codeOf(error) ?? "")) throw error;
    return fs.openSync(path, fs.constants.O_RDONLY);
  }
}

class RealLock implements Lock {
  #fd: number | undefined;
  readonly #path: string;
  /** Nobody else gets this number while the file is open. */
  readonly #held: fs.Stats;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
    this.#held = fs.fstatSync(fd);
  }

  isInPlace(): boolean {
    if (this.#fd === undefined) return false;
    // Once for every group of the log, so one call and not two.
    const found = fs.statSync(this.#path, { throwIfNoEntry: false });
    return found !== undefined && found.ino === this.#held.ino && found.dev === this.#held.dev;
  }

  /** Says in the file who holds it. */
  writeHolder(): void {
    const holder = encodeHolder(process.pid);
    try {
      fs.writeSync(this.#fd!, holder, 0, holder.length, 0);
      if (fs.fstatSync(this.#fd!).size > holder.length) fs.ftruncateSync(this.#fd!, holder.length);
    } catch {
      // The pid is only there to be read by people; the lock itself holds without it.
    }
  }

  release(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    // The file stays: unlinking it would let two processes hold "the" lock, each of a file of its own.
    releaseFlock(fd);
    fs.closeSync(fd);
  }
}

/** The pid of the process that holds the lock, unless the file still names an earlier one that is gone. */
function readHolder(fd: number): number | undefined {
  const bytes = Buffer.alloc(holderBytes);
  const pid = decodeHolder(bytes.subarray(0, fs.readSync(fd, bytes, 0, holderBytes, 0)));
  if (pid === undefined) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return undefined;
  }
  return pid;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
