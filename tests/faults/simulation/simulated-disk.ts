import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import type { CallKind, Fault } from "../../../src/vfs/fault.ts";
import type { HeldSync } from "../../../src/vfs/held-syncs.ts";
import type { CacheAfterLoss } from "../../../src/vfs/memory-content.ts";
import type { CrashOptions, MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { ErrorCode } from "../../../src/vfs/system-error.ts";
import type { Dice } from "./dice.ts";
import { LyingFileSystem } from "./lying-file-system.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Feature, Sabotage } from "./simulation-options.ts";

/** Of one disk in one life of its machine. */
export interface DiskPlan {
  /** A sync takes from the first to the second, in microseconds. */
  readonly syncUs: readonly [number, number];
  /** One sync in so many takes a hundred times as long; 0: none. */
  readonly stallOneIn: number;
  /** The n-th sync fails, from 1; 0: none. */
  readonly failedSync: number;
  readonly failsDirectories: boolean;
  readonly cacheAfter: CacheAfterLoss;
  /** A call that fails, or takes less than it was given. */
  readonly faults: readonly Fault[];
  /** Whether something in it may stop a store for good. */
  readonly isFaulty: boolean;
}

/**
 * Draws what a disk does in a life. `mayFail`: the run is not coming to its end yet. `isFirstBoot`: there may be no
 * store yet. Then no sync of a directory fails, for what such a failure does to a first boot is known, and has a test
 * of its own (failed-first-boot.test.ts).
 */
export function drawDisk(
  dice: Dice,
  has: (feature: Feature) => boolean,
  { mayFail, isFirstBoot }: { mayFail: boolean; isFirstBoot: boolean },
): DiskPlan {
  const isSlow = has("slow disks") && dice.oneIn(3);
  const isFaulty = mayFail && has("faults") && dice.oneIn(4);
  const failsSync = isFaulty && dice.oneIn(2);
  const faults: Fault[] = [];
  if (isFaulty && !failsSync) {
    const kind = dice.pick<CallKind>([
      "write",
      "write",
      "create",
      "rename",
      "truncate",
      "unlink",
      "read",
      "openRead",
    ]);
    faults.push({ kind, at: dice.skewed(1, 40), error: dice.pick<ErrorCode>(["EIO", "ENOSPC", "EDQUOT"]) });
  }
  if (has("short writes") && dice.oneIn(3)) {
    faults.push({ kind: "write", at: dice.skewed(1, 40), bytes: dice.between(1, 40), sticky: dice.oneIn(4) });
  }
  return {
    syncUs: isSlow ? [2_000, 30_000] : [30, 400],
    stallOneIn: has("stalls") && dice.oneIn(3) ? 20 : 0,
    failedSync: failsSync ? dice.skewed(1, 60) : 0,
    failsDirectories: !isFirstBoot,
    cacheAfter: dice.pick(["new", "old", "hole"]),
    faults,
    isFaulty,
  };
}

/** A disk in memory whose syncs end when their events do: in any order, late, or not well. */
export class SimulatedDisk {
  readonly memory: MemoryFileSystem;
  readonly fileSystem: FailingFileSystem;
  readonly plan: DiskPlan;
  syncs = 0;
  /** Faults that the store has met. */
  faultsMet = 0;
  readonly #scheduler: Scheduler;
  readonly #owner: object;
  readonly #dice: Dice;
  readonly #scheduled = new WeakSet<HeldSync>();

  constructor(
    scheduler: Scheduler,
    owner: object,
    memory: MemoryFileSystem,
    plan: DiskPlan,
    dice: Dice,
    sabotage?: Sabotage,
  ) {
    this.#scheduler = scheduler;
    this.#owner = owner;
    this.memory = memory;
    this.plan = plan;
    this.#dice = dice;
    const faults = [...plan.faults];
    this.fileSystem =
      sabotage === "lost syncs" || sabotage === "early syncs"
        ? new LyingFileSystem(memory, faults, sabotage)
        : new FailingFileSystem(memory, { faults });
  }

  /** Gives every sync that was begun since the last call its end. Called after each event. */
  attend(): void {
    for (const sync of this.memory.heldSyncs) {
      if (this.#scheduled.has(sync)) continue;
      this.#scheduled.add(sync);
      this.#scheduler.add(this.#owner, sync.kind, this.#durationUs(), () => this.#end(sync));
    }
  }

  /** The machine stops, or its process does; the disk as it is found then. */
  crash(options: CrashOptions): MemoryFileSystem {
    return this.memory.crash(options);
  }

  #durationUs(): number {
    const [least, most] = this.plan.syncUs;
    const isStalled = this.plan.stallOneIn > 0 && this.#dice.oneIn(this.plan.stallOneIn);
    return this.#dice.skewed(least, most) * (isStalled ? 100 : 1);
  }

  #end(sync: HeldSync): void {
    const { failedSync, failsDirectories, cacheAfter } = this.plan;
    if (failsDirectories || sync.kind !== "syncDirectory") this.syncs++;
    else return sync.release();
    if (this.syncs !== failedSync) return sync.release();
    this.faultsMet++;
    this.#scheduler.trace.note("the sync fails", cacheAfter, sync.path);
    sync.fail(undefined, cacheAfter);
  }
}
