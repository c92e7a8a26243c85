import type { Random } from "../lib/random.ts";
import { type CrashChoices, RandomCrash } from "./crash-choices.ts";
import { type FileSystem, type Lock, LockHeldError } from "./file-system.ts";
import { type HeldSync, HeldSyncs } from "./held-syncs.ts";
import { MemoryContent } from "./memory-content.ts";
import { MemoryFile } from "./memory-file.ts";
import { canonicalPath, findEntry, findNode } from "./memory-path.ts";
import { MemoryDirectory, type MemoryNode, MemoryTree } from "./memory-tree.ts";
import { systemError } from "./system-error.ts";

/** How a machine stops. `kept` is SIGKILL: the process goes, the page cache stays. The others are power cuts. */
export type CrashOptions =
  | { readonly unsynced: "kept" }
  | { readonly unsynced: "lost" }
  | { readonly unsynced?: "mixed"; readonly random: Random }
  | { readonly unsynced?: "mixed"; readonly choices: CrashChoices };

export interface MemoryFileSystemOptions {
  /** Syncs wait until the test releases them, one by one. */
  readonly holdSyncs?: boolean;
}

/**
 * A file system in memory that knows what a crash may forget. The model:
 *
 * 1. Whatever is written, truncated, created, renamed or unlinked is seen by every reader at once, and is pending
 *    until it is synced.
 * 2. datasync and sync cover the writes and truncations of their file that were made before the call, and its size;
 *    nothing that was made after, and never the file's name. They are durable when the promise resolves, not earlier.
 * 3. syncDirectory covers the operations on names of its directory that were made before the call. A rename from one
 *    directory to another is durable once both were synced.
 * 4. In a power cut each 512-byte sector fares alone: it holds what it held after any number of the pending changes
 *    that touch it (none: the old bytes, or zeros), or garbage where they write: random bytes, or a stale sector of
 *    any file. Bytes that were durable and that nothing pending touches are never hurt.
 * 5. The size fares apart from the sectors: it is any that the file had since it was synced, or any on the way where
 *    it grew. So a file may be longer than what arrived of its content.
 * 6. Each operation on names survives or not, whole (a rename is one), but never without the earlier ones on the same
 *    names. A file without a name is lost, synced or not; a directory takes along all that is in it.
 * 7. After a failed sync the pages count as clean: the cache shows what was written (`new`), what the disk holds
 *    (`old`), or zeros at the new size (`hole`), no later sync brings the data back, and each of them succeeds.
 * 8. SIGKILL loses nothing and makes nothing durable: what was pending still is.
 * 9. Locks and open files are the process's: no crash leaves any.
 *
 * What becomes of all that a power cut may do (4 to 6) is asked of CrashChoices: drawn from a seed, or tried in turn.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #syncs: HeldSyncs;
  readonly #locked = new WeakSet<MemoryContent>();
  #tree = new MemoryTree();
  #freeBytes = 2 ** 40;

  constructor(options: MemoryFileSystemOptions = {}) {
    this.#syncs = new HeldSyncs(options.holdSyncs ?? false);
  }

  // --- What tests ask for ---------------------------------------------------------------------------------

  /** A new file system, as it could look after a crash now. This one goes on as if nothing had happened. */
  crash(options: CrashOptions): MemoryFileSystem {
    if (options.unsynced === "kept") return this.clone();
    if (options.unsynced === "lost") return this.#withTree(this.#tree.afterLosingAll());
    const choices = "choices" in options ? options.choices : new RandomCrash(options.random);
    return this.#withTree(this.#tree.afterPowerCut(choices));
  }

  /** The same file system once more, what is pending included, without open files, locks and syncs under way. */
  clone(): MemoryFileSystem {
    return this.#withTree(this.#tree.copy());
  }

  /** Every path but the root's, sorted, with its size in bytes, or "directory". */
  listAll(): Record<string, number | "directory"> {
    const all: [path: string, size: number | "directory"][] = [];
    const visit = (path: string, node: MemoryNode) => {
      all.push([path, node instanceof MemoryDirectory ? "directory" : node.size]);
      if (node instanceof MemoryDirectory) visitChildren(path, node);
    };
    const visitChildren = (path: string, directory: MemoryDirectory) => {
      for (const [name, child] of directory.cache) visit(`${path}/${name}`, child);
    };
    visitChildren("", this.#tree.root);
    return Object.fromEntries(all.sort(([left], [right]) => (left < right ? -1 : 1)));
  }

  /** 64 bits that are the same for disks which no reader can tell apart: of all paths, sizes and bytes. */
  hash(): bigint {
    let sum = 0n;
    const visit = (directory: MemoryDirectory, prefix: string) => {
      for (const [name, node] of directory.cache) {
        const path = `${prefix}/${name}`;
        const isDirectory = node instanceof MemoryDirectory;
        sum += BigInt(Bun.hash(path, isDirectory ? 0n : node.hash()));
        if (isDirectory) visit(node, path);
      }
    };
    visit(this.#tree.root, "");
    return BigInt.asUintN(64, sum);
  }

  /** Whether syncs that begin from now on wait for their release. Those already held stay so. */
  holdSyncs(hold: boolean): void {
    this.#syncs.holding = hold;
  }

  /** The syncs that wait, oldest first. Each may be released, or failed, in any order. */
  get heldSyncs(): readonly HeldSync[] {
    return this.#syncs.held;
  }

  /** Resolves with the oldest held sync, as soon as there is one. */
  nextHeldSync(): Promise<HeldSync> {
    return this.#syncs.next();
  }

  /** What freeBytes answers from now on; writing does not lessen it. */
  setFreeBytes(bytes: number): void {
    this.#freeBytes = bytes;
  }

  /** A sync of this directory has failed (sentence 7). For files the open file has the same. */
  loseUnsynced(path: string): void {
    this.#tree.loseUnsynced(this.#directory(path, "fsync"));
  }

  // --- What every file system does ------------------------------------------------------------------------

  create(path: string): MemoryFile {
    const [directory, name] = findEntry(this.#tree.root, path, "open");
    if (directory.cache.has(name)) throw systemError("EEXIST", "open", path);
    return new MemoryFile(path, this.#createContent(directory, name), true, this.#syncs);
  }

  open(path: string): MemoryFile {
    return new MemoryFile(path, this.#content(path, "open"), true, this.#syncs);
  }

  openRead(path: string): MemoryFile {
    return new MemoryFile(path, this.#content(path, "open"), false, this.#syncs);
  }

  list(path: string): string[] {
    return [...this.#directory(path, "scandir").cache.keys()];
  }

  exists(path: string): boolean {
    return findNode(this.#tree.root, path, "stat") !== undefined;
  }

  makeDirectory(path: string): void {
    const existing = findNode(this.#tree.root, path, "mkdir");
    if (existing instanceof MemoryDirectory) return;
    if (existing !== undefined) throw systemError("EEXIST", "mkdir", path);
    const [directory, name] = findEntry(this.#tree.root, path, "mkdir");
    this.#tree.apply([{ directory, name, node: new MemoryDirectory() }]);
  }

  rename(from: string, to: string): void {
    const [fromDirectory, fromName] = findEntry(this.#tree.root, from, "rename");
    const [toDirectory, toName] = findEntry(this.#tree.root, to, "rename");
    const node = fromDirectory.cache.get(fromName);
    const replaced = toDirectory.cache.get(toName);
    if (node === undefined) throw systemError("ENOENT", "rename", from, to);
    if (node === replaced) return;
    if (node instanceof MemoryDirectory) {
      const isInside = canonicalPath(to).startsWith(`${canonicalPath(from)}/`);
      if (isInside) throw systemError("EINVAL", "rename", from, to);
      if (replaced instanceof MemoryContent) throw systemError("ENOTDIR", "rename", from, to);
      if (replaced !== undefined && replaced.cache.size > 0)
        throw systemError("ENOTEMPTY", "rename", from, to);
    } else if (replaced instanceof MemoryDirectory) {
      throw systemError("EISDIR", "rename", from, to);
    }
    this.#tree.apply([
      { directory: fromDirectory, name: fromName, node: undefined },
      { directory: toDirectory, name: toName, node },
    ]);
  }

  link(existing: string, name: string): void {
    const node = this.#content(existing, "link");
    const [directory, entry] = findEntry(this.#tree.root, name, "link");
    if (directory.cache.has(entry)) throw systemError("EEXIST", "link", existing, name);
    this.#tree.apply([{ directory, name: entry, node }]);
  }

  unlink(path: string): void {
    this.#content(path, "unlink");
    const [directory, name] = findEntry(this.#tree.root, path, "unlink");
    this.#tree.apply([{ directory, name, node: undefined }]);
  }

  removeDirectory(path: string): void {
    if (this.#directory(path, "rmdir").cache.size > 0) throw systemError("ENOTEMPTY", "rmdir", path);
    const [directory, name] = findEntry(this.#tree.root, path, "rmdir");
    this.#tree.apply([{ directory, name, node: undefined }]);
  }

  async syncDirectory(path: string): Promise<void> {
    const directory = this.#directory(path, "open");
    return this.#syncs.begin("syncDirectory", path, {
      settle: this.#tree.beginSync(directory),
      lose: () => this.#tree.loseUnsynced(directory),
    });
  }

  freeBytes(path: string): number {
    this.#existing(path, "statfs");
    return this.#freeBytes;
  }

  realPath(path: string): string {
    this.#existing(path, "realpath");
    return canonicalPath(path);
  }

  lock(path: string): Lock {
    const [directory, name] = findEntry(this.#tree.root, path, "open");
    if (!directory.cache.has(name)) this.#createContent(directory, name);
    return this.lockToRead(path);
  }

  lockToRead(path: string): Lock {
    const content = this.#content(path, "open");
    if (this.#locked.has(content)) throw new LockHeldError(path, process.pid);
    this.#locked.add(content);
    let released = false;
    return {
      isInPlace: () => !released && this.exists(path) && this.#content(path, "stat") === content,
      release: () => {
        if (!released) this.#locked.delete(content);
        released = true;
      },
    };
  }

  #withTree(tree: MemoryTree): MemoryFileSystem {
    const other = new MemoryFileSystem({ holdSyncs: this.#syncs.holding });
    other.#tree = tree;
    other.#freeBytes = this.#freeBytes;
    return other;
  }

  #createContent(directory: MemoryDirectory, name: string): MemoryContent {
    const content = new MemoryContent();
    this.#tree.apply([{ directory, name, node: content }]);
    return content;
  }

  #existing(path: string, syscall: string): MemoryNode {
    const node = findNode(this.#tree.root, path, syscall);
    if (node === undefined) throw systemError("ENOENT", syscall, path);
    return node;
  }

  #content(path: string, syscall: string): MemoryContent {
    const node = this.#existing(path, syscall);
    if (node instanceof MemoryDirectory) throw systemError("EISDIR", syscall, path);
    return node;
  }

  #directory(path: string, syscall: string): MemoryDirectory {
    const node = this.#existing(path, syscall);
    if (!(node instanceof MemoryDirectory)) throw systemError("ENOTDIR", syscall, path);
    return node;
  }
}
