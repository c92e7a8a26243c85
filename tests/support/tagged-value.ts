import { seededRandom } from "../../src/lib/random.ts";

/**
 * Values that say which write they come from and can be checked to the last byte: the tag, the length, then bytes
 * that follow from the tag.
 */
export const valueBytesMin = 10;

export function taggedValue(tag: number, valueBytes: number): Uint8Array {
  const value = Buffer.allocUnsafe(Math.max(valueBytes, valueBytesMin));
  value.writeUIntBE(tag, 0, 6);
  value.writeUInt32BE(value.length, 6);
  const filler = fillerOf(tag);
  for (let at = valueBytesMin; at < value.length; at += filler.length) filler.copy(value, at);
  return value;
}

/** The tag of a value that is whole; 0, which no write has, for any other bytes. */
export function tagOf(value: Uint8Array): number {
  if (value.length < valueBytesMin) return 0;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const tag = bytes.readUIntBE(0, 6);
  return bytes.equals(taggedValue(tag, value.length)) ? tag : 0;
}

function fillerOf(tag: number): Buffer {
  const random = seededRandom(tag);
  const filler = Buffer.allocUnsafe(64);
  for (let at = 0; at < filler.length; at += 4) filler.writeUInt32BE(random.uint32(), at);
  return filler;
}
