import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import type { Seen } from "./oracle-types.ts";
import { RawStoreClient } from "./raw-store-client.ts";

/** What a server has recovered, as the oracle wants it. */
export interface RecoveredStore {
  readonly currentSeq: number;
  readonly entries: ReadonlyMap<string, Seen>;
  /** The newest of the log's: each but the first begins with a record of the store's own. */
  readonly segmentNumber: number;
}

/** Reads everything, while nobody writes. The server itself may be at work all the same, and begin a segment. */
export async function readRecovered(port: number, dataDirectory: string): Promise<RecoveredStore> {
  const client = await RawStoreClient.open(port);
  try {
    return await eventually("the store stands still", async () => {
      const segmentNumber = newestSegment(dataDirectory);
      const { entries } = await client.readAll();
      const { currentSeq, ackableSeq } = (await client.stats()).store;
      // A segment that was begun, and whose record has a seq, may not have its file yet.
      const stoodStill = currentSeq === ackableSeq && segmentNumber === newestSegment(dataDirectory);
      return stoodStill && { currentSeq, entries, segmentNumber };
    });
  } finally {
    await client.close();
  }
}

/** The segments of the log that lie in a data directory, oldest first. */
export function segmentNamesOf(dataDirectory: string): string[] {
  return namesIn(join(dataDirectory, "wal"), ".wal");
}

/** How far a store has come, as the names of its files tell. */
export interface StoreProgress {
  /** Segments of the log that were pruned: their content is in tables. */
  readonly segmentsPruned: number;
  /** How often the manifest was written: once a start, and whenever it had grown too long. */
  readonly manifestsWritten: number;
}

export function progressOf(dataDirectory: string): StoreProgress {
  const [oldest = "1"] = segmentNamesOf(dataDirectory);
  const manifests = namesIn(join(dataDirectory, "manifest"), ".manifest");
  return {
    segmentsPruned: Number.parseInt(oldest, 10) - 1,
    manifestsWritten: Number.parseInt(manifests.at(-1) ?? "0", 10),
  };
}

function newestSegment(dataDirectory: string): number {
  return Number.parseInt(segmentNamesOf(dataDirectory).at(-1)!, 10);
}

function namesIn(directory: string, ending: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(ending))
      .sort();
  } catch (error) {
    // Before the first server, and while it is only just beginning.
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
}
