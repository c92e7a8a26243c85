import { randomBelow } from "../../../src/lib/random.ts";
import { reachNoteMs } from "../../../src/lib/limits.ts";
import { manifestName } from "../../../src/manifest/directory.ts";
import { readManifest } from "../../../src/manifest/read-manifest.ts";
import { copyStore } from "../../../src/offline/copy-store.ts";
import type { CallKind } from "../../../src/vfs/fault.ts";
import type { Workload } from "./play.ts";
import { turn, TurnClock } from "../../support/turn-clock.ts";
import type { CrashPoint, RecordedRun } from "./recorded-run.ts";

/** Everything that a store does to a disk, one thing a row. Values are drawn: another seed gives other bytes. */
export const workloads: readonly Workload[] = [
  { name: "a first boot", recordsStart: true },
  {
    name: "a first boot with a flush",
    recordsStart: true,
    async act(run) {
      await puts(1)(run);
      await run.db.checkpoint();
    },
  },
  {
    name: "puts, one by one and at once",
    prepare: puts(2),
    async act(run) {
      await puts(2)(run);
      const versions = ["key-0", "key-3", "key-4"].map((key) => run.put(key, value(run, 2)));
      await run.db.acknowledged(versions.at(-1)!);
    },
  },
  {
    name: "batches, one by one and at once",
    prepare: puts(2),
    async act(run) {
      const operations = [
        { key: "key-0", value: value(run, 3) },
        { key: "key-1" },
        { key: "new", value: value(run, 3) },
      ];
      await run.db.acknowledged(run.write(...operations));
      run.write({ key: "key-0" }, { key: "key-2", value: value(run, 3) });
      await run.db.acknowledged(run.write({ key: "key-0", value: "again" }, { key: "new" }));
    },
  },
  {
    name: "puts that nobody waits for in mode none",
    options: { syncMode: "none", segmentBytesMax: 2_400 },
    prepare: puts(2),
    act: puts(6, 8),
  },
  {
    name: "batches and puts in mode batch",
    options: { syncMode: "batch", batchIntervalMs: 50, segmentBytesMax: 1_600 },
    prepare: puts(2),
    async act(run) {
      for (let index = 0; index < 4; index++) {
        run.write(
          { key: "key-0", value: value(run, 4) },
          { key: "key-1" },
          { key: "new", value: value(run, 4) },
        );
        await puts(1, 4)(run);
      }
    },
  },
  {
    name: "a log that stands still, and is noted",
    get options() {
      return { clock: new TurnClock(reachNoteMs) };
    },
    prepare: puts(2),
    async act(run) {
      await puts(2)(run);
      // The note is an edit of the manifest: it comes in later turns, and then nothing does.
      const noted = () => readManifest(run.disk, "/data/manifest")!.state.durableSeq;
      while (noted() < run.expectation.ackedSeq) await turn();
    },
  },
  {
    name: "a rotation",
    prepare: puts(3, 6),
    act: puts(2, 8),
  },
  {
    name: "a flush",
    prepare: puts(3),
    async act(run) {
      const flushed = run.db.checkpoint();
      await run.putDurably("meanwhile", value(run, 2));
      await flushed;
    },
  },
  {
    name: "a compaction",
    prepare: flushes(3),
    async act(run) {
      const merged = run.db.compact();
      await run.putDurably("meanwhile", value(run, 2));
      await merged;
    },
  },
  {
    name: "a manifest that is written anew",
    warmUp: untilManifestHas(1_000),
    act: untilManifest(2),
  },
  {
    name: "the end of a prune that a kill cut short",
    prepare: flushes(2),
    killedAt: isBefore("unlink", /\.wal$/),
    recordsStart: true,
  },
  {
    name: "the repair of a torn tail",
    prepare: puts(3, 6),
    killedAt: isBefore("datasync", /\.wal$/),
    tears: true,
    recordsStart: true,
    act: puts(1),
  },
  {
    name: "a backup beside writes",
    prepare: flushes(1),
    act: backup(false),
  },
  {
    name: "a backup that links",
    prepare: flushes(2),
    act: backup(true),
  },
  {
    name: "a clean shutdown",
    prepare: puts(2),
    async act(run) {
      run.put("key-0", value(run, 2));
      run.put("key-1", value(run, 2));
      await run.db.engine.close();
    },
  },
  {
    name: "a start after a clean shutdown",
    prepare: flushes(1),
    recordsStart: true,
  },
  {
    name: "a start after a kill",
    prepare: puts(4, 6),
    killedAt: isBefore("datasync", /\.wal$/),
    recordsStart: true,
    act: puts(1),
  },
  {
    name: "a start after a kill within a flush",
    prepare: flushes(2),
    killedAt: isBefore("syncDirectory", /tables$/),
    recordsStart: true,
  },
];

export function workloadNamed(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined)
    throw new Error(
      `There is no workload "${name}"; there is ${workloads.map((each) => each.name).join(", ")}`,
    );
  return found;
}

function value(run: RecordedRun, wordsMax: number): string {
  return `${randomBelow(run.random, 1_000_000)} `.repeat(1 + randomBelow(run.random, wordsMax));
}

function puts(count: number, wordsMax = 3): (run: RecordedRun) => Promise<void> {
  return async (run) => {
    for (let index = 0; index < count; index++) await run.putDurably(`key-${index}`, value(run, wordsMax));
  };
}

function flushes(count: number): (run: RecordedRun) => Promise<void> {
  return async (run) => {
    for (let index = 0; index < count; index++) {
      await puts(2)(run);
      await run.db.checkpoint();
    }
  };
}

/** Flushes until the first manifest is as long as that, so that it soon has to be written anew. */
function untilManifestHas(bytes: number): (run: RecordedRun) => Promise<void> {
  const size = ({ disk }: RecordedRun) => Number(disk.listAll()[`/data/manifest/${manifestName(1)}`]);
  return async (run) => {
    while (size(run) < bytes) await flushes(1)(run);
  };
}

/** Flushes until the manifest of this number is there, and no longer. */
function untilManifest(number: number): (run: RecordedRun) => Promise<void> {
  return async (run) => {
    while (!run.disk.exists(`/data/manifest/${String(number).padStart(12, "0")}.manifest`))
      await flushes(1)(run);
  };
}

function backup(linksTables: boolean): (run: RecordedRun) => Promise<void> {
  return async (run) => {
    await run.putDurably("before", value(run, 2));
    run.copy = { copySeqMin: run.expectation.ackedSeq };
    const copied = copyStore(run.fileSystem, "/data", "/copy", { linksTables });
    await run.putDurably("meanwhile", value(run, 2));
    await copied;
    run.copy = { ...run.copy, copyIsDue: true };
  };
}

function isBefore(kind: CallKind, path: RegExp): (point: CrashPoint) => boolean {
  return ({ call }) => call?.kind === kind && path.test(call.path);
}
