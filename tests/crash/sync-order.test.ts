import { describe, expect, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AimedStore } from "../support/aimed-run.ts";
import { changedSource } from "../support/changed-source.ts";
import { eventually } from "../support/eventually.ts";
import { assertIntact } from "../support/intact-store.ts";
import { Oracle } from "../support/oracle.ts";
import { progressOf, readRecovered, type StoreProgress } from "../support/recovered-store.ts";
import { removals, type Removal } from "../support/removals.ts";
import { freshSeed, withSeed } from "../support/seeds.ts";
import { startServer } from "../support/server-process.ts";
import { fileCalls, outputCalls, straceWords, testWithStrace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { judgeTrace, type TraceJudgement } from "../support/trace-order.ts";
import { Workload } from "../support/workload.ts";
import type { WorkloadShape } from "../support/workload-shape.ts";
import { mutants } from "./mutants.ts";

setDefaultTimeout(120_000);

/**
 * SIGKILL cannot show that a sync is missing, for the page cache outlives the process. The trace of the system
 * calls can: whatever a response names must be durable, by the letter of POSIX, before its first byte is handed to
 * a socket. And this test itself is tested: on servers that were changed to break that order it must fail.
 */
const shape: WorkloadShape = {
  writers: 8,
  readers: 2,
  snapshotReaders: 2,
  typedWriters: 2,
  depth: 4,
  keyCount: 16,
  valueBytesMax: 200,
  batchOperationsMax: 4,
  batchShare: 20,
  deleteShare: 20,
  conditionShare: 20,
  segmentBytesMax: 4_096,
  cacheBytesMax: undefined,
  hasBackup: false,
  endsInOrder: false,
  killAfterAcks: 500,
  killAfterMs: 10_000,
  flushesMin: 0,
  compactionsMin: 0,
};

describe("on the trace of the system calls", () => {
  testWithStrace(
    "no response leaves before what it names is durable, over a kill and a restart",
    async () => {
      await withSeed(async (_, seed) => {
        const { judgement, acknowledged, progress } = await traceTwoBoots(seed);
        expect(judgement.violations).toEqual([]);
        // The kill may cut off acks that were sent and never received, so the trace may know of more.
        expect(judgement.acknowledged).toEqual(expect.arrayContaining(acknowledged));
        expect(acknowledged.length).toBeGreaterThan(shape.killAfterAcks / 2);
        expect(judgement.shown.length).toBeGreaterThan(10);
        expect(judgement.durableSeq).toBeGreaterThanOrEqual(Math.max(...acknowledged));
        // Of what was deleted meanwhile, tables had all, durably.
        expect(progress.segmentsPruned).toBeGreaterThan(6);
      });
    },
  );

  testWithStrace(
    "what a killed server wrote and never synced is synced anew before anybody sees it",
    async () => {
      let unsyncedGroups = 0;
      for (const n of [2, 3, 4, 5]) {
        using directory = temporaryDirectory();
        const store = new AimedStore(directory.path);
        // The error sees to it that the sync is not made while the kill is still on its way.
        const run = await store.run({ inject: `fdatasync:error=EIO:signal=SIGKILL:when=${n}` });
        expect(run.exitCode).toBe(137);
        const synced = judgeTrace(store.trace).durableSeq;
        await store.check({ write: false, trace: true });
        const { violations, durableSeq, shown } = judgeTrace(store.trace);
        expect({ n, violations }).toEqual({ n, violations: [] });
        expect(store.oracle.violations).toEqual([]);
        // The kill may have met the sync of a seal, which vouches for the group before it and holds no record.
        if (durableSeq > synced && Math.max(...shown) > synced) unsyncedGroups++;
      }
      expect(unsyncedGroups).toBeGreaterThan(0);
    },
  );

  const removedHere: Removal[] = [
    "the fdatasync call is deleted",
    "acks leave before the sync",
    "reads do not wait for what they show",
    "the directory is not synced behind a new segment",
  ];
  const taken = [
    ...removedHere.map((name) => ({ name, changes: removals[name] })),
    ...mutants.filter(({ name }) => /synced|announced/.test(name)),
  ];
  for (const { name, changes } of taken) {
    testWithStrace(`it is found out when ${name}`, async () => {
      using source = changedSource(changes);
      const { judgement } = await traceTwoBoots(freshSeed(), source.path);
      expect(judgement.violations.length).toBeGreaterThan(0);
    });
  }
});

/** A first boot under load, a kill, and a second boot that is read and written: as one trace. */
async function traceTwoBoots(
  seed: number,
  root?: string,
): Promise<{ judgement: TraceJudgement; acknowledged: number[]; progress: StoreProgress }> {
  using directory = temporaryDirectory();
  const oracle = new AckRecorder();
  const tags = { nextTag: 1 };
  let trace = "";
  const dataDirectory = join(directory.path, "data");
  for (const boot of [1, 2]) {
    const output = join(directory.path, `trace-${boot}`);
    await using server = await startServer({
      dataDirectory,
      segmentBytesMax: shape.segmentBytesMax,
      under: straceWords({ output, calls: [...fileCalls, ...outputCalls] }),
      ...(root === undefined ? {} : { root }),
    });
    const { currentSeq, entries, segmentNumber } = await readRecovered(server.port, dataDirectory);
    oracle.recovered(currentSeq, entries, segmentNumber);
    const workload = new Workload({ oracle, shape, seed: seed + boot, tags });
    const enough = oracle.acknowledgedCount + shape.killAfterAcks / 2;
    await workload.start(server.port);
    await eventually("enough is acknowledged", () => oracle.acknowledgedCount >= enough);
    const killed = server.kill();
    await workload.close();
    await killed;
    if (root === undefined) assertIntact(dataDirectory, "killed");
    trace += readFileSync(output, "utf8");
  }
  if (root === undefined) expect(oracle.violations).toEqual([]);
  return {
    judgement: judgeTrace(trace),
    acknowledged: oracle.acknowledgedVersions,
    progress: progressOf(dataDirectory),
  };
}

class AckRecorder extends Oracle {
  readonly acknowledgedVersions: number[] = [];

  override acknowledged(...[write, version]: Parameters<Oracle["acknowledged"]>): void {
    this.acknowledgedVersions.push(version);
    super.acknowledged(write, version);
  }
}
