import { createManifest } from "../../src/manifest/manifest.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import type { EditPlace } from "../../src/manifest/walk-manifest.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import {
  describeState,
  edit,
  emptyState,
  filesOf,
  manifestDirectory,
  storeId,
  table,
  type Files,
} from "./manifest-fixture.ts";

export const firstName = "000000000001.manifest";

/** A manifest as a kill left it: a state with tables, and four edits with their seals behind it. */
export interface WrittenManifest {
  readonly files: Files;
  readonly bytes: Buffer;
  /** Where its edits lie, the state first. Behind each of the others lies its seal. */
  readonly places: readonly EditPlace[];
  /** What the state was once each of them had been applied. */
  readonly states: readonly string[];
}

export async function writeManifest(store = storeId): Promise<WrittenManifest> {
  const disk = new MemoryFileSystem();
  const tables = [table(2, 0, ["berry", "peach"], [11, 20]), table(1, 0, ["apple", "melon"], [1, 10])];
  const begun = {
    ...emptyState,
    storeId: store,
    coveredSeq: 20,
    nextTableNumber: 3,
    segmentNumber: 3,
    durableSeq: 25,
    tables,
  };
  const manifest = await createManifest(disk, manifestDirectory, begun);
  const states = [describeState(manifest.state)];
  const merged = [table(4, 1, ["apple", "grape"], [1, 30]), table(5, 1, ["lemon", "peach"], [2, 29])];
  for (const change of [
    { added: [table(3, 0, ["cherry", "plum"], [21, 30])], segmentNumber: 4 },
    { added: merged, removed: [1, 2, 3] },
    { coveredSeq: 33, segmentNumber: 5 },
    { added: [table(6, 0, ["fig", "fig"], [34, 40])], segmentNumber: 6 },
  ]) {
    await manifest.apply(edit(manifest.state, change));
    states.push(describeState(manifest.state));
  }
  const files = filesOf(disk);
  const places: EditPlace[] = [];
  readManifest(disk, manifestDirectory, (place) => places.push(place));
  return { files, bytes: files.get(firstName)!, places, states };
}
