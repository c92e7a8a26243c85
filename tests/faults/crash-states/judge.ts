import { InlineRunner } from "../../../src/compaction/inline-runner.ts";
import type { JobRunner } from "../../../src/compaction/job-runner.ts";
import type { EngineOptions } from "../../../src/engine/open.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { checkStore } from "../../../src/offline/check-store.ts";
import type { StoreReport } from "../../../src/offline/store-report.ts";
import { encodeHolder } from "../../../src/vfs/lock-holder.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { EngineDriver } from "../../engine/engine-driver.ts";
import type { StoreModel } from "../../engine/store-model.ts";
import { assertIntact } from "../../support/intact-store.ts";
import { openTiny } from "../../support/store-crash-points.ts";
import { TurnClock } from "../../support/turn-clock.ts";
import type { Expectation } from "./recorded-run.ts";

/** What was found on a disk that a crash left. */
export interface Recovered {
  /** Everything up to this seq was found, and nothing above it. */
  readonly lastSeq: number;
  /** The same of the backup, if there is one. */
  readonly copySeq: number | undefined;
}

export interface Judging {
  /** What second power cuts left that was found right, of the same model: most recoveries end alike. */
  readonly known?: Set<bigint>;
  /** Everything is merged after the recovery, and the store closed and checked. */
  readonly goesOn: boolean;
  /**
   * Writes beyond it were lost by an earlier power cut. The start after that may have given the next number to the
   * CHECKPOINT of a segment that it began.
   */
  readonly writesSeqMax?: number;
  /** How the store is opened, if not as a tiny one. */
  readonly open?: Partial<EngineOptions> | undefined;
  /** The disk is a real one's, on which whoever takes the lock writes into its file who it is. */
  readonly namesHolder?: boolean | undefined;
}

/**
 * Recovers a disk as a start does, and throws unless what is found is a beginning of what was submitted, batches
 * whole, each entry with the version that it got; unless the store goes on to take writes, with higher versions; and
 * unless all that it showed or acknowledged outlives a second power cut. Changes the disk.
 */
export async function recover(
  disk: MemoryFileSystem,
  model: StoreModel,
  { known, goesOn, writesSeqMax = Infinity, open = {}, namesHolder = false }: Judging,
): Promise<Recovered> {
  const lastSeq = checked(disk, "/data")?.lastSeq ?? 0;
  const expected = entriesAt(model, Math.min(lastSeq, writesSeqMax));
  const runner = new InlineRunner(disk, new TurnClock());
  const db = await openAgain(disk, runner, open);
  if (namesHolder) nameHolder(disk);
  const { currentSeq } = db.engine;
  // A start may have begun a segment, whose first record is its own.
  if (currentSeq !== lastSeq && currentSeq !== lastSeq + 1) {
    throw new Error(`The log ends with seq ${lastSeq}, but the store goes on after ${currentSeq}`);
  }
  assertEntries(db, expected, "what was recovered");
  const version = await db.putDurably("after", "the crash");
  if (version <= lastSeq) throw new Error(`Version ${version} was given after ${lastSeq} was recovered`);
  if (goesOn) {
    await db.compact();
    await db.engine.close();
    assertIntact("/data", "stopped", disk);
  }
  // What it may still do in the background is of no interest, and most of the work.
  void runner.close();
  const left = disk.crash({ unsynced: "lost" });
  const hash = hashWithoutTails(left) ^ BigInt(version);
  if (known?.has(hash) !== true) {
    const again = await openAgain(left, closedRunner(left), open);
    const withAfter: Entry[] = [["after", "the crash", version], ...expected];
    assertEntries(again, withAfter, "what was left by a second power cut");
    known?.add(hash);
  }
  const copySeq = await recoverCopy(disk, model, open);
  return { lastSeq, copySeq };
}

/** Throws unless what was found is what the moment of the crash asks for. */
export function assertKept(
  { lastSeq, copySeq }: Recovered,
  expectation: Expectation,
  wasKilled: boolean,
): void {
  const { submittedSeq, copySeqMin = 0, copyIsDue = false } = expectation;
  const ackedSeq = wasKilled ? (expectation.killedSeq ?? expectation.ackedSeq) : expectation.ackedSeq;
  if (lastSeq < ackedSeq || lastSeq > submittedSeq) {
    throw new Error(
      `Up to seq ${ackedSeq} was acknowledged or shown, up to ${submittedSeq} submitted, up to ${lastSeq} recovered`,
    );
  }
  if (copyIsDue && copySeq === undefined) throw new Error("A backup that was reported as made is gone");
  if (copySeq !== undefined && (copySeq < copySeqMin || copySeq > submittedSeq)) {
    throw new Error(
      `A backup ends with seq ${copySeq}; what it was made of was acknowledged up to ${copySeqMin}`,
    );
  }
}

/** Nothing reads the tails that starts have put aside, and of each garbage there is another one. */
function hashWithoutTails(disk: MemoryFileSystem): bigint {
  const copy = disk.clone();
  for (const path of Object.keys(copy.listAll())) if (path.endsWith(".torn")) copy.unlink(path);
  return copy.hash();
}

type Entry = [key: string, value: string | undefined, version: number];

function entriesAt(model: StoreModel, seq: number): Entry[] {
  return model.scan({}, seq).map(([key, value]) => [key, value, model.get(key, seq)!.version]);
}

function assertEntries(db: EngineDriver, expected: readonly Entry[], what: string): void {
  const { entries = [], refusal } = db.scan();
  if (refusal !== undefined) throw refusal;
  const isEqual =
    entries.length === expected.length &&
    entries.every(([key, value, version], index) => {
      const [expectedKey, expectedValue, expectedVersion] = expected[index]!;
      return key === expectedKey && value === expectedValue && version === expectedVersion;
    });
  if (!isEqual) throw new Error(`${what}: ${JSON.stringify(entries)} instead of ${JSON.stringify(expected)}`);
  for (const [key, value, version] of expected) {
    const found = db.get(key);
    if (found.value === value && found.version === version) continue;
    throw new Error(`${what}: a get of ${key} finds ${JSON.stringify(found)}, and a scan does not`);
  }
}

/** The lock of a disk in memory does not do it, and what a crash left there would stay. */
function nameHolder(disk: MemoryFileSystem): void {
  const file = disk.open("/data/wal/LOCK");
  file.truncate(0);
  file.write(encodeHolder(process.pid), 0);
  file.close();
}

/** A backup has its name only once it is whole: whatever crash came, it opens, and holds one moment. */
async function recoverCopy(
  disk: MemoryFileSystem,
  model: StoreModel,
  open: Partial<EngineOptions>,
): Promise<number | undefined> {
  if (!disk.exists("/copy")) return undefined;
  const report = checkStore(disk, "/copy");
  assertWhole(report, () => true);
  const db = await openAgain(disk, closedRunner(disk), { ...open, directory: "/copy" });
  assertEntries(db, entriesAt(model, report.lastSeq), "what the backup holds");
  return report.lastSeq;
}

function checked(disk: MemoryFileSystem, directory: string): StoreReport | undefined {
  let report: StoreReport;
  try {
    report = checkStore(disk, directory);
  } catch (error) {
    if ((error as { code?: string }).code === "NO_STORE") return undefined;
    throw error;
  }
  assertWhole(report, (kind) => kind === "corrupt");
  return report;
}

function assertWhole({ findings }: StoreReport, counts: (kind: string) => boolean): void {
  const finding = findings.find(({ kind }) => counts(kind));
  if (finding === undefined) return;
  throw new Error(`The check finds ${finding.kind}: ${finding.file}:${finding.offset}: ${finding.problem}`);
}

/** The same seed for each: equal disks recover equally. */
function openAgain(
  fileSystem: MemoryFileSystem,
  runner: JobRunner,
  options: Partial<EngineOptions>,
): Promise<EngineDriver> {
  const random = seededRandom(1);
  return openTiny(fileSystem, { clock: new TurnClock(), random, runner, sealDelayMs: 60_000, ...options });
}

function closedRunner(disk: MemoryFileSystem): JobRunner {
  const runner = new InlineRunner(disk, new TurnClock());
  void runner.close();
  return runner;
}
