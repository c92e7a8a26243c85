import { assert } from "../lib/assert.ts";
import type { ByteWriter } from "../lib/byte-writer.ts";

/**
 * Appends the shortest key s with last <= s < first, where `last` is the last key of a block, `first` the first
 * one of the next block, and `shared` how many bytes both begin with. An index of such keys is a fraction of one
 * of whole keys, and more of it fits into each line of a cache.
 */
export function appendSeparator(
  target: ByteWriter,
  last: Buffer,
  lastStart: number,
  lastEnd: number,
  first: Buffer,
  firstStart: number,
  firstEnd: number,
  shared: number,
): void {
  const lastLength = lastEnd - lastStart;
  const firstLength = firstEnd - firstStart;
  assert(shared <= lastLength && shared <= firstLength, "what two keys share is no longer than either");

  // The last key is a beginning of the first one, or the same key in an older version.
  if (shared === lastLength) return target.copy(last, lastStart, lastEnd);
  assert(shared < firstLength && last[lastStart + shared]! < first[firstStart + shared]!, "blocks ascend");

  // A beginning of the first key that is greater than the last key.
  if (firstLength > shared + 1) return target.copy(first, firstStart, firstStart + shared + 1);

  // The first key ends with the byte in which both differ. So s begins as the last key does, up to a byte that can
  // be raised: at the difference the raised byte must stay below that of the first key, behind it any will do.
  let at = shared;
  if (last[lastStart + at]! + 1 === first[firstStart + at]!) {
    at++;
    while (at < lastLength && last[lastStart + at] === 0xff) at++;
  }
  if (at >= lastLength - 1) return target.copy(last, lastStart, lastEnd);
  target.copy(last, lastStart, lastStart + at + 1);
  target.bytes[target.length - 1]!++;
}
