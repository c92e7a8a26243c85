import type { EngineOptions } from "../../../src/engine/open.ts";
import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { StoreModel } from "../../engine/store-model.ts";
import { differenceOf } from "./disk-difference.ts";
import { assertKept, recover, type Recovered } from "./judge.ts";
import { play, type Recording, type Workload } from "./play.ts";
import { RecordedRun, type Between, type Moment } from "./recorded-run.ts";
import { statesOf, type CrashState, type Reach } from "./states-of.ts";

/** How far one recording is visited. */
export interface Bounds {
  readonly seed: number;
  /** At one moment at the most. */
  readonly statesMax: number;
  /** Of so many recovered disks the recovery is recorded as well, and crashed everywhere. */
  readonly deepRecoveries: number;
  /** The same within a recovery. */
  readonly deepStatesMax: number;
  /** Hashes of all that was visited, by whomever. */
  readonly distinct?: Set<bigint>;
}

export interface EnumerateOptions extends Bounds {
  readonly between?: Between;
}

/** What a recording was made of, for whoever recovers what it left. */
export interface EnumerationOptions extends Bounds {
  /** How stores are opened; otherwise tiny. */
  readonly open?: Partial<EngineOptions>;
  /** See Judging. */
  readonly namesHolder?: boolean;
  /** The command that plays the recording once more, without its bounds. */
  readonly repeat: string;
  /** Is told of each disk whose recovery is crashed as well, as the crash left it. */
  readonly onSample?: (sample: Sample) => void;
}

/** A disk that was recovered, and what was found there. */
export interface Sample {
  readonly disk: MemoryFileSystem;
  readonly story: string;
  readonly recovered: Recovered;
}

export interface Tally {
  /** Moments at which the machine stopped, and how far what it could leave was visited. */
  readonly points: Record<Reach, number>;
  /** Of those, moments within a recovery. */
  deepPoints: number;
  /** Pairs of a disk and what had to be on it. */
  judged: number;
  /** Disks that were recovered: equal ones once. */
  recovered: number;
}

export function emptyTally(): Tally {
  return { points: { all: 0, "two deviations": 0, bound: 0 }, deepPoints: 0, judged: 0, recovered: 0 };
}

export function addTally(sum: Tally, { points, deepPoints, judged, recovered }: Tally): void {
  for (const [reach, count] of Object.entries(points)) sum.points[reach as Reach] += count;
  sum.deepPoints += deepPoints;
  sum.judged += judged;
  sum.recovered += recovered;
}

export function pointsOf({ points }: Tally): number {
  return points.all + points["two deviations"] + points.bound;
}

/** A crash left something that it must not leave. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/**
 * Plays a workload, stops the machine before every call that changes or syncs something, and recovers and judges every
 * disk that this may leave. Throws a Violation for the first that is not as it must be.
 */
export async function enumerate(workload: Workload, options: EnumerateOptions): Promise<Tally> {
  const recording = await play(workload, options.seed, options.between);
  const repeat = `bun tests/faults/crash-states/long.ts --only "${workload.name}" --seed ${options.seed}`;
  return enumerateRecording(workload.name, recording, { ...options, repeat });
}

/** The same for what was recorded, of whatever. */
export async function enumerateRecording(
  name: string,
  { points, model }: Recording,
  options: EnumerationOptions,
): Promise<Tally> {
  const enumeration = new Enumeration(name, model, options);
  for (const point of points) await enumeration.visit(point);
  await enumeration.visitRecoveries();
  return enumeration.tally;
}

class Enumeration {
  readonly tally = emptyTally();
  readonly #name: string;
  readonly #model: StoreModel;
  readonly #options: EnumerationOptions;
  readonly #random: Random;
  /** What a disk recovers to follows from its bytes alone, so each is recovered once. */
  readonly #recovered = new Map<bigint, Recovered>();
  /** See Judging. */
  readonly #known = new Set<bigint>();
  /** Drawn from all that was recovered, each as likely as any other. */
  readonly #samples: (Pick<CrashState, "way" | "disk" | "hash"> & { readonly point: Moment })[] = [];
  /** Of the disk whose recovery is crashed in now. */
  #writesSeqMax = Infinity;

  constructor(name: string, model: StoreModel, options: EnumerationOptions) {
    this.#name = name;
    this.#model = model;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async visit(point: Moment, depth = 1): Promise<void> {
    const { statesMax, deepStatesMax } = this.#options;
    const states = statesOf(point.disk, depth === 1 ? statesMax : deepStatesMax, this.#random);
    for (let next = states.next(); ; next = states.next()) {
      if (next.done === true) {
        this.tally.points[next.value]++;
        return;
      }
      await this.#judge(point, next.value, depth);
    }
  }

  /** Records the recovery of some of the disks, and stops the machine there, too. */
  async visitRecoveries(): Promise<void> {
    for (const { point, way, disk, hash } of this.#samples) {
      const recovered = this.#recovered.get(hash)!;
      this.#writesSeqMax = recovered.lastSeq;
      this.#options.onSample?.({ disk: disk.clone(), story: `${point.story}, ${way}`, recovered });
      const { ackedSeq, submittedSeq, copySeqMin, copyIsDue } = point.expectation;
      const before = { ackedSeq, submittedSeq };
      const run = new RecordedRun(disk, new StoreModel(), before, this.#options.seed);
      if (copySeqMin !== undefined) run.copy = { copySeqMin, copyIsDue: copyIsDue === true };
      run.record();
      await run.open(this.#options.open);
      await run.end();
      for (const deep of run.points) {
        await this.visit({ ...deep, story: `${point.story}, ${way}; and in its recovery ${deep.story}` }, 2);
        this.tally.deepPoints++;
      }
    }
  }

  async #judge(point: Moment, state: CrashState, depth: number): Promise<void> {
    const known = this.#recovered.get(state.hash);
    // Recovering changes the disk, and a violation shows it as it was.
    const left = known === undefined ? state.disk.clone() : state.disk;
    try {
      const recovered = known ?? (await this.#recover(point, state, depth));
      assertKept(recovered, point.expectation, state.way === "killed");
      this.tally.judged++;
    } catch (error) {
      throw this.#violation(point, state.way, left, error as Error);
    }
  }

  async #recover(point: Moment, state: CrashState, depth: number): Promise<Recovered> {
    if (depth === 1) this.#sample(point, state);
    const goesOn = this.tally.recovered++ % recoveriesPerMerge === 0;
    const { open, namesHolder } = this.#options;
    const judging = { goesOn, known: this.#known, writesSeqMax: this.#writesSeqMax, open, namesHolder };
    const recovered = await inTime(recover(state.disk, this.#model, judging));
    this.#recovered.set(state.hash, recovered);
    this.#options.distinct?.add(state.hash);
    return recovered;
  }

  #sample(point: Moment, { disk, way, hash }: CrashState): void {
    const { deepRecoveries } = this.#options;
    const place = randomBelow(this.#random, this.tally.recovered + 1);
    if (this.#samples.length < deepRecoveries) this.#samples.push({ point, way, hash, disk: disk.clone() });
    else if (place < deepRecoveries) this.#samples[place] = { point, way, hash, disk: disk.clone() };
  }

  #violation({ disk, story }: Moment, way: string, left: MemoryFileSystem, cause: Error): Violation {
    const { repeat, statesMax, deepRecoveries, deepStatesMax } = this.#options;
    const bounds = `--states ${statesMax} --recoveries ${deepRecoveries} --recovery-states ${deepStatesMax}`;
    const lines = [
      `${this.#name}: crash ${story}, ${way}: ${cause.message}`,
      ...differenceOf(disk, left).map((line) => `  left: ${line}`),
      `Repeat it with: ${repeat} ${bounds}`,
    ];
    return new Violation(lines.join("\n"), { cause });
  }
}

/** After each of so many recoveries everything is merged, and the store closed and checked once more. */
const recoveriesPerMerge = 32;

/** A store that never answers is as bad as one that has lost something, and must not look like a slow test. */
async function inTime<T>(recovering: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("The recovery hangs")), recoveryMsMax);
  try {
    return await Promise.race([recovering, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** It takes one or two, on a machine that has other things to do a hundred. */
const recoveryMsMax = 20_000;
