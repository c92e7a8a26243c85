import { describe, expect, test } from "bun:test";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import { changedSource, type SourceChange } from "../../support/changed-source.ts";
import { withSeed } from "../../support/seeds.ts";
import { beginnings } from "./beginnings.ts";
import { play } from "./script.ts";
import { casesOf, referenceOf, tryCase, type Case } from "./sweep.ts";
import { FaultTally } from "./tally.ts";
import { faultNames } from "./ways.ts";

/** Drawn of about twenty thousand. The long version tries them all. */
const casesDrawn = 60;

describe.each(Object.keys(beginnings))("a run from %s", (beginning) => {
  test("makes the same calls each time", async () => {
    const { calls } = await play(await beginnings[beginning]!());
    expect(calls).toEqual([...(await referenceOf(beginning))]);
  });

  test("does all that a store does", async () => {
    const calls = await referenceOf(beginning);
    const acts: Record<string, [kind: string, path: RegExp]> = {
      "a segment is begun": ["rename", /^\/data\/wal\/.*\.wal\.tmp$/],
      "a segment is pruned": ["unlink", /^\/data\/wal\/\d+\.wal$/],
      "a table is published": ["rename", /^\/data\/tables\/.*\.tmp$/],
      "a merged table is deleted": ["unlink", /^\/data\/tables\/\d+\.table$/],
      "the manifest is written anew": ["rename", /^\/data\/manifest\/.*\.tmp$/],
      "an edit is appended": ["datasync", /^\/data\/manifest\/\d+\.manifest$/],
      "a group is synced": ["datasync", /^\/data\/wal\/\d+\.wal$/],
      "a backup links tables": ["link", /^\/data\/tables\//],
      "a backup gets its name": ["rename", /^\/backup\.unfinished$/],
    };
    const missing = Object.entries(acts).filter(
      ([, [kind, path]]) => !calls.some((call) => call.kind === kind && path.test(call.path)),
    );
    expect(missing.map(([act]) => act)).toEqual([]);
    expect(calls.length).toBeGreaterThan(700);
  });
});

test("whatever call fails, in whatever way, nothing that was promised is lost, and nothing hangs", async () => {
  await withSeed(async (random) => {
    const cases = await casesOf();
    expect(cases.length).toBeGreaterThan(15_000);
    const tally = new FaultTally();
    for (const each of draw(cases, random)) tally.add(each, await tryCase(each));
    expect(tally.cases).toBeGreaterThanOrEqual(casesDrawn);
    expect(tally.restarts).toBe(3 * tally.cases);
    expect(tally.calls.size).toBeGreaterThan(18);
    expect(tally.count("short write", "unnoticed")).toBeGreaterThan(0);
    expect(tally.count("short read", "unnoticed")).toBeGreaterThan(0);
    expect(tally.count("EIO", "stopped")).toBeGreaterThan(0);
  });
});

/** One of each fault in each spread, one at each kind of call, and then any. */
function draw(cases: readonly Case[], random: Random): Case[] {
  const any = (from: readonly Case[]) => from[randomBelow(random, from.length)]!;
  const byFault = Map.groupBy(cases, ({ way }) => `${way.name} ${way.spread} ${way.lost}`);
  const byCall = Map.groupBy(cases, ({ call }) => call.kind);
  expect(new Set(cases.map(({ way }) => way.name))).toEqual(new Set(faultNames));
  const drawn = [...byFault.values(), ...byCall.values()].map(any);
  while (drawn.length < casesDrawn) drawn.push(any(cases));
  return drawn;
}

describe("the sweep finds out", () => {
  const bugs: [what: string, only: string, found: RegExp, changes: SourceChange[]][] = [
    [
      "when a failed sync of the log is taken for a good one",
      "^EIO .once, cache old. at call 4.*datasync /data/wal",
      /was promised|after the log had failed/,
      [
        {
          file: "src/wal/segment-file.ts",
          from: "await this.#file.datasync();",
          to: "await this.#file.datasync().catch(() => {});",
        },
      ],
    ],
    [
      // A merge and a flush end at the same time, and the names of both are lost: the failed sync told the flush alone.
      // The merge was announced, its inputs were deleted, and a power cut took its tables.
      "when two jobs sync the tables' directory at once",
      "^EIO .(once|sticky), cache new.* syncDirectory /data/tables ",
      /the file is missing/,
      [
        {
          file: "src/compaction/publish-turns.ts",
          from: "const synced = this.#ended.then(async () => {",
          to: "const synced = Promise.resolve().then(async () => {",
        },
        {
          file: "src/compaction/publish-turns.ts",
          from: "if (this.failures !== failuresBefore) throw this.#lastFailure;",
          to: "",
        },
      ],
    ],
  ];
  test.each(bugs)("%s", async (_what, only, found, changes) => {
    using copy = changedSource(changes, ["src", "client", "tests"]);
    const child = Bun.spawn([process.execPath, "tests/faults/fault-sweep/long.ts", "--only", only], {
      cwd: copy.path,
      stdout: "ignore",
      stderr: "pipe",
    });
    const report = await new Response(child.stderr).text();
    expect({ exitCode: await child.exited, report }).toEqual({
      exitCode: 1,
      report: expect.stringMatching(/\nRepeat this with .*--case \d+/),
    });
    expect(report).toMatch(found);
  });
});
