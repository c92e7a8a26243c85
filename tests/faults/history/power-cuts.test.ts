import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/lib/random.ts";
import { givenSeed, withSeed } from "../../support/seeds.ts";
import { assertLinearizable, storyOfViolation } from "./assert-linearizable.ts";
import type { History } from "./history.ts";
import { violationIn } from "./linearizability.ts";
import { type CutCounts, type PowerCutFault, recordPowerCuts } from "./record-power-cuts.ts";

const size = { cuts: 5, stepsPerLife: 150, clients: 4 };
const runs = 10;

test("the engine's history over power cuts is linearizable", async () => {
  const cuts: CutCounts = { kept: 0, lost: 0, mixed: 0 };
  const outcomes: Record<string, number> = {};
  await withSeed(async (_, seed) => {
    for (let run = 0; run < (givenSeed === undefined ? runs : 1); run++) {
      await withSeed(
        async (random) => {
          const recorded = await recordPowerCuts(random, size);
          assertLinearizable(recorded.history);
          for (const kind of ["kept", "lost", "mixed"] as const) cuts[kind] += recorded.cuts[kind];
          for (const { outcome } of recorded.history.operations) {
            outcomes[outcome.kind] = (outcomes[outcome.kind] ?? 0) + 1;
          }
        },
        (seed + run) >>> 0,
      );
    }
  });
  if (givenSeed !== undefined) return;
  expect(Math.min(cuts.kept, cuts.lost, cuts.mixed)).toBeGreaterThanOrEqual(3);
  expect(outcomes["written"]).toBeGreaterThan(400);
  expect(outcomes["shown"]).toBeGreaterThan(400);
  for (const kind of ["conflict", "opened", "unknown"]) expect(outcomes[kind]).toBeGreaterThan(50);
});

test("one seed is one history", async () => {
  const once = async () => (await recordPowerCuts(seededRandom(7), size)).history;
  expect(await once()).toEqual(await once());
});

/** In how many of 10 runs it must be found: half of those in which it was when this was written. */
const faults: [PowerCutFault, number][] = [
  ["the log is never synced", 5],
  ["acks leave before the sync", 5],
  ["reads leave before what they show is durable", 4],
];

for (const [fault, findsMin] of faults) {
  test(`it is found out in the history when ${fault}`, async () => {
    const found: History[] = [];
    for (let seed = 1; seed <= 10; seed++) {
      const { history } = await recordPowerCuts(seededRandom(seed), { ...size, fault });
      if (violationIn(history) !== undefined) found.push(history);
    }
    expect(found.length).toBeGreaterThanOrEqual(findsMin);
    // What is left of hundreds of operations fits on a page, with the crash in it.
    const stories = found.slice(0, 3).map((history) => storyOfViolation(history)!);
    const linesOf = (story: string) => story.split("\n").length;
    const shortest = stories.toSorted((a, b) => linesOf(a) - linesOf(b))[0]!;
    expect(linesOf(shortest)).toBeLessThan(20);
    expect(shortest).toMatch(/(power cut|SIGKILL|start)/);
  });
}
