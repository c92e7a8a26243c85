import type { File, FileSystem, Lock } from "../../../src/vfs/file-system.ts";
import { systemError } from "../../../src/vfs/system-error.ts";

/**
 * A directory of files that are only read, straight from the buffers given. The file system of the tests
 * keeps what a crash would leave of each of them, which costs more than reading them a hundred times a
 * millisecond allows.
 */
export class InputFiles implements FileSystem {
  readonly files = new Map<string, Uint8Array>();
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  list(): string[] {
    return [...this.files.keys()];
  }

  exists(path: string): boolean {
    return path === this.directory || this.files.has(this.#nameOf(path));
  }

  openRead(path: string): File {
    const bytes = this.files.get(this.#nameOf(path));
    if (bytes === undefined) throw systemError("ENOENT", "open");
    return new InputFile(path, bytes);
  }

  realPath(path: string): string {
    return path;
  }

  create(): File {
    throw changes();
  }

  open(): File {
    throw changes();
  }

  makeDirectory(): void {
    throw changes();
  }

  removeDirectory(): void {
    throw changes();
  }

  rename(): void {
    throw changes();
  }

  link(): void {
    throw changes();
  }

  unlink(): void {
    throw changes();
  }

  syncDirectory(): Promise<void> {
    throw changes();
  }

  freeBytes(): number {
    throw changes();
  }

  lock(): Lock {
    throw changes();
  }

  lockToRead(): Lock {
    throw changes();
  }

  #nameOf(path: string): string {
    return path.slice(this.directory.length + 1);
  }
}

class InputFile implements File {
  readonly path: string;
  readonly #bytes: Uint8Array;

  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    this.#bytes = bytes;
  }

  size(): number {
    return this.#bytes.length;
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#bytes.length - position));
    if (count > 0) target.set(this.#bytes.subarray(position, position + count));
    return count;
  }

  write(): number {
    throw changes();
  }

  truncate(): void {
    throw changes();
  }

  datasync(): Promise<void> {
    throw changes();
  }

  datasyncNow(): void {
    throw changes();
  }

  sync(): Promise<void> {
    throw changes();
  }

  close(): void {}
}

function changes(): Error {
  return new Error("a reader changes something");
}
