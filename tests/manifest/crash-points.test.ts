import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import {
  addedTableBytes,
  editHeaderBytes,
  editNumbersBytes,
  fileHeaderBytes,
} from "../../src/manifest/format.ts";
import { sectorBytes } from "../../src/vfs/memory-image.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { crashEverywhere, Ledger, type Scenario } from "./crash-points.ts";
import { createTestManifest, edit, emptyState, manifestDirectory, table } from "./manifest-fixture.ts";
import { randomEdit } from "./random-edits.ts";

/** A crash before every call to the disk, of every act that makes more than one; twice in a row. */

type Act = Scenario["act"];

/** An edit that spans several sectors of the disk, so that a power cut can take some and leave others. */
const longKey = (first: string) => first + "k".repeat(1400);

const severalEdits: Act = async (manifest, ledger) => {
  const added = [table(1, 0, [longKey("a"), longKey("z")], [1, 10])];
  await ledger.apply(manifest, edit(ledger.state, { added, segmentNumber: 2 }));
  await ledger.apply(manifest, edit(ledger.state, { coveredSeq: 11 }));
  const merged = [table(2, 1, ["a", longKey("c")]), table(3, 1, ["d", longKey("k")])];
  await ledger.apply(manifest, edit(ledger.state, { added: merged, removed: [1] }));
};

const acts: Record<string, { prepare?: Act; manifestBytesMax?: number; act: Act }> = {
  "a first start": { act: async () => {} },
  "edits that are appended": { act: severalEdits },
  "edits that are each written with a new file": { manifestBytesMax: 0, act: severalEdits },
  "edits of which some are appended, and some begin a new file": {
    manifestBytesMax: 7_000,
    act: async (manifest, ledger) => {
      const random = seededRandom(7);
      for (let step = 0; step < 8; step++) await ledger.apply(manifest, randomEdit(random, ledger.state));
    },
  },
  "edits that were asked for at once": {
    manifestBytesMax: 300,
    act: async (manifest, ledger) => {
      const asked = [1, 2, 3, 4, 5].map((coveredSeq) =>
        ledger.apply(manifest, edit(ledger.state, { coveredSeq })),
      );
      await Promise.all(asked);
    },
  },
  "a start, and nothing else": { prepare: severalEdits, act: async () => {} },
  "a start, an edit and the end": {
    prepare: severalEdits,
    act: async (manifest, ledger) => {
      await ledger.apply(manifest, edit(ledger.state, { coveredSeq: 50 }));
      await manifest.close();
    },
  },
};

async function prepare({ prepare: act, manifestBytesMax = 1_000_000 }: (typeof acts)[string]) {
  const disk = new MemoryFileSystem();
  const ledger = new Ledger(undefined);
  if (act !== undefined) {
    const manifest = await ledger.create(disk, manifestBytesMax);
    await act(manifest, ledger);
  }
  // Not crashed: what was never synced stays so.
  return { disk: disk.crash({ unsynced: "kept" }), possible: ledger.possible, manifestBytesMax };
}

describe("a crash at any call, and at any call of the start after it,", () => {
  test.each(Object.entries(acts))("of %s leaves what was announced, or one edit more", async (_, row) => {
    const checked = await crashEverywhere({ ...(await prepare(row)), act: row.act }, 2);
    expect(checked).toBeGreaterThan(100);
  });

  test("of an edit whose seal lies across two sectors of the disk leaves what was announced, or more", async () => {
    const sealOffset = (lastKey: string) => {
      const header = fileHeaderBytes + 2 * (editHeaderBytes + editNumbersBytes);
      return header + addedTableBytes + "a".length + lastKey.length;
    };
    for (let inFirst = 6; inFirst < editHeaderBytes; inFirst += 6) {
      const lastKey = "z".repeat(2 * sectorBytes - inFirst - sealOffset(""));
      expect(sealOffset(lastKey) + inFirst).toBe(2 * sectorBytes);
      const act: Act = async (manifest, ledger) => {
        await ledger.apply(manifest, edit(ledger.state, { added: [table(1, 0, ["a", lastKey])] }));
        await ledger.apply(manifest, edit(ledger.state, { added: [table(2, 0, ["a", longKey("z")])] }));
      };
      const { disk, possible } = await prepare({ act: async () => {} });
      const scenario = {
        disk,
        possible,
        manifestBytesMax: 10_000,
        randomCuts: 30,
        salt: 1000 * inFirst,
        act,
      };
      expect(await crashEverywhere(scenario, 1)).toBeGreaterThan(50);
    }
  });

  test("of a start that finds a torn edit leaves what was announced", async () => {
    const row = { prepare: severalEdits, act: async () => {} };
    const scenario = await prepare(row);
    const file = scenario.disk.open(`${manifestDirectory}/000000000001.manifest`);
    file.write(Buffer.from("an edit that was never finished, at least not whole"), file.size());
    await file.sync();
    expect(await crashEverywhere({ ...scenario, act: severalMore }, 2)).toBeGreaterThan(100);
  });

  test("of a start that finds an edit that is whole and was never synced leaves it or not, for good", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk);
    const ledger = new Ledger(emptyState);
    disk.holdSyncs(true);
    void ledger.apply(manifest, edit(ledger.state, { added: [table(1, 0, ["a", longKey("z")], [1, 10])] }));
    await disk.nextHeldSync();
    const left = disk.crash({ unsynced: "kept" });
    left.holdSyncs(false);
    const { possible } = ledger;
    expect(possible.length).toBe(2);
    const scenario = { disk: left, possible, manifestBytesMax: 1_000_000, act: severalMore };
    expect(await crashEverywhere(scenario, 2)).toBeGreaterThan(100);
  });
});

const severalMore: Act = async (manifest, ledger) => {
  for (const coveredSeq of [50, 51]) await ledger.apply(manifest, edit(ledger.state, { coveredSeq }));
};
