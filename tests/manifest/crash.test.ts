import { expect, test } from "bun:test";
import { type Random, randomBelow } from "../../src/lib/random.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { type CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import { forEachSeed } from "../vfs/for-each-seed.ts";
import { type Ledger, start } from "./crash-points.ts";
import { describeState } from "./manifest-fixture.ts";
import { randomEdit } from "./random-edits.ts";

/**
 * One disk, many lives: a manifest is opened and edited, the machine stops before some call to the file system, and
 * the next life must find what was announced, or an edit more. `SEED=… bun test tests/manifest/crash.test.ts` repeats
 * one run.
 */
const seedCount = 100;

test("no crash takes an announced edit, or leaves half of one, life after life on the same disk", async () => {
  let editsDone = 0;
  await forEachSeed(seedCount, async (random) => {
    let disk = new MemoryFileSystem();
    let possible = [describeState(undefined)];
    for (let life = 0; life < 10; life++) {
      const lived = await liveUntilCrash(disk, possible, random);
      ({ disk, possible } = lived);
      editsDone += lived.edits;
    }
    await start(disk, possible, 1_000);
  });
  if (process.env["SEED"] === undefined) expect(editsDone).toBeGreaterThan(15 * seedCount);
});

async function liveUntilCrash(disk: MemoryFileSystem, before: string[], random: Random) {
  const manifestBytesMax = [0, 1_000, 8_000, 1_000_000][randomBelow(random, 4)]!;
  // Short lives are for crashes during the start, which makes some fifteen calls.
  const crashAtCall = randomBelow(random, [20, 120][randomBelow(random, 2)]!);
  let ledger: Ledger | undefined;
  let left: { disk: MemoryFileSystem; possible: string[]; edits: number } | undefined;
  let edits = 0;
  const crash = () => {
    left = { disk: disk.crash(someCrash(random)), possible: ledger?.possible ?? before, edits };
  };
  const fileSystem = new FailingFileSystem(disk, {
    onCall: (_, index) => {
      if (index === crashAtCall) crash();
    },
  });
  const { manifest } = await start(fileSystem, before, manifestBytesMax, (begun) => (ledger = begun));
  while (left === undefined && edits < 30) {
    const asked = Array.from({ length: 1 + randomBelow(random, 2) }, () =>
      ledger!.apply(manifest, randomEdit(random, ledger!.state)),
    );
    await Promise.all(asked);
    edits += asked.length;
  }
  if (left === undefined && randomBelow(random, 2) === 0) await manifest.close();
  if (left === undefined) crash();
  return left!;
}

function someCrash(random: Random): CrashOptions {
  const dice = randomBelow(random, 10);
  if (dice < 3) return { unsynced: "kept" };
  if (dice < 5) return { unsynced: "lost" };
  return { random };
}
