/** So many bytes of a key, as one number: keys with different heads are ordered as their heads are. */
export const headBytes = 4;

/**
 * The head of what a key has from `at` on; one that ends before counts zeros. Signed numbers compare fastest, so the
 * highest bit is the other way round.
 */
export function keyHead(bytes: Buffer, at: number, end: number): number {
  if (at + headBytes <= end) return headOfNumber(bytes.readInt32BE(at));
  let head = 0;
  for (let next = at; next < at + headBytes; next++) head = (head << 8) | (next < end ? bytes[next]! : 0);
  return headOfNumber(head);
}

/** Of four bytes that were read as a number, the first of them highest. */
export function headOfNumber(bigEndian: number): number {
  return bigEndian ^ signBit;
}

const signBit = 0x8000_0000 | 0;
