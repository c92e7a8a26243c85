import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { arrayHead, bin, bytes, nil, numbered, oneOf, times } from "./frames.ts";

/** An element of any kind that msgpack knows, in any form, most often none that the protocol speaks of. */
export function randomElement(random: Random, depth = 0): Buffer {
  const isLeaf = depth === depthMax || randomBelow(random, 16) > 0;
  return isLeaf ? oneOf(leaves, random)(random) : oneOf(nests, random)(random, depth + 1);
}

const depthMax = 4;

const leaves: readonly ((random: Random) => Buffer)[] = [
  () => nil,
  (random) => bytes(0xc2 + randomBelow(random, 2)),
  // Unsigned integers of every width.
  (random) => bytes(randomBelow(random, 0x80)),
  (random) => numbered(0xcc, randomBelow(random, 0x100), 1),
  (random) => numbered(0xcd, randomBelow(random, 0x1_0000), 2),
  (random) => numbered(0xce, random.uint32(), 4),
  (random) => numbered(0xcf, random.uint32(), 8),
  (random) => Buffer.concat([bytes(0xcf), randomBytes(random, 8)]),
  // Negative ones, and signed ones of every width.
  (random) => bytes(0xe0 | randomBelow(random, 0x20)),
  (random) => {
    const power = randomBelow(random, 4);
    return Buffer.concat([bytes(0xd0 + power), randomBytes(random, 1 << power)]);
  },
  // Floats of both widths.
  (random) => Buffer.concat([bytes(0xca), randomBytes(random, 4)]),
  (random) => Buffer.concat([bytes(0xcb), randomBytes(random, 8)]),
  // Bytes, more often than anything else: keys and values are that.
  (random) => bin(randomBytes(random, randomBelow(random, 40))),
  (random) => bin(randomBytes(random, randomBelow(random, 40))),
  (random) => bin(randomBytes(random, randomBelow(random, 40))),
  // Text whose bytes are most often no UTF-8, and text whose bytes are.
  (random) => {
    const length = randomBelow(random, 32);
    return Buffer.concat([bytes(0xa0 | length), randomBytes(random, length)]);
  },
  () => Buffer.concat([bytes(0xa8), Buffer.from("holdfast")]),
  // Extensions, a timestamp, and the byte that msgpack never uses.
  (random) => Buffer.concat([bytes(0xd4, 0x72), randomBytes(random, 1)]),
  (random) => Buffer.concat([bytes(0xd6, 0xff), randomBytes(random, 4)]),
  (random) => Buffer.concat([numbered(0xc7, 3, 1), randomBytes(random, 4)]),
  () => bytes(0xc1),
];

const nests: readonly ((random: Random, depth: number) => Buffer)[] = [
  (random, depth) => {
    const count = randomBelow(random, 5);
    return Buffer.concat([arrayHead(random, count), ...times(count, () => randomElement(random, depth))]);
  },
  (random, depth) => {
    const count = randomBelow(random, 3);
    return Buffer.concat([bytes(0x80 | count), ...times(2 * count, () => randomElement(random, depth))]);
  },
];
