import { expect, test } from "bun:test";
import { VersionStripes } from "../../src/compaction/version-stripes.ts";
import { randomBelow } from "../../src/lib/random.ts";
import { forManyAsyncSeeds } from "./many-seeds.ts";
import { JobModel } from "./job-model.ts";

test(
  "whatever is flushed and merged, every reader sees what was written, and nothing is kept in vain",
  () =>
    forManyAsyncSeeds(60, async (random) => {
      const model = new JobModel(random);
      for (let step = 0; step < 30; step++) {
        await model.step();
        if (step % 10 === 9) model.check();
      }
    }),
  60_000,
);

test("a stripe holds the versions that the same snapshots see", () =>
  forManyAsyncSeeds(50, async (random) => {
    const snapshots = [
      ...new Set(Array.from({ length: randomBelow(random, 12) }, () => randomBelow(random, 40))),
    ];
    snapshots.sort((one, other) => one - other);
    const stripes = new VersionStripes(snapshots);
    expect(stripes.snapshotMax).toBe(Math.max(0, ...snapshots));
    for (let version = 0; version < 45; version++) {
      expect(stripes.of(version)).toBe(snapshots.filter((seq) => seq < version).length);
    }
  }));
