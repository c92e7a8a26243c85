import { randomBelow, seededRandom } from "../../src/lib/random.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { CallKind } from "../../src/vfs/fault.ts";
import type { CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import type { WalOptions, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import { expectRecovered, type Expectation, Ledger } from "./ledger.ts";
import { openTestLog, put } from "./log-fixture.ts";
import { StillClock } from "./still-clock.ts";

/** Something that is done to a log, on a disk that holds what `before` says. */
export interface Scenario {
  readonly disk: MemoryFileSystem;
  readonly before: Expectation;
  readonly options: WalOptions;
  readonly act: (world: { log: WriteAheadLog; ledger: Ledger; clock: StillClock }) => Promise<void>;
}

interface Snapshot {
  readonly disk: MemoryFileSystem;
  readonly expected: Expectation;
  readonly order: number;
  /** The calls that had been made, innermost last: where to look when it fails. */
  readonly story: string;
}

/**
 * Stops the machine before every call that changes or syncs something on the disk, in several ways each; and where
 * `depth` is 2 once more before every such call of the recoveries. Returns how many recoveries were checked.
 */
export async function crashEverywhere(scenario: Scenario, depth: 1 | 2): Promise<number> {
  const clock = new StillClock();
  const snapshots: Snapshot[] = [];
  let ledger: Ledger | undefined;
  const takeSnapshots = (story: string) => {
    for (const [name, crash] of crashes(snapshots.length, 2)) {
      const expected = ledger?.expectation() ?? scenario.before;
      snapshots.push({
        disk: scenario.disk.crash(crash),
        expected,
        order: snapshots.length,
        story: `${story}, ${name}`,
      });
    }
  };
  const fileSystem = new FailingFileSystem(scenario.disk, {
    onCall: ({ kind, path }, index) => {
      if (!passive.has(kind)) takeSnapshots(`crash before call ${index}, ${kind} ${path}`);
    },
  });
  const log = await openTestLog(fileSystem, { ...scenario.options, clock });
  ledger = new Ledger(log, await expectRecovered(scenario.before, log));
  await scenario.act({ log, ledger, clock });
  takeSnapshots("crash at the end");

  let checked = 0;
  for (const snapshot of snapshots) checked += await recover(snapshot, scenario.options, depth - 1);
  return checked;
}

/** Opens what a crash left, compares, goes on, and loses the power once more; then the same for crashes meanwhile. */
async function recover(snapshot: Snapshot, options: WalOptions, depth: number): Promise<number> {
  const { disk, expected, order, story } = snapshot;
  const deeper: Snapshot[] = [];
  const fileSystem = new FailingFileSystem(disk, {
    onCall: ({ kind, path }, index) => {
      if (depth === 0 || passive.has(kind)) return;
      // One way for each call: the ways take turns, and what a recovery does is much the same every time.
      const [name, crash] = crashes(deeper.length, 1)[(deeper.length + order) % 3]!;
      const again = `${story}; again before call ${index}, ${kind} ${path}, ${name}`;
      deeper.push({ disk: disk.crash(crash), expected, order, story: again });
    },
  });
  try {
    const log = await openTestLog(fileSystem, options);
    const found = await expectRecovered(expected, log);
    const openedWith = deeper.length;
    const ledger = new Ledger(log, found);
    await Promise.all([ledger.append(put("after", "recovery")), ledger.sync()]);
    deeper.length = openedWith;
    // A power cut shows whether what was recovered is durable, and what came after it.
    const left = disk.crash({ unsynced: "lost" });
    await expectRecovered(ledger.expectation(), await openTestLog(left, options));
  } catch (error) {
    throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
  }
  let checked = 1;
  for (const next of deeper) checked += await recover(next, options, depth - 1);
  return checked;
}

/** Before these the disk is as it was before the last call that is not one of them. */
const passive = new Set<CallKind>([
  "exists",
  "freeBytes",
  "realPath",
  "list",
  "openRead",
  "size",
  "read",
  "close",
]);

/** Ways for the machine to stop; `salt` makes the random ones differ from place to place. */
function crashes(salt: number, mixedCount: number): [name: string, crash: CrashOptions][] {
  const random = seededRandom(salt + 1);
  const mixed = Array.from({ length: mixedCount }, (): [string, CrashOptions] => {
    const seed = randomBelow(random, 1_000_000);
    return [`power cut with seed ${seed}`, { random: seededRandom(seed) }];
  });
  return [["killed", { unsynced: "kept" }], ["power cut, all unsynced lost", { unsynced: "lost" }], ...mixed];
}
