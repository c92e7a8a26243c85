import { Buffer } from "node:buffer";
import { newestState, snapshotWanted } from "../src/protocol/opcodes.ts";
import { MalformedError } from "../src/protocol/protocol-error.ts";
import { encodeScan, type ScanOptions as PageRange } from "../src/protocol/request-encoder.ts";
import { PageCursor, ResponseHead } from "../src/protocol/response-decoder.ts";
import type { Operation } from "./operation.ts";
import type { CallOptions, Key } from "./options.ts";
import type { View } from "./view.ts";

/** A copy of a page's bytes, whose entries are decoded as they are asked for. */
export interface Page {
  readonly cursor: PageCursor;
  /** Where the next page goes on. */
  readonly lastKey: Uint8Array;
}

export function readPage(view: View<unknown>, range: PageRange, options: CallOptions): Promise<Page> {
  return view.read(scanOperation, { range, prefix: view.keys.prefix }, options);
}

/** What a scan's options say about each of its pages. */
interface Bounds {
  readonly start?: Key | undefined;
  readonly end?: Key | undefined;
  readonly prefix?: Key | undefined;
  readonly reverse?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
}

/** The bounds as bytes of the store: a keyspace's prefix stands in front of all of them. */
export function pageRangeOf(
  view: View<unknown>,
  { start, end, prefix, reverse, keysOnly }: Bounds,
): PageRange {
  const bound = (key: Key) => new Uint8Array(view.keys.encode(key, view.limits.keyBytesMax, 0));
  const whole = bound(prefix ?? "");
  return {
    start: start === undefined ? undefined : bound(start),
    end: end === undefined ? undefined : bound(end),
    prefix: whole.length === 0 ? undefined : whole,
    reverse: reverse ?? false,
    keysOnly: keysOnly ?? false,
  };
}

interface PageArgs {
  readonly range: PageRange;
  readonly prefix: Uint8Array;
}

const scanOperation: Operation<PageArgs, Page> = {
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
    checkPage(cursor, args);
    return { cursor, lastKey: checkKeys(cursor, args) };
  },
  describe: () => "scan",
};

/**
 * Further pages must be of the same moment, so the first has to say which that is, if it was cut short of what was
 * asked for; and no page has more than that.
 */
function checkPage({ more, snapshotId, entryCount }: PageCursor, { range }: PageArgs): void {
  const limit = range.limit || Infinity;
  if (entryCount > limit) throw new MalformedError("a page of a scan has more entries than its limit");
  if (snapshotId !== newestState && range.snapshotId !== snapshotWanted)
    throw new MalformedError("a page of a scan has a snapshot that it was not asked for");
  if (snapshotId === newestState && range.snapshotId === snapshotWanted && more && entryCount < limit)
    throw new MalformedError("a page of a scan is cut short and has no snapshot for the next one");
}

/**
 * Keys must lie behind the page before, in the order of the scan, and have the keyspace's prefix: otherwise a scan
 * would never end, or show the keys of others cut short. Returns how far the page came.
 */
function checkKeys(cursor: PageCursor, { range, prefix }: PageArgs): Uint8Array {
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
