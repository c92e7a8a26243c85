import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Call, CallKind, Fault } from "../../src/vfs/fault.ts";
import { type CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import {
  StorageFaultError,
  UnknownOutcomeError,
  type SyncMode,
  type WriteAheadLog,
} from "../../src/wal/write-ahead-log.ts";
import { expectRecovered, type Expectation, Ledger, nothingYet } from "./ledger.ts";
import { logDirectory, openTestLog, put, rejectionOf } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

/**
 * Every single call of a reference run fails, once or from then on, in every way that such a call can. Nothing that
 * was promised is lost, nothing is promised after the failure, and no sync is ever tried again.
 */

const options = { segmentBytesMax: 600 };

interface Run {
  readonly fileSystem: FailingFileSystem;
  readonly expected: Expectation;
  /** Of appends that had a number, and of everything else. */
  readonly appendsRejected: unknown[];
  readonly othersRejected: unknown[];
  readonly log: WriteAheadLog | undefined;
}

/** The reference run on a new disk: it starts, appends, rotates, truncates and closes, whatever happens. */
async function run(disk: MemoryFileSystem, syncMode: SyncMode, faults: Fault[]): Promise<Run> {
  const fileSystem = new FailingFileSystem(disk, { faults });
  const clock = new StillClock();
  const othersRejected: unknown[] = [];
  let log: WriteAheadLog;
  try {
    log = await openTestLog(fileSystem, { ...options, clock, syncMode, batchRecordsMax: 3 });
  } catch (error) {
    return { fileSystem, expected: nothingYet, appendsRejected: [], othersRejected: [error], log: undefined };
  }
  const ledger = new Ledger(log, nothingYet);
  const steps: (() => Promise<void>[])[] = [
    () => [ledger.append(put("a", 100))],
    () => [ledger.append(put("b", 20)), ledger.appendBatch([put("c", 50), put("d", 50)])],
    () => [ledger.append(put("e", 300)), ledger.append(put("f", 200)), ledger.append(put("g", 10))],
    () => [ledger.checkpoint()],
    () => [ledger.truncate(Math.min(3, log.currentSeq))],
    () => (clock.advance(50), []),
    () => [ledger.append(put("h", 400)), ledger.sync()],
    () => [ledger.append(put("i", 10))],
    () => [ledger.close()],
  ];
  for (const step of steps) {
    for (const outcome of await Promise.allSettled(step())) {
      if (outcome.status === "rejected" && !ledger.rejections.includes(outcome.reason)) {
        othersRejected.push(outcome.reason);
      }
    }
    await settle(2);
  }
  return {
    fileSystem,
    expected: ledger.expectation(),
    appendsRejected: ledger.rejections,
    othersRejected,
    log,
  };
}

type Way =
  { error: "EIO" | "ENOSPC" | "EMFILE"; applied?: true; lost?: "new" | "old" | "hole" } | { bytes: number };

/** The ways in which a call can fail. `lost` is what a failed sync does to what it should have brought to the disk. */
function waysToFail({ kind, path }: Call): Way[] {
  const ways: Partial<Record<CallKind, Way[]>> = {
    write: [
      { error: "EIO" },
      { error: "ENOSPC" },
      { error: "EIO", applied: true },
      { bytes: 0 },
      { bytes: 7 },
    ],
    datasync: [
      { error: "EIO", lost: "new" },
      { error: "EIO", lost: "old" },
      { error: "EIO", lost: "hole" },
      { error: "EIO", applied: true },
    ],
    sync: [
      { error: "EIO", lost: "new" },
      { error: "ENOSPC", lost: "old" },
    ],
    // Names above the log's are made once, by a first start: no later one could make them again (README, "Trust").
    syncDirectory:
      path === logDirectory ? [{ error: "EIO", lost: "new" }, { error: "EIO" }] : [{ error: "EIO" }],
    rename: [{ error: "EIO" }, { error: "EIO", applied: true }],
    unlink: [{ error: "EIO" }, { error: "EIO", applied: true }],
    create: [{ error: "ENOSPC" }, { error: "EMFILE" }],
    close: [{ error: "EIO", applied: true }],
  };
  return ways[kind] ?? [{ error: "EIO" }];
}

const changing: readonly CallKind[] = ["create", "write", "truncate", "rename", "unlink"];
const syncing: readonly CallKind[] = ["datasync", "sync", "syncDirectory"];

const crashes = (seed: number): CrashOptions[] => [
  { unsynced: "kept" },
  { unsynced: "lost" },
  { random: seededRandom(seed) },
];

/** The next start, after each way of stopping: it finds what was promised, goes on, and what it does is durable. */
async function expectRestarts(disk: MemoryFileSystem, expected: Expectation, seed: number): Promise<void> {
  for (const crash of crashes(seed)) {
    const left = disk.crash(crash);
    const log = await openTestLog(left, options);
    const ledger = new Ledger(log, await expectRecovered(expected, log));
    await ledger.append(put("after", "restart"));
    const again = await openTestLog(left.crash({ unsynced: "lost" }), options);
    await expectRecovered(ledger.expectation(), again);
  }
}

describe.each<SyncMode>(["always", "batch", "none"])('in mode "%s"', (syncMode) => {
  test("any call of a run may fail, in any way, once or from then on", async () => {
    const { calls } = (await run(new MemoryFileSystem(), syncMode, [])).fileSystem;
    expect(calls.filter(({ kind }) => syncing.includes(kind)).length).toBeGreaterThan(5);
    for (const [index, call] of calls.entries()) {
      for (const [way, sticky] of waysToFail(call).flatMap((each) => [
        [each, false] as const,
        [each, true] as const,
      ])) {
        const story = `${call.kind} ${call.path} (call ${index}) ${JSON.stringify(way)}${sticky ? " for ever" : ""}`;
        const disk = new MemoryFileSystem();
        const failed = await run(disk, syncMode, [{ at: index + 1, sticky, ...way } as Fault]);
        try {
          await expectPoisoned(failed, index, call, way);
          await expectRestarts(disk, failed.expected, index);
        } catch (error) {
          throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
  });
});

async function expectPoisoned(failed: Run, index: number, call: Call, way: Way): Promise<void> {
  const { fileSystem, appendsRejected, othersRejected, log } = failed;
  const after = fileSystem.calls.slice(index + 1).map(({ kind }) => kind);
  const isFailure = "error" in way || way.bytes === 0;
  if (!isFailure) return void expect([...appendsRejected, ...othersRejected]).toEqual([]);

  // A write that has a number may have happened: whoever asked for it must not hear that it has failed.
  for (const error of appendsRejected) expect(error).toBeInstanceOf(UnknownOutcomeError);
  if (changing.includes(call.kind) || syncing.includes(call.kind)) {
    expect(appendsRejected.length + othersRejected.length).toBeGreaterThan(0);
    expect(after.filter((kind) => changing.includes(kind) || syncing.includes(kind))).toEqual([]);
    if (log !== undefined) {
      for (const action of [log.append(put("k")), log.sync(), log.checkpoint(), log.truncate(0)]) {
        expect(await rejectionOf(action)).toBeInstanceOf(StorageFaultError);
      }
      expect(fileSystem.calls.length).toBe(index + 1 + after.length);
    }
  }
}

describe("a recovery", () => {
  /** What crashes leave: a torn tail, bytes that were never synced, an interrupted truncation. */
  async function crashedDisks(): Promise<[disk: MemoryFileSystem, expected: Expectation][]> {
    const found: [MemoryFileSystem, Expectation][] = [];
    for (const syncMode of ["always", "none"] as const) {
      const disk = new MemoryFileSystem();
      const log = await openTestLog(disk, { ...options, syncMode });
      const ledger = new Ledger(log, nothingYet);
      for (let number = 1; number <= 6; number++) await ledger.append(put(`${number}`, 40 * number));
      await ledger.truncate(2);
      for (let number = 7; number <= 9; number++) await ledger.append(put(`${number}`, 30));
      const left = disk.crash({ unsynced: "kept" });
      const name = left
        .list(logDirectory)
        .filter((each) => each.endsWith(".wal"))
        .sort()
        .at(-1)!;
      const segment = left.open(`${logDirectory}/${name}`);
      segment.write(Buffer.alloc(100, "torn"), segment.size());
      segment.close();
      found.push([left, ledger.expectation()]);
    }
    return found;
  }

  test("may fail at any call, in any way, and the next one finds it all", async () => {
    for (const [disk, expected] of await crashedDisks()) {
      const reference = new FailingFileSystem(disk.clone());
      await openTestLog(reference, options);
      for (const [index, call] of reference.calls.entries()) {
        for (const way of waysToFail(call)) {
          const damaged = disk.clone();
          const fileSystem = new FailingFileSystem(damaged, { faults: [{ at: index + 1, ...way } as Fault] });
          const story = `${call.kind} ${call.path} (call ${index}) ${JSON.stringify(way)}`;
          try {
            const opened = await openTestLog(fileSystem, options).catch((error: unknown) => error as Error);
            const isFailure = "error" in way || way.bytes === 0;
            expect({ story, failed: opened instanceof Error }).toEqual({ story, failed: isFailure });
            await expectRestarts(damaged, expected, index);
          } catch (error) {
            throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
          }
        }
      }
    }
  });
});
