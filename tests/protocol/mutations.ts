import { randomBelow, type Random } from "../../src/lib/random.ts";

/** The bytes that mean something in msgpack: heads of every kind, and the edges of lengths. */
const telling = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x91, 0x93, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6,
  0xc7, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
  0xe0, 0xff,
];

/** `bytes` with one to three things done to it that a broken or hostile peer could do. */
export function mutated(bytes: Buffer, other: Buffer, random: Random): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let left = 1 + randomBelow(random, 3); left > 0; left--) result = mutatedOnce(result, other, random);
  return result;
}

function mutatedOnce(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = randomBelow(random, bytes.length + 1);
  switch (randomBelow(random, 8)) {
    case 0: // One bit is flipped.
      if (at < bytes.length) bytes[at]! ^= 1 << randomBelow(random, 8);
      return bytes;
    case 1: // A byte becomes one that means something.
      if (at < bytes.length) bytes[at] = telling[randomBelow(random, telling.length)]!;
      return bytes;
    case 2: // A byte near the front does: the heads are there.
      if (bytes.length > 0) bytes[randomBelow(random, Math.min(12, bytes.length))] = randomBelow(random, 256);
      return bytes;
    case 3: // The end is missing.
      return bytes.subarray(0, at);
    case 4: // A stretch is missing.
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + randomBelow(random, 4))]);
    case 5: // A byte is inserted.
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from([telling[randomBelow(random, telling.length)]!]),
        bytes.subarray(at),
      ]);
    case 6: // A number grows by one: a count, a length, a kind.
      if (at < bytes.length) bytes[at]!++;
      return bytes;
    default: // The rest is that of another message.
      return Buffer.concat([bytes.subarray(0, at), other.subarray(randomBelow(random, other.length + 1))]);
  }
}
