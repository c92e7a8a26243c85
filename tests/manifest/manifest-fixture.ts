import { dirname } from "node:path";
import type { ManifestEdit, ManifestState, TableEntry } from "../../src/manifest/manifest-state.ts";
import { createManifest, type Manifest, openManifest } from "../../src/manifest/manifest.ts";
import { readFile, writeFully, type FileSystem } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";

export const manifestDirectory = "/data/store/manifest";
export const storeId = Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index);
export const hashSeed = 0x5eed_5eed;

/** What a manifest begins with. */
export const emptyState: ManifestState = {
  storeId,
  hashSeed,
  coveredSeq: 0,
  nextTableNumber: 1,
  segmentNumber: 0,
  durableSeq: 0,
  tables: [],
};

export function createTestManifest(
  fileSystem: FileSystem,
  manifestBytesMax = 1_000_000,
  assertInPlace = () => {},
): Promise<Manifest> {
  return createManifest(fileSystem, manifestDirectory, {
    storeId,
    hashSeed,
    manifestBytesMax,
    assertInPlace,
  });
}

export async function openTestManifest(
  fileSystem: FileSystem,
  manifestBytesMax = 1_000_000,
): Promise<Manifest> {
  const manifest = await openManifest(fileSystem, manifestDirectory, { manifestBytesMax });
  if (manifest === undefined) throw new Error("there is no manifest");
  return manifest;
}

/** A table; what a test says nothing of is small and possible. Keys given as text are their UTF-8. */
export function table(
  number: number,
  level: number,
  keys: readonly [first: string, last: string],
  versions: readonly [min: number, max: number] = [1, 1],
): TableEntry {
  const [firstKey, lastKey] = keys.map((key) => new Uint8Array(Buffer.from(key))) as [Uint8Array, Uint8Array];
  const [versionMin, versionMax] = versions;
  const sizes = { bytes: 4000 + number, entryCount: 10, tombstoneCount: 1, keyBytes: 90, valueBytes: 1000 };
  return {
    number,
    level,
    ...sizes,
    versionMin,
    versionMax,
    firstKey,
    lastKey,
    fileChecksum: 0xc0de_0000 + number,
  };
}

/** An edit that adds and removes, and otherwise leaves things as they are or moves them on as far as it must. */
export function edit(state: ManifestState, change: Partial<ManifestEdit>): ManifestEdit {
  const { nextTableNumber, segmentNumber } = state;
  const added = change.added ?? [];
  const coveredSeq =
    change.coveredSeq ?? Math.max(state.coveredSeq, ...added.map(({ versionMax }) => versionMax));
  return {
    removed: [],
    nextTableNumber: Math.max(nextTableNumber, ...added.map(({ number }) => number + 1)),
    segmentNumber,
    durableSeq: Math.max(state.durableSeq, coveredSeq),
    ...change,
    coveredSeq,
    added,
  };
}

/** A state as text that names every bit of it, to be compared and shown. */
export function describeState(state: ManifestState | undefined): string {
  if (state === undefined) return "none\n";
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  const lines = state.tables.map(
    (entry) =>
      `table ${entry.number}, level ${entry.level}, ${entry.bytes} bytes, entries ${entry.entryCount}, ` +
      `tombstones ${entry.tombstoneCount}, key bytes ${entry.keyBytes}, value bytes ${entry.valueBytes}, ` +
      `versions ${entry.versionMin}-${entry.versionMax}, keys ${hex(entry.firstKey)}-${hex(entry.lastKey)}, ` +
      `checksum ${entry.fileChecksum.toString(16)}`,
  );
  const { coveredSeq, nextTableNumber, segmentNumber, durableSeq } = state;
  return [
    `store ${hex(state.storeId)}, hash seed ${state.hashSeed.toString(16)}`,
    `covered seq ${coveredSeq}, next table ${nextTableNumber}, segment ${segmentNumber}, durable seq ${durableSeq}`,
    ...lines,
    "",
  ].join("\n");
}

/** The files of the manifest's directory by name. */
export type Files = Map<string, Buffer>;

export function filesOf(fileSystem: FileSystem): Files {
  const names = fileSystem.list(manifestDirectory).sort();
  return new Map(names.map((name) => [name, readFile(fileSystem, `${manifestDirectory}/${name}`)]));
}

/** A disk that holds these files, durably. */
export async function diskWith(files: Files): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  for (const path of ["/data", dirname(manifestDirectory), manifestDirectory]) disk.makeDirectory(path);
  for (const [name, bytes] of files) {
    const file = disk.create(`${manifestDirectory}/${name}`);
    writeFully(file, bytes, 0);
    await file.sync();
    file.close();
  }
  for (const path of [manifestDirectory, dirname(manifestDirectory), "/data", "/"])
    await disk.syncDirectory(path);
  return disk;
}

/** The same files, one of them changed; `undefined` removes it. */
export function withFile(files: Files, name: string, bytes: Uint8Array | undefined): Files {
  const changed = new Map(files);
  if (bytes === undefined) changed.delete(name);
  else changed.set(name, Buffer.from(bytes));
  return changed;
}

export function withBitFlipped(bytes: Uint8Array, offset: number, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[offset]! ^= 1 << bit;
  return changed;
}

export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("the promise was not rejected");
}
