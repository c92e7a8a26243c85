import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../src/lib/random.ts";
import { ManifestCorruptionError, ManifestFaultError } from "../../src/manifest/errors.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Call, CallKind, Fault } from "../../src/vfs/fault.ts";
import { type CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import { start, type Ledger } from "./crash-points.ts";
import {
  createTestManifest,
  describeState,
  edit,
  filesOf,
  manifestDirectory,
  openTestManifest,
  rejectionOf,
  table,
} from "./manifest-fixture.ts";

/**
 * Every single call of a reference run fails, once or from then on, in every way that such a call can. Nothing that
 * was announced is lost, nothing is announced after the failure, and nothing is tried again.
 */

/** So small that of the run's edits some are appended, and some begin a new file. */
const manifestBytesMax = 500;

interface Run {
  readonly fileSystem: FailingFileSystem;
  readonly possible: readonly string[];
  readonly errors: readonly unknown[];
}

/** Two lives of a manifest, whatever happens: begun or opened, edited and closed. */
async function run(disk: MemoryFileSystem, faults: Fault[]): Promise<Run> {
  const fileSystem = new FailingFileSystem(disk, { faults });
  const errors: unknown[] = [];
  let possible: readonly string[] = [describeState(undefined)];
  for (const life of [1, 2]) {
    let ledger: Ledger | undefined;
    try {
      const started = await start(fileSystem, possible, manifestBytesMax, (begun) => (ledger = begun));
      for (let step = 1; step <= 4; step++) {
        const number = 4 * life + step;
        const versions = [number, number] as const;
        const added = [table(number, 0, ["a".repeat(20 * step), "z"], versions)];
        const next = edit(started.ledger.state, { added, removed: step === 1 ? [] : [number - 1] });
        await started.ledger.apply(started.manifest, next).catch((error) => errors.push(error));
      }
      await started.manifest.close();
    } catch (error) {
      errors.push(error);
    }
    possible = ledger?.possible ?? possible;
    if (errors.length > 0) break;
  }
  return { fileSystem, possible, errors };
}

type Way =
  | { error: "EIO" | "ENOSPC" | "EMFILE" | "EACCES"; applied?: true; lost?: "new" | "old" | "hole" }
  | { bytes: number };

/** The ways in which a call can fail. `lost` is what a failed sync does to what it should have brought to the disk. */
function waysToFail({ kind, path }: Call): Way[] {
  const lossySync: Way[] = [
    { error: "EIO", lost: "new" },
    { error: "EIO", lost: "old" },
    { error: "EIO", lost: "hole" },
    { error: "EIO", applied: true },
    { error: "ENOSPC", lost: "old" },
  ];
  const ways: Partial<Record<CallKind, Way[]>> = {
    write: [
      { error: "EIO" },
      { error: "ENOSPC" },
      { error: "EIO", applied: true },
      { bytes: 0 },
      { bytes: 7 },
    ],
    read: [{ error: "EIO" }, { bytes: 0 }, { bytes: 7 }],
    datasync: lossySync,
    sync: lossySync,
    // Names above the manifest's are made once, by a first start: no later one could make them again.
    syncDirectory:
      path === manifestDirectory ? [{ error: "EIO", lost: "new" }, { error: "EIO" }] : [{ error: "EIO" }],
    rename: [{ error: "EIO" }, { error: "EIO", applied: true }, { error: "ENOSPC" }],
    unlink: [{ error: "EIO" }, { error: "EIO", applied: true }],
    create: [{ error: "ENOSPC" }, { error: "EMFILE" }],
    close: [{ error: "EIO", applied: true }],
  };
  return ways[kind] ?? [{ error: "EIO" }];
}

const changing: readonly CallKind[] = [
  "create",
  "write",
  "truncate",
  "rename",
  "unlink",
  "datasync",
  "sync",
  "syncDirectory",
];

const crashes = (seed: number): CrashOptions[] => [
  { unsynced: "kept" },
  { unsynced: "lost" },
  { random: seededRandom(seed) },
];

/** The next start, after each way of stopping: it finds what was announced, goes on, and what it does is durable. */
async function expectRestarts(
  disk: MemoryFileSystem,
  possible: readonly string[],
  seed: number,
): Promise<void> {
  for (const crash of crashes(seed)) {
    const left = disk.crash(crash);
    const { manifest, ledger } = await start(left, possible, manifestBytesMax);
    await ledger.apply(manifest, edit(ledger.state, { coveredSeq: ledger.state.coveredSeq + 1 }));
    await start(left.crash({ unsynced: "lost" }), ledger.possible, manifestBytesMax);
  }
}

async function failEachCall(prepared: MemoryFileSystem): Promise<number> {
  const { calls } = (await run(prepared.clone(), [])).fileSystem;
  let tried = 0;
  for (const [index, call] of calls.entries()) {
    for (const way of waysToFail(call)) {
      for (const sticky of [false, true]) {
        const story = `${call.kind} ${call.path} (call ${index}) ${JSON.stringify(way)}${sticky ? " for ever" : ""}`;
        const disk = prepared.clone();
        const failed = await run(disk, [{ at: index + 1, sticky, ...way } as Fault]);
        tried++;
        try {
          expectStopped(failed, index, call, way);
          await expectRestarts(disk, failed.possible, index);
        } catch (error) {
          throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
        }
      }
    }
  }
  return tried;
}

function expectStopped({ fileSystem, errors }: Run, index: number, call: Call, way: Way): void {
  const isFailure = "error" in way || (way.bytes === 0 && (call.kind === "write" || call.kind === "read"));
  const isChange = changing.includes(call.kind);
  if (!isFailure) return void expect(errors).toEqual([]);
  // What closing says of a file that was synced edit by edit, and is not even read again, changes nothing.
  if (errors.length === 0) return void expect(call.kind).toBe("close");

  const codes = errors.map((error) => (error as { code?: unknown }).code);
  const isRead = codes[0] === "MANIFEST_CORRUPT";
  if (isChange) expect(isRead).toBe(false);
  // The first one stopped it, and every later edit hears the same.
  expect(new Set(errors).size).toBe(1);
  expect(errors[0]).toBeInstanceOf(isRead ? ManifestCorruptionError : ManifestFaultError);
  const expected = "error" in way ? way.error : undefined;
  if (expected !== undefined) expect((errors[0] as Error).cause).toMatchObject({ code: expected });
  const after = fileSystem.calls.slice(index + 1).map(({ kind }) => kind);
  expect(after.filter((kind) => changing.includes(kind))).toEqual([]);
}

describe("whatever call fails, in whatever way, once or from then on,", () => {
  test("a manifest stops with what was announced, and a start goes on from there", async () => {
    expect(await failEachCall(new MemoryFileSystem())).toBeGreaterThan(300);
  });

  test("a start that finds a torn edit, and what others left behind, loses nothing", async () => {
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk);
    await manifest.apply(edit(manifest.state, { coveredSeq: 1 }));
    const first = filesOf(disk).get("000000000001.manifest")!;
    await manifest.close();
    await (await openTestManifest(disk)).close();
    const torn = disk.open(`${manifestDirectory}/000000000002.manifest`);
    torn.write(Buffer.alloc(100, "torn"), torn.size());
    await torn.sync();
    for (const [name, bytes] of [
      ["000000000001.manifest", first],
      ["000000000003.manifest.tmp", Buffer.from("HOLD")],
    ] as const) {
      const file = disk.create(`${manifestDirectory}/${name}`);
      file.write(bytes, 0);
      await file.sync();
    }
    await disk.syncDirectory(manifestDirectory);
    const found = describeState(manifest.state);
    const { calls } = await startedOn(disk.clone(), []);
    for (const [index, call] of calls.entries()) {
      for (const way of waysToFail(call)) {
        const damaged = disk.clone();
        const { error } = await startedOn(damaged, [{ at: index + 1, ...way } as Fault]);
        const story = `${call.kind} ${call.path} (call ${index}) ${JSON.stringify(way)}`;
        const isFailure = "error" in way || way.bytes === 0;
        expect({ story, failed: error !== undefined }).toEqual({ story, failed: isFailure });
        await expectRestarts(damaged, [found], index);
      }
    }
  });
});

async function startedOn(disk: MemoryFileSystem, faults: Fault[]) {
  const fileSystem = new FailingFileSystem(disk, { faults });
  const error = await openTestManifest(fileSystem).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { calls: fileSystem.calls, error };
}

describe("a full disk", () => {
  test.each([
    ["while an edit is appended", 1_000_000],
    ["while a new file is written", 0],
  ])("%s stops the manifest with ENOSPC as the cause, and nothing is lost", async (_, bytesMax) => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk);
    const manifest = await createTestManifest(fileSystem, bytesMax);
    await manifest.apply(edit(manifest.state, { added: [table(1, 0, ["a", "b"])] }));
    const announced = describeState(manifest.state);
    // Half of the write still fits.
    fileSystem.inject({ kind: "write", at: 1, bytes: 20 });
    fileSystem.inject({ kind: "write", at: 2, sticky: true, error: "ENOSPC" });
    const error = await rejectionOf(manifest.apply(edit(manifest.state, { coveredSeq: 9 })));
    expect(error).toBeInstanceOf(ManifestFaultError);
    expect(error).toMatchObject({ code: "STORAGE_FAULT", cause: { code: "ENOSPC" } });
    expect(await rejectionOf(manifest.apply(edit(manifest.state, { coveredSeq: 10 })))).toBe(error);
    expect(describeState(manifest.state)).toBe(announced);

    // A start needs room for one copy: without it, it changes nothing that counts, and may be tried again.
    for (let attempt = 0; attempt < 3; attempt++) {
      const refused = await rejectionOf(openTestManifest(fileSystem, bytesMax));
      expect(refused).toMatchObject({ code: "STORAGE_FAULT", cause: { code: "ENOSPC" } });
    }
    fileSystem.heal();
    const again = await openTestManifest(fileSystem, bytesMax);
    expect(describeState(again.state)).toBe(announced);
    await again.apply(edit(again.state, { coveredSeq: 9 }));
    expect(filesOf(disk).size).toBe(1);
  });
});
