import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { HeldSync } from "../../../src/vfs/held-syncs.ts";
import type { SystemCall } from "../../support/trace.ts";
import { effectOf, type FileEffect } from "./file-effect.ts";

/**
 * The disk that a trace leads to, call by call. A call has its effect when it returns; until then it may have
 * had it, wholly or partly. A sync covers what had returned when it began, and is durable when it has returned.
 */
export class ReplayedDisk {
  readonly disk: MemoryFileSystem;
  readonly #root: string;
  /** Calls that have begun and not returned, without the syncs. */
  readonly #inFlight = new Map<SystemCall, FileEffect>();
  readonly #syncs = new Map<SystemCall, HeldSync>();

  /** Changes `disk`, which is what the directory `root` held before. */
  constructor(disk: MemoryFileSystem, root: string) {
    this.disk = disk;
    this.#root = root;
    disk.holdSyncs(true);
  }

  /** What a call that begins now does. */
  effect(call: SystemCall): FileEffect | undefined {
    const effect = effectOf(call, this.#root, (path) => this.now().exists(path));
    if (effect?.kind !== "sync") return effect;
    return this.disk.listAll()[effect.path] === "directory" || effect.path === "/"
      ? { kind: "syncDirectory", path: effect.path }
      : effect;
  }

  begin(call: SystemCall, effect: FileEffect): void {
    if (!isSync(effect)) {
      this.#inFlight.set(call, effect);
      return;
    }
    // A file that has lost its name by the time it is synced is nobody's loss.
    if (!this.disk.exists(effect.path)) return;
    void this.#beginSync(effect);
    this.#syncs.set(call, this.disk.heldSyncs.at(-1)!);
  }

  end(call: SystemCall): void {
    this.#syncs.get(call)?.release();
    this.#syncs.delete(call);
    const effect = this.#inFlight.get(call);
    if (effect !== undefined) apply(effect, this.disk);
    this.#inFlight.delete(call);
  }

  /** A copy of the disk as a power cut would meet it now: whatever is in flight has been done, and is pending. */
  now(): MemoryFileSystem {
    const copy = this.disk.clone();
    copy.holdSyncs(false);
    for (const effect of this.#inFlight.values()) apply(effect, copy);
    return copy;
  }

  /** At the end of a process: every disk that may be left, for the calls in flight were made or not. */
  *ends(): Generator<MemoryFileSystem> {
    const effects = [...this.#inFlight.values()];
    for (let made = 0; made < 2 ** effects.length; made++) {
      const copy = this.disk.clone();
      copy.holdSyncs(false);
      for (const [index, effect] of effects.entries()) if ((made >> index) & 1) apply(effect, copy);
      yield copy;
    }
  }

  #beginSync({ kind, path }: FileEffect): Promise<void> {
    if (kind === "syncDirectory") return this.disk.syncDirectory(path);
    const file = this.disk.open(path);
    return kind === "datasync" ? file.datasync() : file.sync();
  }
}

function isSync({ kind }: FileEffect): boolean {
  return kind === "datasync" || kind === "sync" || kind === "syncDirectory";
}

function apply(effect: FileEffect, disk: MemoryFileSystem): void {
  switch (effect.kind) {
    case "create":
      disk.create(effect.path).close();
      return;
    case "makeDirectory":
      return disk.makeDirectory(effect.path);
    case "removeDirectory":
      return disk.removeDirectory(effect.path);
    case "unlink":
      return disk.unlink(effect.path);
    case "rename":
      return disk.rename(effect.path, effect.to);
    case "link":
      return disk.link(effect.path, effect.to);
    case "write":
      disk.open(effect.path).write(effect.bytes, effect.at);
      return;
    case "empty":
      return disk.open(effect.path).truncate(0);
    case "truncate":
      return disk.open(effect.path).truncate(effect.bytes);
  }
}
