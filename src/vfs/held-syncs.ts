import { assert } from "../lib/assert.ts";
import type { CacheAfterLoss } from "./memory-content.ts";
import { systemError } from "./system-error.ts";

export type SyncKind = "datasync" | "sync" | "syncDirectory";

/** A sync that was begun and whose end the test decides. Nothing that it covers is durable before. */
export interface HeldSync {
  readonly kind: SyncKind;
  readonly path: string;
  release(): void;
  /** Rejects the promise, with EIO if nothing else is given; see sentence 7 of memory.ts. */
  fail(error?: Error, cacheAfter?: CacheAfterLoss): void;
}

/** What the end of a sync does to what it covers. */
export interface SyncTarget {
  /** Makes durable what the sync captured as it began; false if that was lost meanwhile. */
  settle(): boolean;
  lose(cacheAfter: CacheAfterLoss): void;
}

/** The syncs of a MemoryFileSystem that were begun, and where they wait if they are to be held. */
export class HeldSyncs {
  holding: boolean;
  readonly held: HeldSync[] = [];
  #waiting: ((sync: HeldSync) => void)[] = [];

  constructor(holding: boolean) {
    this.holding = holding;
  }

  begin(kind: SyncKind, path: string, target: SyncTarget): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = () => {
      if (target.settle()) resolve();
      else reject(systemError("EIO", kind === "datasync" ? "fdatasync" : "fsync"));
    };
    // Like a disk's answer it comes in a later turn of the event loop, never in the one that asked.
    if (!this.holding) setImmediate(end);
    else this.#hold(kind, path, target, end, reject);
    return promise;
  }

  next(): Promise<HeldSync> {
    const first = this.held[0];
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #hold(
    kind: SyncKind,
    path: string,
    target: SyncTarget,
    end: () => void,
    reject: (error: Error) => void,
  ): void {
    const remove = () => {
      const index = this.held.indexOf(sync);
      assert(index >= 0, "a held sync ends once");
      this.held.splice(index, 1);
    };
    const sync: HeldSync = {
      kind,
      path,
      release() {
        remove();
        end();
      },
      fail(error = systemError("EIO", kind === "datasync" ? "fdatasync" : "fsync"), cacheAfter = "new") {
        remove();
        target.lose(cacheAfter);
        reject(error);
      },
    };
    this.held.push(sync);
    for (const resolve of this.#waiting.splice(0)) resolve(sync);
  }
}
