import { type Random, randomBelow, seededRandom } from "../../src/lib/random.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { type CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import type { SyncMode, WalOptions } from "../../src/wal/write-ahead-log.ts";
import { expectRecovered, type Expectation, Ledger, nothingYet } from "./ledger.ts";
import { openTestLog } from "./log-fixture.ts";
import { StillClock } from "./still-clock.ts";
import { work } from "./workload.ts";

/**
 * One disk, many lives: a log is opened and worked on, the machine stops in the middle of something, and the next
 * life must find what was promised. The moment is a call to the file system, drawn at random, so the start, its
 * repairs, rotations and truncations are interrupted as well as appends. Returns how many lives came to work.
 */
export async function liveThroughCrashes(seed: number, lives: number, syncMode: SyncMode): Promise<number> {
  const random = seededRandom(seed);
  let disk = new MemoryFileSystem();
  let expected = nothingYet;
  let livesWorked = 0;
  for (let life = 0; life < lives; life++) {
    const options: WalOptions = {
      syncMode,
      segmentBytesMax: [600, 1200, 3000, 8192][randomBelow(random, 4)]!,
      batchRecordsMax: 1 + randomBelow(random, 10),
      preparesSegments: randomBelow(random, 4) > 0,
      random,
    };
    // Short lives are for crashes during recovery, which makes some twenty calls.
    const callsMax = randomBelow(random, 3) === 0 ? 20 : 200;
    const { crashed, left } = await liveUntilCrash(
      disk,
      expected,
      options,
      randomBelow(random, callsMax),
      random,
    );
    if (left !== expected) livesWorked++;
    disk = crashed;
    expected = left;
  }
  await expectRecovered(expected, await openTestLog(disk, { syncMode }));
  return livesWorked;
}

async function liveUntilCrash(
  disk: MemoryFileSystem,
  before: Expectation,
  options: WalOptions,
  crashAtCall: number,
  random: Random,
): Promise<{ crashed: MemoryFileSystem; left: Expectation }> {
  let ledger: Ledger | undefined;
  let crashed: MemoryFileSystem | undefined;
  let left = before;
  const crash = () => {
    crashed = disk.crash(someCrash(random));
    // Until a start has shown what is there, what was promised before it is what counts.
    left = ledger?.expectation() ?? before;
  };
  const fileSystem = new FailingFileSystem(disk, {
    onCall: (_, index) => {
      if (index === crashAtCall) crash();
    },
  });
  const clock = new StillClock();
  const log = await openTestLog(fileSystem, { ...options, clock });
  if (crashed === undefined) {
    const found = await expectRecovered(before, log);
    ledger = new Ledger(log, found);
    await work(log, ledger, clock, random, () => crashed !== undefined);
  }
  // One that came to an end of its work: it dies idle, or is stopped in order.
  if (crashed === undefined && randomBelow(random, 2) === 0) await ledger!.close();
  if (crashed === undefined) crash();
  return { crashed: crashed!, left };
}

function someCrash(random: Random): CrashOptions {
  const dice = randomBelow(random, 10);
  if (dice < 3) return { unsynced: "kept" };
  if (dice < 5) return { unsynced: "lost" };
  return { random };
}
