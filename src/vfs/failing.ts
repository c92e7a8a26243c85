import { assert } from "../lib/assert.ts";
import type { File, FileSystem, Lock } from "./file-system.ts";
import { type Call, type CallPattern, type Fault, faultError, matches } from "./fault.ts";
import type { CacheAfterLoss } from "./memory-content.ts";
import { MemoryFile } from "./memory-file.ts";
import { MemoryFileSystem } from "./memory.ts";

export interface FailingFileSystemOptions {
  readonly faults?: readonly Fault[];
  /** Told before each call, and before it may fail; `index` is its place in `calls`. */
  readonly onCall?: (call: Call, index: number) => void;
}

/**
 * Passes everything on to another file system, keeps a list of it, and fails where it was told to. A test runs once
 * without faults, and then once for each entry of that run's `calls`, with the fault at its place.
 */
export class FailingFileSystem implements FileSystem {
  readonly calls: Call[] = [];
  readonly #inner: FileSystem;
  readonly #onCall: ((call: Call, index: number) => void) | undefined;
  #faults: { readonly fault: Fault; matches: number }[] = [];

  constructor(inner: FileSystem, options: FailingFileSystemOptions = {}) {
    this.#inner = inner;
    this.#onCall = options.onCall;
    for (const fault of options.faults ?? []) this.inject(fault);
  }

  /** Adds a fault; its matches are counted from now on. */
  inject(fault: Fault): void {
    assert(fault.at >= 1, "calls are counted from 1");
    this.#faults.push({ fault, matches: 0 });
  }

  /** Nothing fails any more. */
  heal(): void {
    this.#faults = [];
  }

  count(pattern: CallPattern = {}): number {
    return this.calls.filter((call) => matches(pattern, call)).length;
  }

  create(path: string): File {
    return this.#openFile({ kind: "create", path }, () => this.#inner.create(path));
  }

  open(path: string): File {
    return this.#openFile({ kind: "open", path }, () => this.#inner.open(path));
  }

  openRead(path: string): File {
    return this.#openFile({ kind: "openRead", path }, () => this.#inner.openRead(path));
  }

  list(path: string): string[] {
    return this.pass({ kind: "list", path }, () => this.#inner.list(path));
  }

  exists(path: string): boolean {
    return this.pass({ kind: "exists", path }, () => this.#inner.exists(path));
  }

  makeDirectory(path: string): void {
    this.pass({ kind: "makeDirectory", path }, () => this.#inner.makeDirectory(path));
  }

  rename(from: string, to: string): void {
    this.pass({ kind: "rename", path: from, to }, () => this.#inner.rename(from, to));
  }

  link(existing: string, name: string): void {
    this.pass({ kind: "link", path: existing, to: name }, () => this.#inner.link(existing, name));
  }

  unlink(path: string): void {
    this.pass({ kind: "unlink", path }, () => this.#inner.unlink(path));
  }

  removeDirectory(path: string): void {
    this.pass({ kind: "removeDirectory", path }, () => this.#inner.removeDirectory(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.passSync(
      { kind: "syncDirectory", path },
      () => this.#inner.syncDirectory(path),
      () => {
        assert(
          this.#inner instanceof MemoryFileSystem,
          "only a file system in memory can lose what is unsynced",
        );
        this.#inner.loseUnsynced(path);
      },
    );
  }

  freeBytes(path: string): number {
    return this.pass({ kind: "freeBytes", path }, () => this.#inner.freeBytes(path));
  }

  realPath(path: string): string {
    return this.pass({ kind: "realPath", path }, () => this.#inner.realPath(path));
  }

  lock(path: string): Lock {
    return this.#lock({ kind: "lock", path }, () => this.#inner.lock(path));
  }

  lockToRead(path: string): Lock {
    return this.#lock({ kind: "lockToRead", path }, () => this.#inner.lockToRead(path));
  }

  /**
   * Makes the call by `work`, unless it is to fail. `work` is told how many bytes it may move; `discard` gets the
   * result of work that was done for a caller who hears of a failure.
   */
  pass<Result>(call: Call, work: (bytesMax: number) => Result, discard?: (result: Result) => void): Result {
    const fault = this.#record(call);
    if (fault === undefined) return work(Infinity);
    if ("bytes" in fault) return work(fault.bytes);
    if (fault.applied === true) {
      const result = work(Infinity);
      discard?.(result);
    }
    throw faultError(fault.error, call);
  }

  /** The same for the end of a file or lock, which has come even where the system reports an error. */
  passEnd(call: Call, work: () => void): void {
    try {
      this.pass(call, () => undefined);
    } finally {
      work();
    }
  }

  /** The same for a sync, whose failure comes later, as a disk's does. */
  async passSync(
    call: Call,
    work: () => Promise<void>,
    lose: (cacheAfter: CacheAfterLoss) => void,
  ): Promise<void> {
    const fault = this.#record(call);
    if (fault === undefined || "bytes" in fault) return work();
    if (fault.applied === true) await work();
    if (fault.lost !== undefined) lose(fault.lost);
    await new Promise((resolve) => setImmediate(resolve));
    throw faultError(fault.error, call);
  }

  /** The same for a sync that is waited for. */
  passSyncNow(call: Call, work: () => void, lose: (cacheAfter: CacheAfterLoss) => void): void {
    const fault = this.#record(call);
    if (fault === undefined || "bytes" in fault) return work();
    if (fault.applied === true) work();
    if (fault.lost !== undefined) lose(fault.lost);
    throw faultError(fault.error, call);
  }

  #lock(call: Call, take: () => Lock): Lock {
    const { path } = call;
    const lock = this.pass(call, take, (taken) => taken.release());
    return {
      isInPlace: () => lock.isInPlace(),
      release: () => this.passEnd({ kind: "unlock", path }, () => lock.release()),
    };
  }

  #openFile(call: Call, open: () => File): File {
    return new FailingFile(
      this,
      this.pass(call, open, (file) => file.close()),
    );
  }

  #record(call: Call): Fault | undefined {
    const index = this.calls.push(call) - 1;
    this.#onCall?.(call, index);
    let hit: Fault | undefined;
    for (const armed of this.#faults) {
      if (!matches(armed.fault, call)) continue;
      armed.matches++;
      const hits = armed.matches === armed.fault.at || (armed.fault.sticky && armed.matches > armed.fault.at);
      if (hits) hit ??= armed.fault;
    }
    return hit;
  }
}

class FailingFile implements File {
  readonly path: string;
  readonly #system: FailingFileSystem;
  readonly #inner: File;

  constructor(system: FailingFileSystem, inner: File) {
    this.path = inner.path;
    this.#system = system;
    this.#inner = inner;
  }

  size(): number {
    return this.#system.pass({ kind: "size", path: this.path }, () => this.#inner.size());
  }

  read(target: Uint8Array, position: number): number {
    return this.#system.pass({ kind: "read", path: this.path, position, length: target.length }, (bytesMax) =>
      this.#inner.read(target.subarray(0, bytesMax), position),
    );
  }

  write(source: Uint8Array, position: number): number {
    return this.#system.pass(
      { kind: "write", path: this.path, position, length: source.length },
      (bytesMax) => this.#inner.write(source.subarray(0, bytesMax), position),
    );
  }

  truncate(bytes: number): void {
    this.#system.pass({ kind: "truncate", path: this.path, length: bytes }, () =>
      this.#inner.truncate(bytes),
    );
  }

  datasync(): Promise<void> {
    return this.#sync("datasync");
  }

  datasyncNow(): void {
    this.#system.passSyncNow(
      { kind: "datasync", path: this.path },
      () => this.#inner.datasyncNow(),
      this.#lose,
    );
  }

  sync(): Promise<void> {
    return this.#sync("sync");
  }

  close(): void {
    this.#system.passEnd({ kind: "close", path: this.path }, () => this.#inner.close());
  }

  #sync(kind: "datasync" | "sync"): Promise<void> {
    return this.#system.passSync({ kind, path: this.path }, () => this.#inner[kind](), this.#lose);
  }

  readonly #lose = (cacheAfter: CacheAfterLoss): void => {
    assert(this.#inner instanceof MemoryFile, "only a file in memory can lose what is unsynced");
    this.#inner.loseUnsynced(cacheAfter);
  };
}
