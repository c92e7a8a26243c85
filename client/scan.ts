import { Buffer } from "node:buffer";
import { InvalidArgumentError } from "../src/lib/errors.ts";
import { MalformedError } from "../src/protocol/protocol-error.ts";
import { encodeScan, type ScanOptions as ScanRange } from "../src/protocol/request-encoder.ts";
import { PageCursor, ResponseHead } from "../src/protocol/response-decoder.ts";
import type { Operation } from "./operation.ts";
import type { CallOptions, Key, KeyKind, KeyOf } from "./options.ts";
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
}

export interface Entry<V, N extends KeyKind = "string"> {
  /** Without the keyspace's prefix. */
  key: KeyOf<N>;
  value: V;
  version: number;
}

/**
 * Entries in the order of their keys' bytes. Pages are read behind the scenes, the next one while this one is being
 * used; each has the call's deadline. A page is consistent, the whole scan is not: entries that are written meanwhile
 * may be seen or not. Every loop over it scans anew.
 */
export class Scan<V, N extends KeyKind = "string"> implements AsyncIterable<Entry<V, N>> {
  readonly #view: View<V, N>;
  readonly #options: ScanOptions;

  /** @internal */
  constructor(view: View<V, N>, options: ScanOptions) {
    this.#view = view;
    this.#options = options;
  }

  /** All entries in an array: as much memory as they take. */
  async all(): Promise<Entry<V, N>[]> {
    const entries: Entry<V, N>[] = [];
    for await (const entry of this) entries.push(entry);
    return entries;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Entry<V, N>, void, undefined> {
    const view = this.#view;
    const options = this.#options;
    const range = rangeOf(view, options);
    let wanted = limitOf(options);
    let coming = wanted === 0 ? undefined : readPage(view, { ...range, limit: pageLimit(wanted) }, options);
    while (coming !== undefined) {
      const page: Page = await coming;
      wanted -= page.cursor.entryCount;
      coming = undefined;
      if (page.cursor.more && wanted > 0) {
        coming = readPage(view, { ...range, limit: pageLimit(wanted), after: page.lastKey }, options);
        // It may fail while nobody waits for it: that is told when its turn comes, or never.
        coming.catch(() => {});
      }
      const { cursor } = page;
      while (cursor.next()) {
        const key = view.keys.decode(cursor.bytes, cursor.keyStart, cursor.keyEnd);
        const value = view.decodeValue(key, cursor.bytes, cursor.valueStart, cursor.valueEnd);
        yield { key, value, version: cursor.version };
      }
    }
  }
}

/** A copy of a page's bytes, whose entries are decoded as they are asked for. */
interface Page {
  readonly cursor: PageCursor;
  /** Where the next page goes on. */
  readonly lastKey: Uint8Array;
}

interface ScanArgs {
  readonly range: ScanRange;
  readonly prefix: Uint8Array;
}

const scanOperation: Operation<ScanArgs, Page> = {
  isWrite: false,
  encode: (writer, id, { range }) => encodeScan(writer, id, range),
  decode(bytes, head, args) {
    const cursor = new PageCursor();
    const own = new ResponseHead();
    own.bodyElements = head.bodyElements;
    own.bodyEnd = head.bodyEnd - head.bodyStart;
    cursor.decode(
      Buffer.from(new Uint8Array(bytes.subarray(head.bodyStart, head.bodyEnd)).buffer),
      own,
      "scan",
    );
    return { cursor, lastKey: checkKeys(cursor, args) };
  },
  describe: () => "scan",
};

function readPage(view: View<unknown>, range: ScanRange, options: CallOptions): Promise<Page> {
  return view.pipeline.call(scanOperation, { range, prefix: view.keys.prefix }, options);
}

/**
 * Keys must lie behind the page before, in the order of the scan, and have the keyspace's prefix: otherwise a scan
 * would never end, or show the keys of others cut short. Returns how far the page came.
 */
function checkKeys(cursor: PageCursor, { range, prefix }: ScanArgs): Uint8Array {
  let before: Uint8Array | undefined = range.after;
  const check = (key: Buffer) => {
    const order = before === undefined ? 0 : Buffer.compare(before, key);
    if (before !== undefined && (range.reverse === true ? order <= 0 : order >= 0))
      throw new MalformedError("the keys of a scan are not in order");
    if (prefix.length > 0 && key.compare(prefix, 0, prefix.length, 0, prefix.length) !== 0)
      throw new MalformedError("a key of a scan does not begin with the prefix");
    before = key;
  };
  while (cursor.next()) check(cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd));
  const lastKey = cursor.bytes.subarray(cursor.lastKeyStart, cursor.lastKeyEnd);
  // A page may end behind its last entry, at a key that is none any more.
  if (cursor.more && (before === undefined || !lastKey.equals(before))) check(lastKey);
  cursor.rewind();
  return lastKey;
}

/** The bounds as bytes of the store: a keyspace's prefix stands in front of all of them. */
function rangeOf(view: View<unknown>, { start, end, prefix, reverse }: ScanOptions): ScanRange {
  const bound = (key: Key) => new Uint8Array(view.keys.encode(key, view.limits.keyBytesMax, 0));
  const whole = bound(prefix ?? "");
  return {
    start: start === undefined ? undefined : bound(start),
    end: end === undefined ? undefined : bound(end),
    prefix: whole.length === 0 ? undefined : whole,
    reverse: reverse ?? false,
  };
}

function limitOf({ limit }: ScanOptions): number {
  if (limit === undefined) return Infinity;
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new InvalidArgumentError(`Cannot scan: the limit ${limit} is no whole number of entries`);
  return limit;
}

/** On the wire 0 means: as many as a page holds. */
function pageLimit(wanted: number): number {
  return wanted === Infinity ? 0 : wanted;
}
