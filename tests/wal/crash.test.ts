import { describe, expect, test } from "bun:test";
import type { SyncMode } from "../../src/wal/write-ahead-log.ts";
import { forEachSeed } from "../vfs/for-each-seed.ts";
import { liveThroughCrashes } from "./crash-run.ts";

/**
 * What was acknowledged is recovered, and what is recovered was submitted, in order and without a gap; through many
 * crashes of one disk, at random moments. `SEED=… bun test tests/wal/crash.test.ts` repeats one.
 */
const seedCount = 300;

describe.each<SyncMode>(["always", "batch", "none"])(
  'no crash breaks what mode "%s" promises',
  (syncMode) => {
    test("life after life on the same disk", async () => {
      let livesWorked = 0;
      await forEachSeed(seedCount, async (_, seed) => {
        livesWorked += await liveThroughCrashes(seed, 10, syncMode);
      });
      if (process.env["SEED"] === undefined) expect(livesWorked).toBeGreaterThan(4 * seedCount);
    });
  },
);
