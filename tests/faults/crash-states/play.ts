import type { EngineOptions } from "../../../src/engine/open.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { segmentName } from "../../../src/wal/directory.ts";
import { surveyLog } from "../../../src/wal/survey.ts";
import { StoreModel } from "../../engine/store-model.ts";
import { RecordedRun, type Between, type CrashPoint, type Expectation, type Moment } from "./recorded-run.ts";

/** Something that a store lives through, and how the store came to be that does. */
export interface Workload {
  readonly name: string;
  /** What comes before. The store is closed after it, and the power goes. */
  readonly prepare?: (run: RecordedRun) => Promise<void>;
  /** Or the process was killed in `prepare`, at the last such moment. What is pending there still is. */
  readonly killedAt?: (point: CrashPoint) => boolean;
  /** What was killed left its last group torn, on the disk. */
  readonly tears?: boolean;
  /** How the store is opened for what is recorded. */
  readonly options?: Partial<EngineOptions>;
  /** The start is recorded, too, and not only what follows. */
  readonly recordsStart?: boolean;
  /** What the store does once it is open, and before anything is recorded. */
  readonly warmUp?: (run: RecordedRun) => Promise<void>;
  readonly act?: (run: RecordedRun) => Promise<void>;
}

export interface Recording<Point extends Moment = Moment> {
  readonly points: readonly Point[];
  readonly model: StoreModel;
}

/** Plays a workload: the same calls for the same seed. */
export async function play(
  workload: Workload,
  seed: number,
  between?: Between,
): Promise<Recording<CrashPoint>> {
  const { model, disk, before } = await prepare(workload, seed);
  const run = new RecordedRun(disk, model, before, seed, between);
  if (workload.recordsStart === true) run.record();
  await run.open(workload.options);
  await workload.warmUp?.(run);
  run.record();
  await workload.act?.(run);
  await run.end();
  return { points: run.points, model };
}

interface Prepared {
  readonly disk: MemoryFileSystem;
  readonly model: StoreModel;
  readonly before: Expectation;
}

async function prepare({ prepare, killedAt, tears }: Workload, seed: number): Promise<Prepared> {
  const model = new StoreModel();
  const before = { ackedSeq: 0, submittedSeq: 0 };
  if (prepare === undefined) return { disk: new MemoryFileSystem(), model, before };
  const run = new RecordedRun(new MemoryFileSystem(), model, before, seed ^ 0x5eed);
  await run.open();
  run.record();
  await prepare(run);
  if (killedAt === undefined) await run.db.engine.close();
  await run.end();
  const left = killedAt === undefined ? run.points.at(-1)! : run.points.findLast(killedAt)!;
  const disk = killedAt === undefined ? left.disk.crash({ unsynced: "lost" }) : left.disk;
  if (tears === true) tearLastGroup(disk);
  const { lastSeq } = surveyLog(disk, "/data/wal");
  model.goBackTo(lastSeq);
  return { disk, model, before: { ackedSeq: left.expectation.ackedSeq, submittedSeq: lastSeq } };
}

/** Spoils the end of the last group of a log, durably. */
export function tearLastGroup(disk: MemoryFileSystem): void {
  const { number, walk } = surveyLog(disk, "/data/wal").segments.at(-1)!;
  const file = disk.open(`/data/wal/${segmentName(number)}`);
  file.write(Buffer.from("torn"), walk.end - 4);
  file.datasyncNow();
  file.close();
}
