import { describe, expect, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import type { SyncMode, WalOptions } from "../../src/wal/write-ahead-log.ts";
import { forEachSeed } from "../vfs/for-each-seed.ts";
import { crashEverywhere, type Scenario } from "./crash-points.ts";
import { type Expectation, Ledger, nothingYet } from "./ledger.ts";
import { openTestLog, put } from "./log-fixture.ts";
import { settle } from "./still-clock.ts";

/** A crash before every call to the disk, of every act that makes more than one; twice in a row where it is short. */

type Act = Scenario["act"];

const acts: Record<string, { prepare?: Act; options?: WalOptions; act: Act }> = {
  "the first start of a log": { act: async () => {} },

  "appends, one by one and together": {
    act: async ({ ledger }) => {
      await ledger.append(put("a", 300));
      await ledger.append(put("b", 700));
      await Promise.all([ledger.append(put("c", 30)), ledger.appendBatch([put("d", 400), put("e", 400)])]);
    },
  },

  "a rotation": {
    options: { segmentBytesMax: 400 },
    act: async ({ ledger }) => {
      await Promise.all([1, 2, 3].map((value) => ledger.append(put("k", 50 * value))));
      await ledger.appendBatch([put("k", 100), put("l", 100)]);
    },
  },

  "a truncation of several segments": {
    options: { segmentBytesMax: 300 },
    prepare: async ({ ledger }) => {
      for (let index = 0; index < 5; index++) await ledger.append(put("k", 100));
      await ledger.sync();
    },
    act: async ({ ledger }) => {
      await ledger.truncate(3);
      await ledger.append(put("between", 10));
      await ledger.truncate(6);
    },
  },

  "truncations and appends at the same moment": {
    options: { segmentBytesMax: 500 },
    prepare: async ({ ledger }) => {
      for (let index = 0; index < 4; index++) await ledger.append(put("k", 100));
      await ledger.sync();
    },
    act: async ({ ledger }) => {
      const calls = [ledger.append(put("x", 20)), ledger.truncate(2), ledger.appendBatch([put("y", 200)])];
      calls.push(ledger.truncate(7), ledger.checkpoint(), ledger.append(put("z", 20)));
      await Promise.all(calls);
    },
  },

  "a seal, and the end": {
    act: async ({ ledger, clock }) => {
      await ledger.append(put("a", 30));
      await ledger.sync();
      clock.advance(50);
      await settle();
      await ledger.append(put("b", 30));
      await ledger.close();
    },
  },
};

async function prepare(
  syncMode: SyncMode,
  { prepare: act, options }: (typeof acts)[string],
): Promise<Scenario> {
  const disk = new MemoryFileSystem();
  let before: Expectation = nothingYet;
  if (act !== undefined) {
    const log = await openTestLog(disk, { syncMode, preparesSegments: true, ...options });
    const ledger = new Ledger(log, nothingYet);
    await act({ log, ledger, clock: undefined as never });
    before = ledger.expectation();
  }
  const killed = disk.crash({ unsynced: "kept" });
  return {
    disk: killed,
    before,
    options: { syncMode, preparesSegments: true, ...options },
    act: async () => {},
  };
}

describe.each<SyncMode>(["always", "batch", "none"])('in mode "%s" a crash at any call', (syncMode) => {
  test.each(Object.entries(acts))("of %s breaks no promise", async (_, row) => {
    const scenario = await prepare(syncMode, row);
    const checked = await crashEverywhere({ ...scenario, act: row.act }, 2);
    expect(checked).toBeGreaterThan(100);
  });
});

describe("a crash at any call of a recovery, and of the recovery from that,", () => {
  test("breaks no promise, when the log was left unsealed", async () => {
    const scenario = await prepare("always", {
      prepare: async ({ ledger }) => {
        await ledger.append(put("a", 200));
        await ledger.appendBatch([put("b", 500), put("c", 300)]);
      },
      act: async () => {},
    });
    expect(await crashEverywhere(scenario, 2)).toBeGreaterThan(200);
  });

  test("breaks no promise, when its tail was torn", async () => {
    const scenario = await prepare("always", {
      prepare: async ({ ledger }) => {
        await ledger.append(put("a", 200));
        await ledger.append(put("b", 500));
      },
      act: async () => {},
    });
    const segment = scenario.disk.open("/data/log/000000000001.wal");
    const { walk } = surveyLog(scenario.disk, "/data/log").segments[0]!;
    segment.write(Buffer.from("a group that was never finished, at least not whole"), walk.end);
    await segment.sync();
    segment.close();
    expect(await crashEverywhere(scenario, 2)).toBeGreaterThan(200);
  });

  test("breaks no promise, when bytes and names were written but nothing synced them", async () => {
    const scenario = await prepare("none", {
      options: { segmentBytesMax: 600 },
      prepare: async ({ ledger }) => {
        for (let index = 0; index < 6; index++) await ledger.append(put("k", 100));
      },
      act: async () => {},
    });
    expect(await crashEverywhere(scenario, 2)).toBeGreaterThan(200);
  });
});

/**
 * A seal carries the floor, and in these modes nothing vouches for it. A start once wrote it over itself, and a power
 * cut in that moment brought an older floor back, with the segments gone that it no longer covered.
 */
test.each<SyncMode>(["batch", "none"])(
  'in mode "%s" a crash at any call of a start takes back no truncation',
  async (syncMode) => {
    const options = { syncMode, segmentBytesMax: 400 };
    const written = new MemoryFileSystem();
    const log = await openTestLog(written, options);
    for (let index = 0; index < 5; index++) await log.append(put("k", 100));
    await log.sync();
    await log.truncate(4);
    await forEachSeed(30, async (random) => {
      const disk = written.crash({ unsynced: "lost" });
      const crashed: MemoryFileSystem[] = [];
      const onCall = () => void crashed.push(disk.crash({ random }));
      await openTestLog(new FailingFileSystem(disk, { onCall }), options);
      for (const left of crashed) expect((await openTestLog(left, options)).floorSeq).toBe(4);
    });
  },
);
