import { isValueOf, keyBytes, numberOfKey, valueBytes } from "./numbered-entries.ts";

/** The number of the entry that these are the key and the value of, byte for byte; -1 if there is none. */
export function entryOf(key: Uint8Array, value: Uint8Array): number {
  if (key.length !== keyBytes || value.length !== valueBytes) return -1;
  const number = numberOfKey(viewOf(key), 0);
  return number >= 0 && isValueOf(viewOf(value), 0, number) ? number : -1;
}

export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
