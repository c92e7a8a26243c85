import { assert } from "../lib/assert.ts";
import type { CrashChoices } from "./crash-choices.ts";
import { MemoryContent } from "./memory-content.ts";

export type MemoryNode = MemoryDirectory | MemoryContent;

/** The names in one directory, twice: as every reader sees them (cache) and as a power cut leaves them (disk). */
export class MemoryDirectory {
  readonly cache: Map<string, MemoryNode>;
  readonly disk: Map<string, MemoryNode>;

  constructor(cache = new Map<string, MemoryNode>(), disk = new Map<string, MemoryNode>()) {
    this.cache = cache;
    this.disk = disk;
  }
}

/** A name gets a node, or none. */
export interface EntryChange {
  readonly directory: MemoryDirectory;
  readonly name: string;
  readonly node: MemoryNode | undefined;
}

/** One creation, rename or unlink: all of its changes survive a power cut, or none. */
interface Operation {
  readonly number: number;
  readonly changes: readonly EntryChange[];
  /** The directories that must still be synced before it is durable. */
  readonly unsynced: Set<MemoryDirectory>;
}

/**
 * The directories of a file system, and the operations on them that are not durable yet, in order.
 *
 * Invariant: an operation never survives without the earlier ones on the same names, so what survives of the
 * history of one name is always a beginning of it.
 */
export class MemoryTree {
  readonly root: MemoryDirectory;
  /** The files named last, though they may be unlinked by now: what a new block of a disk may have held before. */
  recent: readonly MemoryContent[] = [];
  #pending: Operation[] = [];
  #operationCount = 0;

  constructor(root = new MemoryDirectory()) {
    this.root = root;
  }

  apply(changes: readonly EntryChange[]): void {
    assert(changes.length > 0, "an operation changes something");
    for (const { directory, name, node } of changes) {
      if (node === undefined) directory.cache.delete(name);
      else directory.cache.set(name, node);
      if (node instanceof MemoryContent && !this.recent.includes(node)) {
        this.recent = [...this.recent.slice(1 - recentMax), node];
      }
    }
    const unsynced = new Set(changes.map((change) => change.directory));
    this.#pending.push({ number: this.#operationCount++, changes, unsynced });
  }

  /** Captures what a sync of the directory covers that begins now; the answer ends it. */
  beginSync(directory: MemoryDirectory): () => boolean {
    const captured = this.#operationCount;
    return () => {
      for (const operation of this.#pending) {
        if (operation.number < captured) operation.unsynced.delete(directory);
      }
      this.#settle();
      return true;
    };
  }

  /** A sync of the directory has failed: no later one makes durable what is pending there. */
  loseUnsynced(directory: MemoryDirectory): void {
    for (const operation of this.#pending) {
      if (operation.unsynced.has(directory)) operation.unsynced.add(neverSynced);
    }
  }

  /** The same tree for another file system, what is pending included. */
  copy(): MemoryTree {
    const copies = new NodeCopies(
      (content) => content.copy(),
      (directory) => directory,
    );
    const tree = new MemoryTree(copies.directory(this.root));
    tree.recent = this.recent.map((content) => copies.content(content));
    tree.#operationCount = this.#operationCount;
    tree.#pending = this.#pending.map(({ number, changes, unsynced }) => ({
      number,
      changes: changes.map(({ directory, name, node }) => ({
        directory: copies.directory(directory),
        name,
        node: node && copies.node(node),
      })),
      unsynced: new Set([...unsynced].map((directory) => copies.directory(directory))),
    }));
    return tree;
  }

  /** What is left if the power goes before anything pending was written. */
  afterLosingAll(): MemoryTree {
    return this.#afterPowerCut([], (content) => content.afterLosingAll());
  }

  /** What may be left if the power goes now. */
  afterPowerCut(choices: CrashChoices): MemoryTree {
    const survives = choices.names();
    const dropped = new TouchedNames();
    const surviving: Operation[] = [];
    for (const operation of this.#pending) {
      if (!dropped.hasAny(operation.changes) && survives()) surviving.push(operation);
      else dropped.add(operation.changes);
    }
    return this.#afterPowerCut(surviving, (content) => content.afterPowerCut(choices, this.recent));
  }

  #afterPowerCut(
    surviving: Operation[],
    contentAfter: (content: MemoryContent) => MemoryContent,
  ): MemoryTree {
    const entries = new Map<MemoryDirectory, Map<string, MemoryNode>>();
    const entriesOf = (directory: MemoryDirectory) => {
      let found = entries.get(directory);
      if (found === undefined) entries.set(directory, (found = new Map(directory.disk)));
      return found;
    };
    for (const { changes } of surviving) {
      for (const { directory, name, node } of changes) {
        if (node === undefined) entriesOf(directory).delete(name);
        else entriesOf(directory).set(name, node);
      }
    }
    const copies = new NodeCopies(contentAfter, (directory) => {
      const left = entriesOf(directory);
      return { cache: left, disk: left };
    });
    const tree = new MemoryTree(copies.directory(this.root));
    tree.recent = this.recent.map((content) => copies.known(content) ?? content.afterForgetting());
    return tree;
  }

  /** Makes durable what has all its directories synced, and what that could not have happened without. */
  #settle(): void {
    const needed = new TouchedNames();
    const durable = new Set<Operation>();
    for (const operation of this.#pending.toReversed()) {
      if (operation.unsynced.size > 0 && !needed.hasAny(operation.changes)) continue;
      needed.add(operation.changes);
      durable.add(operation);
    }
    for (const { changes } of this.#pending.filter((operation) => durable.has(operation))) {
      for (const { directory, name, node } of changes) {
        if (node === undefined) directory.disk.delete(name);
        else directory.disk.set(name, node);
      }
    }
    this.#pending = this.#pending.filter((operation) => !durable.has(operation));
  }
}

/** Stands for the sync that will never come. */
const neverSynced = new MemoryDirectory();

const recentMax = 8;

class TouchedNames {
  readonly #names = new Map<MemoryDirectory, Set<string>>();

  add(changes: readonly EntryChange[]): void {
    for (const { directory, name } of changes) {
      const names = this.#names.get(directory);
      if (names === undefined) this.#names.set(directory, new Set([name]));
      else names.add(name);
    }
  }

  hasAny(changes: readonly EntryChange[]): boolean {
    return changes.some(({ directory, name }) => this.#names.get(directory)?.has(name) === true);
  }
}

type Entries = Pick<MemoryDirectory, "cache" | "disk">;

/** Copies nodes for another tree, each once however often it is named. */
class NodeCopies {
  readonly #copies = new Map<MemoryNode, MemoryNode>();
  readonly #copyContent: (content: MemoryContent) => MemoryContent;
  readonly #entries: (directory: MemoryDirectory) => Entries;

  constructor(
    copyContent: (content: MemoryContent) => MemoryContent,
    entries: (directory: MemoryDirectory) => Entries,
  ) {
    this.#copyContent = copyContent;
    this.#entries = entries;
  }

  node(node: MemoryNode): MemoryNode {
    return node instanceof MemoryDirectory ? this.directory(node) : this.content(node);
  }

  directory(directory: MemoryDirectory): MemoryDirectory {
    const known = this.#copies.get(directory);
    if (known instanceof MemoryDirectory) return known;
    const copy = new MemoryDirectory();
    this.#copies.set(directory, copy);
    const { cache, disk } = this.#entries(directory);
    for (const [name, node] of cache) copy.cache.set(name, this.node(node));
    for (const [name, node] of disk) copy.disk.set(name, this.node(node));
    return copy;
  }

  known(content: MemoryContent): MemoryContent | undefined {
    const known = this.#copies.get(content);
    return known instanceof MemoryContent ? known : undefined;
  }

  content(content: MemoryContent): MemoryContent {
    const known = this.known(content);
    if (known !== undefined) return known;
    const copy = this.#copyContent(content);
    this.#copies.set(content, copy);
    return copy;
  }
}
