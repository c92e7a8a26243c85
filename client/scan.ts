import { InvalidArgumentError } from "../src/lib/errors.ts";
import { snapshotLeaseMsDefault } from "../src/lib/limits.ts";
import { newestState, snapshotWanted } from "../src/protocol/opcodes.ts";
import type { CallOptions, Key, KeyKind, KeyOf } from "./options.ts";
import { pageRangeOf, readPage, type Page } from "./scan-page.ts";
import { SnapshotLease } from "./snapshot-lease.ts";
import type { View } from "./view.ts";

/** Which entries a scan reads: those that fulfil all of it. */
export interface ScanOptions extends CallOptions {
  /** Only keys that begin with this. Default: all of the keyspace. */
  prefix?: Key | undefined;
  /** The first key, inclusive. Default: from the beginning. */
  start?: Key | undefined;
  /** The end, exclusive. Default: to the end. */
  end?: Key | undefined;
  /** From the end towards the start. Default: false. */
  reverse?: boolean | undefined;
  /** At most this many entries. Default: all. */
  limit?: number | undefined;
  /** Without the values. Default: false. */
  keysOnly?: false | undefined;
}

export interface KeyScanOptions extends Omit<ScanOptions, "keysOnly"> {
  keysOnly: true;
}

export interface KeyEntry<N extends KeyKind = "string"> {
  /** Without the keyspace's prefix. */
  key: KeyOf<N>;
  version: number;
}

export interface Entry<V, N extends KeyKind = "string"> extends KeyEntry<N> {
  value: V;
}

export type Scan<V, N extends KeyKind = "string"> = EntryScan<Entry<V, N>>;
export type KeyScan<N extends KeyKind = "string"> = EntryScan<KeyEntry<N>>;

/**
 * Entries in the order of their keys' bytes, as they all were at one moment: that of the snapshot, or else that in
 * which the server read the first page. Every loop over it scans anew.
 *
 * Pages are read behind the scenes, the next one while this one is being used; each has the call's deadline. A loop may
 * take its time: the server is asked to keep its moment for as long as the loop lives. Should the server have lost it
 * nevertheless, because it was restarted or could not be reached for too long, the loop throws a SnapshotExpiredError:
 * entries of two moments are never mixed.
 */
export class EntryScan<E> implements AsyncIterable<E> {
  readonly #view: View<unknown>;
  readonly #options: ScanOptions | KeyScanOptions;

  /** @internal */
  constructor(view: View<any>, options: ScanOptions | KeyScanOptions) {
    this.#view = view;
    this.#options = options;
  }

  /** All entries in an array: as much memory as they take. */
  async all(): Promise<E[]> {
    const entries: E[] = [];
    for await (const entry of this) entries.push(entry);
    return entries;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<E, void, undefined> {
    const view = this.#view;
    const options = this.#options;
    const range = pageRangeOf(view, options);
    let wanted = limitOf(options);
    let snapshotId = view.snapshotId === newestState ? snapshotWanted : view.snapshotId;
    const page = (after?: Uint8Array) =>
      readPage(view, { ...range, after, snapshotId, limit: pageLimit(wanted) }, options);

    let coming = wanted === 0 ? undefined : page();
    /** The snapshot that the server opened for this scan. */
    let lease: SnapshotLease | undefined;
    try {
      while (coming !== undefined) {
        const { cursor, lastKey }: Page = await coming;
        if (cursor.snapshotId !== newestState) {
          snapshotId = cursor.snapshotId;
          lease = new SnapshotLease(view.pipeline, snapshotId, snapshotLeaseMsDefault);
        }
        wanted -= cursor.entryCount;
        coming = undefined;
        if (!cursor.more) {
          // With its last page the server has closed the snapshot that it opened with the first.
          lease?.ended();
        } else if (wanted === 0) {
          void lease?.close();
        } else {
          coming = page(lastKey);
          // It may fail while nobody waits for it: that is told when its turn comes, or never.
          coming.catch(() => {});
        }
        while (cursor.next()) {
          const key = view.keys.decode(cursor.bytes, cursor.keyStart, cursor.keyEnd);
          const { version } = cursor;
          if (options.keysOnly === true) {
            yield { key, version } as E;
          } else {
            const value = view.decodeValue(key, cursor.bytes, cursor.valueStart, cursor.valueEnd);
            yield { key, value, version } as E;
          }
        }
      }
    } finally {
      // Left early, or failed: nobody waits for the server's answer.
      void lease?.close();
    }
  }
}

function limitOf({ limit }: ScanOptions | KeyScanOptions): number {
  if (limit === undefined) return Infinity;
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new InvalidArgumentError(`Cannot scan: the limit ${limit} is no whole number of entries`);
  return limit;
}

/** On the wire 0 means: as many as a page holds. */
function pageLimit(wanted: number): number {
  return wanted === Infinity ? 0 : wanted;
}
