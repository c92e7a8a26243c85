import { describe, expect, setDefaultTimeout } from "bun:test";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import { changedSource, type SourceChange } from "../../support/changed-source.ts";
import { removals } from "../../support/removals.ts";
import { withSeed } from "../../support/seeds.ts";
import { testWithStrace } from "../../support/strace.ts";
import { inTwoLanes } from "../../support/two-lanes.ts";
import { casesOf, nameOf, referenceOf, tryCase, type Case } from "./sweep.ts";
import { RealFaultTally } from "./tally.ts";
import { coveredKinds, exclusions, faultNames } from "./ways.ts";

setDefaultTimeout(120_000);

/** One of each fault. The long version tries them all. */
const casesDrawn = faultNames.length;

testWithStrace("every kind of call that the server makes on its store is failed", async () => {
  const { kinds } = await referenceOf();
  expect([...kinds].sort()).toEqual([...coveredKinds]);
});

testWithStrace("the two lives do all that a store does", async () => {
  const { calls } = await referenceOf();
  const acts: Record<string, [life: string, kind: string, path: RegExp]> = {
    "a segment is begun": ["first", "rename", /^wal\/\d+\.wal\.tmp$/],
    "a group is synced": ["first", "fdatasync", /^wal\/\d+\.wal$/],
    "a segment is cut off behind its end": ["first", "ftruncate", /^wal\/\d+\.wal$/],
    "a segment is pruned": ["first", "unlink", /^wal\/\d+\.wal$/],
    "a table is published": ["first", "rename", /^tables\/.*\.tmp$/],
    "a merged table is deleted": ["first", "unlink", /^tables\/\d+\.table$/],
    "an edit is synced": ["first", "fdatasync", /^manifest\/\d+\.manifest$/],
    "the manifest is written anew": ["first", "rename", /^manifest\/0+2\.manifest\.tmp$/],
    "an old manifest is deleted": ["first", "unlink", /^manifest\/0+1\.manifest$/],
    "the directories above are synced": ["first", "fsync", /^\.\.$/],
    "the log is recovered": ["second", "pread64", /^wal\/\d+\.wal$/],
    "a table is opened": ["second", "pread64", /^tables\/\d+\.table$/],
    "a torn tail is put aside": ["second", "rename", /\.torn\.tmp$/],
    "the last segment is written anew": ["second", "rename", /^wal\/\d+\.wal\.tmp$/],
    "what nobody finished is removed": ["second", "unlink", /^(wal|tables)\/.*\.tmp$/],
  };
  const missing = Object.entries(acts).filter(
    ([, [life, kind, path]]) =>
      !calls.some(({ life: its, cell }) => its === life && cell.kind === kind && path.test(cell.path)),
  );
  expect(missing.map(([act]) => act)).toEqual([]);
});

testWithStrace("each fault that is left out is left out of something, for a reason", async () => {
  const { calls } = await referenceOf();
  const idle = exclusions.filter(({ isOf, why }) => why === "" || !calls.some(({ cell }) => isOf(cell)));
  expect(idle.map(({ why }) => why)).toEqual([]);
});

testWithStrace("whatever call fails, in whatever way, the real server keeps its promise", () =>
  withSeed(async (random) => {
    const cases = await casesOf();
    expect(cases.length).toBeGreaterThan(2_000);
    const tally = new RealFaultTally();
    await inTwoLanes(draw(cases, random), async (each) => tally.add(each, await tryCase(each)));
    expect(tally.tried).toBe(casesDrawn);
    // In five attempts a machine may be too busy to make the very call that was meant.
    expect(tally.met).toBeGreaterThanOrEqual(casesDrawn - 1);
  }),
);

/** Of each fault one call. */
function draw(cases: readonly Case[], random: Random): Case[] {
  const byFault = Map.groupBy(cases, ({ way }) => way.name);
  return faultNames.map((name) => {
    const ofIt = byFault.get(name)!;
    return ofIt[randomBelow(random, ofIt.length)]!;
  });
}

describe("the sweep finds out", () => {
  const ofLog = "first life: fdatasync wal/000000000001.wal 1, EIO once";
  const ofManifest = "first life: pwrite64 manifest/000000000001.manifest 1, short write once";
  const inLog = (from: string, to: string) => [{ file: "src/wal/log-syncs.ts", from, to }];
  const bugs: [what: string, name: string, found: RegExp, changes: readonly SourceChange[]][] = [
    [
      "when a failed sync of the log is taken for a good one",
      ofLog,
      /may only be "stopped"/,
      inLog("await segment.sync();", "await segment.sync().catch(() => {});"),
    ],
    [
      "when a failed sync of the log is tried again",
      ofLog,
      /may only be "stopped"|after it had failed, it tried fdatasync/,
      inLog("await segment.sync();", "await segment.sync().catch(() => segment.sync());"),
    ],
    [
      "when acks leave before the sync that fails",
      ofLog,
      /seq \d+ was acknowledged, and \d+ durable/,
      removals["acks leave before the sync"],
    ],
    [
      "when the rest of a short write is not written",
      ofManifest,
      /leaves a gap|corrupt|did not go on/,
      [{ file: "src/vfs/file-system.ts", from: "    written += count;", to: "    written = source.length;" }],
    ],
  ];
  for (const [what, name, found, changes] of bugs) {
    testWithStrace(what, async () => {
      using copy = changedSource(changes);
      const each = (await casesOf()).find((one) => nameOf(one) === name)!;
      expect(await tryCase(each, copy.path).catch(String)).toMatch(found);
    });
  }
});
