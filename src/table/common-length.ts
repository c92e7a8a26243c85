/** How many of the `length` bytes at the two places are the same before the first that differs. */
export function commonLength(a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): number {
  let at = 0;
  while (at + 4 <= length && a.readInt32LE(aStart + at) === b.readInt32LE(bStart + at)) at += 4;
  while (at < length && a[aStart + at] === b[bStart + at]) at++;
  return at;
}
