import { HoldfastError } from "../lib/errors.ts";

/**
 * What Holdfast asks of a file system, and all that it asks. The real one (real.ts) is the only file that touches
 * the disk; the others forget (memory.ts: what a crash may forget) and fail (failing.ts), so that every test of
 * durability runs the very code that runs in production.
 *
 * Reads, writes and directory operations are synchronous: they are short, and their order is the point. Syncs
 * are asynchronous: they take as long as the disk likes, and the event loop serves reads meanwhile.
 */
export interface FileSystem {
  /** Creates a file that must not exist yet, readable by its owner alone (0600). */
  create(path: string): File;
  /** Opens an existing file for reading and writing. */
  open(path: string): File;
  /** Opens an existing file for reading; nothing may change through it. */
  openRead(path: string): File;

  /** The names in a directory, without order. */
  list(path: string): string[];
  exists(path: string): boolean;
  /** Creates one directory (0700) in an existing one; an existing directory is left alone. */
  makeDirectory(path: string): void;
  /** Removes an empty directory. */
  removeDirectory(path: string): void;
  /** Replaces `to` if it exists, atomically. Durable only after syncDirectory of the directories. */
  rename(from: string, to: string): void;
  /**
   * Gives a file a second name, which must not exist yet: both lead to the same bytes until one is unlinked. Not every
   * file system can, and none across two of them (EXDEV, EPERM, ENOTSUP). Durable after syncDirectory, as a creation.
   */
  link(existing: string, name: string): void;
  unlink(path: string): void;
  /** Resolves when creations, renames and unlinks in this directory that came before the call are durable. */
  syncDirectory(path: string): Promise<void>;

  /** Bytes that an ordinary user may still write on the disk that holds this path. */
  freeBytes(path: string): number;
  /** The one true name of an existing path: two names of one directory become equal. */
  realPath(path: string): string;
  /**
   * Takes the lock of an existing or new file, or throws LockHeldError. It dies with the process, however that
   * ends.
   */
  lock(path: string): Lock;
  /**
   * The same of an existing file, which stays as it is, byte for byte: for who only wants nobody else to write
   * meanwhile. Works where nothing may be written.
   */
  lockToRead(path: string): Lock;
}

export interface File {
  readonly path: string;
  size(): number;
  /** Reads into `target` from `position` on; returns the bytes read, which may be fewer, 0 at the end. */
  read(target: Uint8Array, position: number): number;
  /** Writes `source` at `position`; returns the bytes written, which may be fewer. Callers want writeFully. */
  write(source: Uint8Array, position: number): number;
  truncate(bytes: number): void;
  /** fdatasync: the bytes written before the call, and the size needed to read them, are durable. */
  datasync(): Promise<void>;
  /** The same before it returns. Whoever calls it knows why nobody minds: the event loop stands still meanwhile. */
  datasyncNow(): void;
  /** fsync: the same and the file's other attributes. */
  sync(): Promise<void>;
  close(): void;
}

export interface Lock {
  /** Whether the path still leads to the locked file; false once somebody moved or removed it, or a directory above. */
  isInPlace(): boolean;
  release(): void;
}

export class LockHeldError extends HoldfastError {
  /** The process that holds it, as it wrote itself into the file; undefined if that can't be read. */
  readonly pid: number | undefined;

  constructor(path: string, pid: number | undefined) {
    super(
      "LOCKED",
      `Cannot open ${path}: process ${pid ?? "(unknown)"} holds its lock; stop that process, or use another directory`,
    );
    this.pid = pid;
  }
}

/**
 * Writes all of `source`. A write that comes back short is continued: counting it as done would leave a hole
 * under records that are acknowledged later.
 */
export function writeFully(file: File, source: Uint8Array, position: number): void {
  let written = 0;
  while (written < source.length) {
    const count = file.write(written === 0 ? source : source.subarray(written), position + written);
    if (count <= 0) {
      throw new HoldfastError(
        "WRITE_STALLED",
        `Cannot write ${file.path} at ${position + written}: the system took ${count} bytes`,
      );
    }
    written += count;
  }
}

/** Reads until `target` is full or the file ends; returns the bytes read. */
export function readFully(file: File, target: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < target.length) {
    const count = file.read(filled === 0 ? target : target.subarray(filled), position + filled);
    if (count <= 0) break;
    filled += count;
  }
  return filled;
}

/** Reads a whole file into memory. */
export function readFile(fileSystem: FileSystem, path: string): Buffer {
  const file = fileSystem.openRead(path);
  try {
    const bytes = Buffer.allocUnsafeSlow(file.size());
    const filled = readFully(file, bytes, 0);
    return bytes.subarray(0, filled);
  } finally {
    file.close();
  }
}
