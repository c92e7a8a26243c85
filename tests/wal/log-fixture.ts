import { seededRandom } from "../../src/lib/random.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import {
  WriteAheadLog,
  type Operation,
  type WalOptions,
  type WalRecord,
} from "../../src/wal/write-ahead-log.ts";
import { StillClock } from "./still-clock.ts";

/** With a directory above it that the first start has to make as well. */
export const logDirectory = "/data/log";

/**
 * Opens a log the way most tests want it: with segments that memory holds many of, no headroom to keep free, files that
 * end with their last group, and a clock that stands still, so that no seal comes unasked.
 */
export function openTestLog(fileSystem: FileSystem, options: WalOptions = {}): Promise<WriteAheadLog> {
  return WriteAheadLog.open(logDirectory, {
    fileSystem,
    clock: new StillClock(),
    random: seededRandom(1),
    segmentBytesMax: 8192,
    diskHeadroomBytes: 0,
    preparesSegments: false,
    ...options,
  });
}

export function put(key: string, value: string | number = ""): Operation {
  return { type: "put", key, value: typeof value === "number" ? Buffer.alloc(value, key) : value };
}

export function del(key: string): Operation {
  return { type: "delete", key };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** A record as a line that is easy to compare: `3 put key=value`, `4 delete key`, `5 commit`. */
export function lineOf({ seq, type, key, value }: WalRecord): string {
  const name = key === undefined ? "" : ` ${Buffer.from(key).toString()}`;
  return `${seq} ${type}${name}${value === undefined ? "" : `=${Buffer.from(value).toString()}`}`;
}

export async function replayed(log: WriteAheadLog, afterSeq = 0): Promise<string[]> {
  return (await collect(log.replay({ afterSeq }))).map(lineOf);
}

export async function iterated(log: WriteAheadLog): Promise<string[]> {
  return (await collect(log.iterate())).map(lineOf);
}

/** What a promise was rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: Error) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error(`resolved with ${JSON.stringify(outcome.value)}`);
}
