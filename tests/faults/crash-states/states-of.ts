import { seededRandom, type Random } from "../../../src/lib/random.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { EnumeratedCrash, type Base } from "./enumerated-crash.ts";
import { Odometer } from "./odometer.ts";

/** A disk that a crash may leave. */
export interface CrashState {
  readonly disk: MemoryFileSystem;
  /** The same for states which no reader can tell apart. */
  readonly hash: bigint;
  /** How it came about, for people. */
  readonly way: string;
}

/** How much of what a crash may leave at one moment was visited. */
export type Reach =
  /** All of it. */
  | "all"
  /** All with at most two choices that differ from all kept, or from all lost; and random ones. */
  | "two deviations"
  /** So many that the bound came before even those. */
  | "bound";

/**
 * The disks that a crash may leave at the moment in which `disk` is, each once: the process killed, and every power cut,
 * or `statesMax` of them at the most. Returns how far that went.
 */
export function* statesOf(
  disk: MemoryFileSystem,
  statesMax: number,
  random: Random,
): Generator<CrashState, Reach> {
  const seen = new Set<bigint>();
  const fresh = (left: MemoryFileSystem, way: string): CrashState[] => {
    const hash = left.hash();
    if (seen.has(hash)) return [];
    seen.add(hash);
    return [{ disk: left, hash, way }];
  };
  const walked = function* (base: Base, deviationsMax: number, upTo: number): Generator<CrashState, boolean> {
    const odometer = new Odometer(deviationsMax);
    do {
      if (seen.size >= upTo) return false;
      const left = disk.crash({ choices: new EnumeratedCrash(base, (count) => odometer.choose(count)) });
      yield* fresh(left, "power cut");
    } while (odometer.next());
    return true;
  };

  yield killed(disk);
  if (isWithin(disk, statesMax)) {
    yield* walked("kept", Infinity, statesMax);
    return "all";
  }
  let reach: Reach = "two deviations";
  for (const [base, deviationsMax] of [
    ["kept", 1],
    ["lost", 1],
    ["kept", 2],
    ["lost", 2],
  ] as const) {
    if (!(yield* walked(base, deviationsMax, statesMax * shareOfNear))) reach = "bound";
  }
  // What was drawn may have been seen before, so that more are drawn than are missing.
  for (let draws = statesMax; draws > 0 && seen.size < statesMax; draws--) {
    const seed = random.uint32();
    yield* fresh(disk.crash({ random: seededRandom(seed) }), `power cut with seed ${seed}`);
  }
  return reach;
}

/** The rest is for what is drawn, however many there are near to all kept and to all lost. */
const shareOfNear = 0.75;

/**
 * The page cache stays, so that there is more to such a disk than a reader sees: what is pending. It differs from all
 * that power cuts leave.
 */
function killed(disk: MemoryFileSystem): CrashState {
  const hash = disk.hash() * 3n + disk.crash({ unsynced: "lost" }).hash();
  return { disk: disk.crash({ unsynced: "kept" }), hash: BigInt.asUintN(64, hash), way: "killed" };
}

/** Whether there are no more sequences of choices than that. */
function isWithin(disk: MemoryFileSystem, sequencesMax: number): boolean {
  const odometer = new Odometer();
  let product = 1;
  const count = (choices: number) => {
    product *= choices;
    return odometer.choose(choices);
  };
  disk.crash({ choices: new EnumeratedCrash("kept", count) });
  // Where everything is kept, nearly everything is asked for: the tree is hardly ever larger than that.
  if (product > 4 * sequencesMax) return false;
  let sequences = 1;
  while (odometer.next()) {
    if (++sequences > sequencesMax) return false;
    disk.crash({ choices: new EnumeratedCrash("kept", (choices) => odometer.choose(choices)) });
  }
  return true;
}
