import { pageBytesMax, pageVisitsMax } from "../lib/limits.ts";
import { compareKeys } from "../memtable/compare-keys.ts";
import type { EntryPlace, EntrySource } from "./entry-cursor.ts";
import { remainingRange, type KeyRange } from "./key-range.ts";
import { MergedCursor } from "./merged-cursor.ts";
import type { Replies, ScanRange } from "./store.ts";

export interface ScannedPage {
  /** A limit, not the end of the range, stopped the page. */
  more: boolean;
  entries: number;
  /** The newest version among all that was looked at. What a scan does not find depends on tombstones, too. */
  versionMax: number;
}

/**
 * Hands one page of a scan to `replies`, entry by entry; the caller ends it. `sources` from the newest to the oldest;
 * what is newer than `versionMax` is not there.
 */
export function scanPage(
  sources: readonly EntrySource[],
  scan: ScanRange,
  versionMax: number,
  pageEntriesMax: number,
  replies: Replies,
): ScannedPage {
  const range = remainingRange(scan);
  const page: ScannedPage = { more: false, entries: 0, versionMax: 0 };
  const limit = scan.limit === 0 ? pageEntriesMax : Math.min(scan.limit, pageEntriesMax);
  const cursor = new MergedCursor(sources, firstBound(range, scan.reverse), scan.reverse, versionMax);
  let pageBytes = 0;
  for (let visits = 0; cursor.next(); visits++) {
    const { at } = cursor;
    if (isBeyond(range, scan.reverse, at)) return page;
    page.versionMax = Math.max(page.versionMax, at.version);
    if (!at.isTombstone) {
      const valueEnd = scan.keysOnly ? at.valueStart : at.valueEnd;
      const { keyBytes, keyStart, keyEnd, version, valueBytes, valueStart } = at;
      replies.pageEntry(keyBytes, keyStart, keyEnd, version, valueBytes, valueStart, valueEnd);
      page.entries++;
      pageBytes += keyEnd - keyStart + valueEnd - valueStart;
    }
    // A desert of tombstones ends a page as well: one scan must not hold up everybody else. The last one is
    // named then, as an entry without a version, because the next page begins behind it.
    page.more = page.entries === limit || pageBytes >= pageBytesMax || visits === pageVisitsMax;
    if (!page.more) continue;
    if (at.isTombstone) replies.pageEntry(at.keyBytes, at.keyStart, at.keyEnd, 0, at.keyBytes, 0, 0);
    return page;
  }
  return page;
}

function firstBound(range: KeyRange, reverse: boolean) {
  if (reverse) return range.end === undefined ? undefined : { key: range.end, inclusive: false };
  return range.start === undefined ? undefined : { key: range.start, inclusive: !range.startExcluded };
}

function isBeyond(range: KeyRange, reverse: boolean, at: EntryPlace): boolean {
  const bound = reverse ? range.start : range.end;
  if (bound === undefined) return false;
  const order = compareKeys(at.keyBytes, at.keyStart, at.keyEnd, bound, 0, bound.length);
  return reverse ? order < 0 : order >= 0;
}
