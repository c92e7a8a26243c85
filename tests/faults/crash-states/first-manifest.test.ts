import { expect, test } from "bun:test";
import { StoreModel } from "../../engine/store-model.ts";
import { recover } from "./judge.ts";
import { play } from "./play.ts";
import { RecordedRun } from "./recorded-run.ts";
import { statesOf } from "./states-of.ts";
import { seededRandom } from "../../../src/lib/random.ts";
import { workloadNamed } from "./workloads.ts";

/**
 * The enumeration found this one. A first start was killed between the rename of its manifest and the sync of the
 * directory; the next start began manifest 2; and a power cut took the name of manifest 1 and left that of the second,
 * unfinished. The store then refused to start, because a manifest seemed to be lost.
 */
test("a second start that is cut short by a power cut never makes the first manifest look lost", async () => {
  const { points } = await play(workloadNamed("a first boot"), 1);
  const killed = points.find(({ call }) => call?.kind === "syncDirectory" && call.path === "/data/manifest");
  expect(killed).toBeDefined();
  const run = new RecordedRun(
    killed!.disk.crash({ unsynced: "kept" }),
    new StoreModel(),
    killed!.expectation,
    1,
  );
  run.record();
  await run.open();
  await run.end();
  let states = 0;
  for (const { disk } of run.points) {
    for (const state of statesOf(disk, 100, seededRandom(1))) {
      expect(await recover(state.disk, run.model, { goesOn: true })).toMatchObject({ copySeq: undefined });
      states++;
    }
  }
  expect(states).toBeGreaterThan(100);
});
