import { createManifest, openManifest, type Manifest } from "../../src/manifest/manifest.ts";
import type { ManifestState } from "../../src/manifest/manifest-state.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { edit, emptyState, filesOf, manifestDirectory, table, type Files } from "./manifest-fixture.ts";

/** How each golden manifest is written. Whoever changes one changes what old programs left on people's disks. */
export const goldenManifests: Record<string, (write: WriteGolden) => Promise<void>> = {
  empty: (write) => write({}, async () => {}),

  "flush-and-compaction": (write) =>
    write({}, async (manifest) => {
      const flushed = [table(1, 0, ["apple", "melon"], [1, 10])];
      await manifest.apply(edit(manifest.state, { added: flushed, segmentNumber: 2 }));
      const merged = [table(2, 1, ["apple", "fig"], [1, 10]), table(3, 1, ["grape", "melon"], [2, 9])];
      await manifest.apply(edit(manifest.state, { added: merged, removed: [1] }));
    }),

  "nothing-but-progress": (write) =>
    write({}, async (manifest) => {
      await manifest.apply(edit(manifest.state, { coveredSeq: 1000, segmentNumber: 3, durableSeq: 2000 }));
    }),

  "every-level": (write) => {
    const tables = Array.from({ length: 7 }, (_, level) => table(level + 1, level, ["k", "k"], [level, 50]));
    const numbers = { coveredSeq: 50, nextTableNumber: 8, segmentNumber: 4, durableSeq: 51 };
    return write({ tables, ...numbers }, async () => {});
  },

  "large-numbers-and-bytes": (write) => {
    const large = {
      ...table(999_999_999_999, 0, ["", ""]),
      bytes: 2 ** 32 - 1,
      entryCount: 2 ** 40,
      tombstoneCount: 2 ** 39,
      keyBytes: 2 ** 53 - 1,
      valueBytes: 2 ** 53 - 1,
      versionMin: 2 ** 33,
      versionMax: 2 ** 53 - 2,
      firstKey: Uint8Array.from({ length: 256 }, (_, index) => index),
      lastKey: new Uint8Array(300).fill(0xff),
      fileChecksum: 0xffff_ffff,
    };
    const numbers = { coveredSeq: 2 ** 53 - 1, nextTableNumber: 1_000_000_000_000, segmentNumber: 2 ** 39 };
    return write({}, async (manifest) => {
      await manifest.apply(edit(manifest.state, { added: [large], ...numbers }));
    });
  },

  reopened: (write) =>
    write({}, async (manifest, disk) => {
      await manifest.apply(edit(manifest.state, { added: [table(1, 0, ["a", "b"])] }));
      await manifest.close();
      const again = (await openManifest(disk, manifestDirectory))!;
      await again.apply(
        edit(again.state, { added: [{ ...table(1, 0, ["a", "b"]), level: 1 }], removed: [1] }),
      );
    }),
};

type WriteGolden = (
  begun: Partial<ManifestState>,
  act: (manifest: Manifest, disk: MemoryFileSystem) => Promise<void>,
) => Promise<void>;

/** The files of a golden manifest, written anew. */
export async function writeGolden(name: string): Promise<Files> {
  const disk = new MemoryFileSystem();
  await goldenManifests[name]!(async (begun, act) => {
    const manifest = await createManifest(disk, manifestDirectory, { ...emptyState, ...begun });
    await act(manifest, disk);
  });
  return filesOf(disk);
}
