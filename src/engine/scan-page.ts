import { pageBytesMax, pageEntriesMax, pageVisitsMax } from "../lib/limits.ts";
import { compareKeys } from "../memtable/compare-keys.ts";
import type { Memtable } from "../memtable/memtable.ts";
import { remainingRange, type KeyRange } from "./key-range.ts";
import { MergedCursor } from "./merged-cursor.ts";
import type { Replies, ScanRange } from "./store.ts";

export interface ScannedPage {
  /** A limit, not the end of the range, stopped the page. */
  more: boolean;
  /** The newest version among all that was looked at. What a scan does not find depends on tombstones, too. */
  versionMax: number;
}

/** Hands one page of a scan to `replies`, entry by entry; the caller ends it. */
export function scanPage(tables: readonly Memtable[], scan: ScanRange, replies: Replies): ScannedPage {
  const range = remainingRange(scan);
  const page: ScannedPage = { more: false, versionMax: 0 };
  const limit = scan.limit === 0 ? pageEntriesMax : Math.min(scan.limit, pageEntriesMax);
  const cursor = new MergedCursor(tables, firstBound(range, scan.reverse), scan.reverse);
  let pageBytes = 0;
  let entries = 0;
  for (let visits = 0; cursor.next(); visits++) {
    const memtable = cursor.memtable!;
    const { entry } = cursor;
    const { bytes } = memtable;
    const keyStart = memtable.keyStart(entry);
    const keyEnd = memtable.keyEnd(entry);
    if (isBeyond(range, scan.reverse, bytes, keyStart, keyEnd)) return page;
    page.versionMax = Math.max(page.versionMax, memtable.version(entry));
    if (!memtable.isTombstone(entry)) {
      const valueEnd = memtable.valueEnd(entry);
      replies.pageEntry(bytes, keyStart, keyEnd, memtable.version(entry), keyEnd, valueEnd);
      entries++;
      pageBytes += valueEnd - keyStart;
    }
    // A desert of tombstones ends a page as well: one scan must not hold up everybody else. The last one is
    // named then, as an entry without a version, because the next page begins behind it.
    page.more = entries === limit || pageBytes >= pageBytesMax || visits === pageVisitsMax;
    if (!page.more) continue;
    if (memtable.isTombstone(entry)) replies.pageEntry(bytes, keyStart, keyEnd, 0, keyEnd, keyEnd);
    return page;
  }
  return page;
}

function firstBound(range: KeyRange, reverse: boolean) {
  if (reverse) return range.end === undefined ? undefined : { key: range.end, inclusive: false };
  return range.start === undefined ? undefined : { key: range.start, inclusive: !range.startExcluded };
}

function isBeyond(
  range: KeyRange,
  reverse: boolean,
  bytes: Buffer,
  keyStart: number,
  keyEnd: number,
): boolean {
  const bound = reverse ? range.start : range.end;
  if (bound === undefined) return false;
  const order = compareKeys(bytes, keyStart, keyEnd, bound, 0, bound.length);
  return reverse ? order < 0 : order >= 0;
}
