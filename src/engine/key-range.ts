import type { ScanRange } from "./store.ts";

/** What a scan still has to walk: from `start` (itself included unless `startExcluded`) to before `end`. */
export interface KeyRange {
  start: Buffer | undefined;
  startExcluded: boolean;
  end: Buffer | undefined;
}

/** Combines start, end, prefix and the place where the page before this one ended. */
export function remainingRange(scan: ScanRange): KeyRange {
  const range: KeyRange = { start: toBuffer(scan.start), startExcluded: false, end: toBuffer(scan.end) };
  const prefix = toBuffer(scan.prefix);
  if (prefix !== undefined && prefix.length > 0) {
    if (range.start === undefined || prefix.compare(range.start) > 0) range.start = prefix;
    const end = keyAfterPrefix(prefix);
    if (end !== undefined && (range.end === undefined || end.compare(range.end) < 0)) range.end = end;
  }
  const after = toBuffer(scan.after);
  if (after === undefined) return range;
  if (scan.reverse) {
    if (range.end === undefined || after.compare(range.end) < 0) range.end = after;
  } else if (range.start === undefined || after.compare(range.start) >= 0) {
    range.start = after;
    range.startExcluded = true;
  }
  return range;
}

/** The first key behind all those that begin with `prefix`; undefined if there is none, as behind ff ff. */
export function keyAfterPrefix(prefix: Buffer): Buffer | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const key = Buffer.from(prefix.subarray(0, length));
  key[length - 1]! += 1;
  return key;
}

function toBuffer(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
