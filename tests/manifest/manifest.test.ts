import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/lib/assert.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { createManifest, openManifest } from "../../src/manifest/manifest.ts";
import type { ManifestEdit } from "../../src/manifest/manifest-state.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { forEachSeed } from "../vfs/for-each-seed.ts";
import {
  createTestManifest,
  describeState,
  edit,
  emptyState,
  filesOf,
  hashSeed,
  manifestDirectory,
  openTestManifest,
  rejectionOf,
  storeId,
  table,
} from "./manifest-fixture.ts";
import { randomEdit, stateAfter } from "./random-edits.ts";

describe("a manifest", () => {
  test("of a directory that is missing or empty is none", async () => {
    const disk = new MemoryFileSystem();
    expect(await openManifest(disk, manifestDirectory)).toBeUndefined();
    expect(disk.listAll()).toEqual({});
    for (const path of ["/data", "/data/store", manifestDirectory]) disk.makeDirectory(path);
    expect(await openManifest(disk, manifestDirectory)).toBeUndefined();
  });

  test("begins empty, with the store's identity and secret", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk);
    expect(describeState(manifest.state)).toBe(describeState(emptyState));
    expect([...filesOf(disk).keys()]).toEqual(["000000000001.manifest"]);
    expect(manifest.file).toBe(`${manifestDirectory}/000000000001.manifest`);
    expect(manifest.bytes).toBe(filesOf(disk).get("000000000001.manifest")!.length);
  });

  test("may begin with the whole state of another one, as a copy of a store does", async () => {
    const disk = new MemoryFileSystem();
    const tables = [table(7, 0, ["a", "z"], [5, 9]), table(3, 2, ["a", "c"]), table(4, 2, ["d", "f"])];
    const state = {
      ...emptyState,
      coveredSeq: 9,
      nextTableNumber: 12,
      segmentNumber: 4,
      durableSeq: 11,
      tables,
    };
    const copy = await createManifest(disk, "/backup/manifest", state);
    expect(describeState(copy.state)).toBe(describeState(state));
    expect(describeState(readManifest(disk, "/backup/manifest")?.state)).toBe(describeState(state));
  });

  test("is not created where there is one", async () => {
    const disk = new MemoryFileSystem();
    await createTestManifest(disk);
    const before = filesOf(disk);
    expect(await rejectionOf(createTestManifest(disk))).toBeInstanceOf(AssertionError);
    expect(filesOf(disk)).toEqual(before);
  });

  test("says the same after every edit, every reopening, and with files of any size, as a plain list does", async () => {
    await forEachSeed(60, async (random, seed) => {
      const disk = new MemoryFileSystem();
      // From one file an edit to one file for all.
      const bytesMax = [0, 3000, 20_000, 1_000_000][seed % 4]!;
      let manifest = await createTestManifest(disk, bytesMax);
      let expected = emptyState;
      for (let step = 0; step < 40; step++) {
        const next = randomEdit(random, expected);
        const before = manifest.state;
        const described = describeState(before);
        await manifest.apply(next);
        expected = stateAfter(expected, next);
        expect(describeState(manifest.state)).toBe(describeState(expected));
        expect(describeState(before)).toBe(described);
        expect(describeState(readManifest(disk, manifestDirectory)?.state)).toBe(describeState(expected));
        if (step % 7 !== seed % 7) continue;
        await manifest.close();
        manifest = await openTestManifest(disk, bytesMax);
        expect(describeState(manifest.state)).toBe(describeState(expected));
      }
    });
  });

  test("lists tables by level, the newest of level 0 first, the others by key", async () => {
    const manifest = await createTestManifest(new MemoryFileSystem());
    const added = [
      table(1, 0, ["a", "z"], [1, 10]),
      table(2, 0, ["a", "b"], [11, 20]),
      table(3, 2, ["m", "n"]),
      table(4, 2, ["a", "c"]),
      table(5, 1, ["k", "l"]),
      table(6, 0, ["c", "d"], [15, 20]),
      table(7, 2, ["d", "d"]),
    ];
    await manifest.apply(edit(manifest.state, { added }));
    expect(manifest.state.tables.map(({ number }) => number)).toEqual([6, 2, 1, 5, 4, 7, 3]);
  });

  test("moves a table to another level without a new number", async () => {
    const manifest = await createTestManifest(new MemoryFileSystem());
    const flushed = table(1, 0, ["a", "z"], [1, 10]);
    await manifest.apply(edit(manifest.state, { added: [flushed] }));
    await manifest.apply(edit(manifest.state, { added: [{ ...flushed, level: 3 }], removed: [1] }));
    expect(manifest.state.tables).toEqual([{ ...flushed, level: 3 }]);
  });

  test("keeps its own bytes, whatever becomes of those it was given", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk);
    const added = table(1, 0, ["a", "z"]);
    const applied = manifest.apply(edit(manifest.state, { added: [added] }));
    added.firstKey.fill(0xff);
    await applied;
    added.lastKey.fill(0);
    expect(manifest.state.tables).toEqual([table(1, 0, ["a", "z"])]);
    expect(readManifest(disk, manifestDirectory)?.state).toEqual(manifest.state);
  });
});

describe("an edit", () => {
  test("shows in the state once it is durable, and not before", async () => {
    const disk = new MemoryFileSystem();
    for (const bytesMax of [1_000_000, 0]) {
      const manifest = await createManifest(disk, `/${bytesMax}`, {
        storeId,
        hashSeed,
        manifestBytesMax: bytesMax,
      });
      disk.holdSyncs(true);
      const before = manifest.state;
      let resolved = false;
      const applied = manifest
        .apply(edit(before, { added: [table(1, 0, ["a", "b"])] }))
        .then(() => (resolved = true));
      for (let sync = await disk.nextHeldSync(); ; sync = await disk.nextHeldSync()) {
        expect(manifest.state).toBe(before);
        expect(resolved).toBe(false);
        sync.release();
        await new Promise((resolve) => setImmediate(resolve));
        if (disk.heldSyncs.length === 0) break;
      }
      disk.holdSyncs(false);
      await applied;
      expect(manifest.state.tables.length).toBe(1);
    }
  });

  test("waits for those before it: each is written after the sync of the one before", async () => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk);
    const manifest = await createTestManifest(fileSystem);
    fileSystem.calls.length = 0;
    const { state } = manifest;
    const first = edit(state, { added: [table(1, 0, ["a", "b"], [1, 5])] });
    const second = edit(stateAfter(state, first), { added: [table(2, 0, ["a", "b"], [6, 9])], removed: [1] });
    const third = edit(stateAfter(stateAfter(state, first), second), { coveredSeq: 12 });
    await Promise.all([manifest.apply(first), manifest.apply(second), manifest.apply(third)]);
    const kinds = fileSystem.calls.map(({ kind }) => kind);
    // An edit and its seal, three times.
    expect(kinds).toEqual(Array.from({ length: 6 }, () => ["write", "datasync"] as const).flat());
    expect(manifest.state.tables.map(({ number }) => number)).toEqual([2]);
    expect(manifest.state.coveredSeq).toBe(12);
  });

  const state = stateAfter(
    emptyState,
    edit(emptyState, {
      added: [table(1, 0, ["a", "m"], [1, 50]), table(2, 1, ["b", "f"]), table(3, 1, ["h", "k"])],
      nextTableNumber: 10,
      coveredSeq: 100,
      segmentNumber: 5,
      durableSeq: 150,
    }),
  );
  const keys = (firstKey: Uint8Array, lastKey: Uint8Array) => ({
    ...table(4, 0, ["a", "b"]),
    firstKey,
    lastKey,
  });
  const impossible: Record<string, [Partial<ManifestEdit>, says: string]> = {
    "takes the covered seq back": [{ coveredSeq: 99 }, "it covers seq 99"],
    "takes the next table number back": [{ nextTableNumber: 9 }, "its next table number 9"],
    "takes the segment number back": [{ segmentNumber: 4 }, "its segment number 4"],
    "takes the durable seq back": [{ durableSeq: 149 }, "durable up to seq 149, after it was up to 150"],
    "covers more than was durable": [{ coveredSeq: 200, durableSeq: 199 }, "up to seq 199 only"],
    "has a fraction for a number": [{ coveredSeq: 100.5 }, "beyond all bounds"],
    "removes a table that is not live": [{ removed: [4] }, "removes table 4"],
    "removes a table twice": [{ removed: [1, 1] }, "removes table 1"],
    "adds a table that is live": [{ added: [table(1, 0, ["a", "b"])] }, "whose number a live table has"],
    "adds a table twice": [
      { added: [table(4, 0, ["a", "b"]), table(4, 0, ["a", "b"])] },
      "whose number a live table has",
    ],
    "adds another table under the number of one that it removes": [
      { added: [table(1, 1, ["s", "t"])], removed: [1] },
      "it is another one",
    ],
    "adds a table with a number that was never given": [
      { added: [table(10, 0, ["a", "b"])], nextTableNumber: 10 },
      "the next number is 10",
    ],
    "adds a table without a number": [{ added: [table(0, 0, ["a", "b"])] }, "the next number is 10"],
    "adds a table on a level below the last": [{ added: [table(4, 7, ["x", "y"])] }, "on level 7"],
    "adds a table that overlaps one before it": [{ added: [table(4, 1, ["f", "g"])] }, "overlaps table 2"],
    "adds a table that overlaps one behind it": [{ added: [table(4, 1, ["g", "h"])] }, "overlaps table 3"],
    "adds a table inside another": [{ added: [table(4, 1, ["c", "d"])] }, "overlaps table 2"],
    "adds a table around others": [{ added: [table(4, 1, ["a", "z"])] }, "overlaps table 2"],
    "adds a table that begins as another does": [{ added: [table(4, 1, ["h", "h"])] }, "overlaps table 3"],
    "adds two tables that overlap": [
      { added: [table(4, 2, ["a", "c"]), table(5, 2, ["c", "d"])] },
      "overlaps table 4",
    ],
    "adds versions that it does not cover": [
      { added: [table(4, 0, ["a", "b"], [1, 101])], coveredSeq: 100 },
      "above the seq 100",
    ],
    "adds versions in the wrong order": [{ added: [table(4, 0, ["a", "b"], [9, 8])] }, "lowest version"],
    "adds keys in the wrong order": [{ added: [table(4, 0, ["b", "a"])] }, "first key comes after"],
    "adds a table with an empty key": [{ added: [table(4, 0, ["", "a"])] }, "first or last key is none"],
    "adds a table with a key too long": [
      { added: [keys(new Uint8Array([1]), new Uint8Array(65_536).fill(2))] },
      "first or last key is none",
    ],
    "adds a table without bytes": [{ added: [{ ...table(4, 0, ["a", "b"]), bytes: 0 }] }, "which is empty"],
    "adds a table without entries": [
      { added: [{ ...table(4, 0, ["a", "b"]), entryCount: 0, tombstoneCount: 0 }] },
      "which is empty",
    ],
    "adds more tombstones than entries": [
      { added: [{ ...table(4, 0, ["a", "b"]), tombstoneCount: 11 }] },
      "more tombstones",
    ],
    "adds a negative number": [
      { added: [{ ...table(4, 0, ["a", "b"]), valueBytes: -1 }] },
      "beyond all bounds",
    ],
    "adds a checksum of more than 32 bits": [
      { added: [{ ...table(4, 0, ["a", "b"]), fileChecksum: 2 ** 32 }] },
      "whose checksum is none",
    ],
  };

  test.each(Object.entries(impossible))(
    "that %s is a bug, and changes nothing",
    async (_, [change, says]) => {
      const disk = new MemoryFileSystem();
      const manifest = await createManifest(disk, manifestDirectory, state);
      const before = filesOf(disk);
      const error = await rejectionOf(manifest.apply(edit(state, change)));
      expect(error).toBeInstanceOf(AssertionError);
      expect(error.message).toContain(says);
      expect(describeState(manifest.state)).toBe(describeState(state));
      expect(filesOf(disk)).toEqual(before);
      // It did not stop the manifest.
      await manifest.apply(edit(state, { coveredSeq: 101 }));
      expect(manifest.state.coveredSeq).toBe(101);
    },
  );

  test("that was asked for before the end is done, and none after it", async () => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk);
    const manifest = await createTestManifest(fileSystem);
    const applied = manifest.apply(edit(manifest.state, { coveredSeq: 7 }));
    const closed = manifest.close();
    expect(await rejectionOf(manifest.apply(edit(manifest.state, { coveredSeq: 8 })))).toBeInstanceOf(
      AssertionError,
    );
    await Promise.all([applied, closed, manifest.close()]);
    expect(readManifest(disk, manifestDirectory)?.state.coveredSeq).toBe(7);
    expect(fileSystem.calls.at(-1)!.kind).toBe("close");
    expect(fileSystem.count({ kind: "close" })).toBe(2);
  });

  test("is not written once the directory is no longer where it was", async () => {
    const disk = new MemoryFileSystem();
    let isInPlace = true;
    const manifest = await createTestManifest(disk, 0, () => {
      if (!isInPlace) throw new Error("the directory was moved");
    });
    await manifest.apply(edit(manifest.state, { coveredSeq: 1 }));
    isInPlace = false;
    const before = filesOf(disk);
    const error = await rejectionOf(manifest.apply(edit(manifest.state, { coveredSeq: 2 })));
    expect(error.message).toContain("the directory was moved");
    expect(filesOf(disk)).toEqual(before);
  });
});

describe("the file", () => {
  test("is written anew by every start, and the older ones go", async () => {
    const disk = new MemoryFileSystem();
    let manifest = await createTestManifest(disk);
    for (let boot = 2; boot < 6; boot++) {
      await manifest.apply(edit(manifest.state, { coveredSeq: boot }));
      await manifest.close();
      manifest = await openTestManifest(disk);
      expect(manifest.file).toEndWith(`/00000000000${boot}.manifest`);
      expect([...filesOf(disk).keys()]).toEqual([`00000000000${boot}.manifest`]);
      expect(readManifest(disk, manifestDirectory)).toMatchObject({ editCount: 1, editNumber: boot - 1 });
    }
  });

  test("grows by one edit at a time up to its limit, and is then written anew with the next one in it", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk, 500);
    let files = 1;
    for (let step = 1; step <= 30; step++) {
      const before = manifest.file;
      await manifest.apply(edit(manifest.state, { coveredSeq: step }));
      expect(manifest.bytes).toBeLessThanOrEqual(500);
      expect(manifest.bytes).toBe([...filesOf(disk).values()][0]!.length);
      if (manifest.file !== before) files++;
      expect(readManifest(disk, manifestDirectory)?.editNumber).toBe(step);
    }
    // 44 bytes of header, 76 of the state, and 112 an edit with its seal: three of those fit.
    expect(files).toBe(8);
    expect(filesOf(disk).size).toBe(1);
  });

  test("of a state longer than the limit grows to twice that before it is written anew", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk, 0);
    const added = Array.from({ length: 100 }, (_, index) => {
      const key = String(100 + index);
      return table(index + 1, 1, [key, key]);
    });
    await manifest.apply(edit(manifest.state, { added }));
    const stateBytes = manifest.bytes;
    const { file } = manifest;
    let edits = 0;
    for (; manifest.file === file; edits++) {
      await manifest.apply(edit(manifest.state, { coveredSeq: edits + 2 }));
    }
    expect(edits).toBe(Math.floor(stateBytes / 112) + 1);
    expect(manifest.bytes).toBe(stateBytes);
  });

  test("that another process left unfinished is deleted", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk);
    await manifest.apply(edit(manifest.state, { coveredSeq: 1 }));
    disk.create(`${manifestDirectory}/000000000002.manifest.tmp`).write(Buffer.from("HOLD"), 0);
    await openTestManifest(disk);
    expect([...filesOf(disk).keys()]).toEqual(["000000000002.manifest"]);
  });

  /** Killed there, a first start has left its name in the cache only: nothing may be built upon it. */
  test("that was the first one keeps its number until something is appended to it", async () => {
    const disk = new MemoryFileSystem();
    await createTestManifest(disk);
    const manifest = await openTestManifest(disk);
    expect([...filesOf(disk).keys()]).toEqual(["000000000001.manifest"]);
    await manifest.apply(edit(manifest.state, { coveredSeq: 1 }));
    const { state } = await openTestManifest(disk);
    expect([...filesOf(disk).keys()]).toEqual(["000000000002.manifest"]);
    expect(state.coveredSeq).toBe(1);
  });

  test("that was the first one gets the next number if a torn edit is cut off it", async () => {
    const disk = new MemoryFileSystem();
    await createTestManifest(disk);
    const file = disk.open(`${manifestDirectory}/000000000001.manifest`);
    file.write(Buffer.from("torn"), file.size());
    await file.sync();
    const { torn } = await openTestManifest(disk);
    expect(torn).toBeDefined();
    expect([...filesOf(disk).keys()]).toEqual(["000000000002.manifest"]);
  });

  test("on a real disk is the same as in memory, byte for byte", async () => {
    using directory = temporaryDirectory();
    const path = `${directory.path}/manifest`;
    const memory = new MemoryFileSystem();
    const added = [table(1, 0, ["a", "b"])];
    for (const [fileSystem, place] of [
      [realFileSystem, path],
      [memory, manifestDirectory],
    ] as const) {
      const first = await createManifest(fileSystem, place, { storeId, hashSeed, manifestBytesMax: 500 });
      await first.apply(edit(first.state, { added }));
      await first.close();
      const again = (await openManifest(fileSystem, place, { manifestBytesMax: 500 }))!;
      for (let step = 2; step < 9; step++) await again.apply(edit(again.state, { coveredSeq: step }));
      await again.close();
    }
    const [name, ...others] = realFileSystem.list(path);
    expect(others).toEqual([]);
    expect(readFile(realFileSystem, `${path}/${name}`)).toEqual(filesOf(memory).get(name!)!);
  });

  test("is read from a directory that is named relatively, and written where that was", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createManifest(disk, "data/../data/./manifest", { storeId, hashSeed });
    expect(manifest.file).toBe("/data/manifest/000000000001.manifest");
  });
});
