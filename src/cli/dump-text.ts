import { hexOf, quoteHead } from "./bytes-text.ts";

/** The words that all dumps are made of. */

/** The beginning of a key or a value that has `totalBytes`. */
export function headText(head: Uint8Array, totalBytes: number, isHex: boolean): string {
  return isHex ? `${hexOf(head)}${head.length < totalBytes ? "…" : ""}` : quoteHead(head, totalBytes);
}

export function hex32(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}

/** "1 byte", "2 bytes", "1 entry", "2 entries". */
export function count(amount: number, noun: string): string {
  if (amount === 1) return `1 ${noun}`;
  return noun.endsWith("y") ? `${amount} ${noun.slice(0, -1)}ies` : `${amount} ${noun}s`;
}
