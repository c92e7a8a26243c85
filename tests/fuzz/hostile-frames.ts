import { frameBytesMax } from "../../src/lib/limits.ts";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { batchOperation, opcode } from "../../src/protocol/opcodes.ts";
import {
  array32,
  bin,
  bytes,
  frame,
  head,
  nil,
  numbered,
  oneOf,
  prefix,
  request,
  str,
  times,
  type Maker,
} from "./frames.ts";
import { falseHelloFrame } from "./hello-frames.ts";
import { randomElement } from "./random-msgpack.ts";

/** A piece of a stream that no client of ours would send: most often one frame, sometimes less or more. */
export function hostileFrame(random: Random): Buffer {
  return oneOf(hostileFrames, random)(random);
}

/** A frame that announces more than follows, up to the most that may be announced. */
export function unfinishedFrame(random: Random): Buffer {
  const announced = 1_000 + randomBelow(random, frameBytesMax - 1_000);
  const sent = Math.min(announced - 1, randomBelow(random, 2 << randomBelow(random, 18)));
  return Buffer.concat([prefix(announced), randomBytes(random, sent)]);
}

/** One byte longer than is allowed, and all of it comes. */
export function oversizedFrame(): Buffer {
  return frame(Buffer.alloc(frameBytesMax + 1));
}

const key = bin(Buffer.from("fuzz/1"));
const anyOpcode = (random: Random) => oneOf(Object.values(opcode), random);
const falseCount = (random: Random) =>
  oneOf([0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x0100_0000, 70_000], random);
const falseLength = (random: Random) =>
  oneOf([0xffff_ffff, 0x7fff_ffff, frameBytesMax, 0x1_0000, 300], random);

const hostileFrames: readonly Maker[] = [
  // Bytes that are no frame at all, and frames around bytes that are no msgpack.
  (random) => Buffer.from(randomBytes(random, 1 + randomBelow(random, 64))),
  (random) => frame(randomBytes(random, randomBelow(random, 64))),
  (random) => frame(bytes(0x93, 1, anyOpcode(random)), randomBytes(random, 20)),

  // Requests of elements of every kind.
  soup,
  soup,
  soup,
  soup,

  // Lengths beyond the limit, with something behind them or nothing; and none at all.
  (random) => Buffer.concat([prefix(frameBytesMax + 1), randomBytes(random, randomBelow(random, 100))]),
  (random) => prefix(frameBytesMax + 1 + randomBelow(random, 1_000_000)),
  (random) => prefix(oneOf([0x7fff_ffff, 0x8000_0000, 0xffff_ffff], random)),
  () => prefix(0),

  // Arrays in arrays, at the top and where an argument belongs: short heads, long heads, whole and cut off.
  (random) => frame(Buffer.alloc(1 + randomBelow(random, 2 << randomBelow(random, 14)), 0x91)),
  (random) => request(random, anyOpcode(random), Buffer.alloc(2_000, 0x91), nil),
  (random) => request(random, opcode.batch, ...times(400, () => array32(1))),
  () => frame(Buffer.alloc(200_000, 0x91), nil),

  // Counts that promise more than there is: of a message, of keys, of operations, of one operation ...
  (random) => frame(array32(falseCount(random)), bytes(1, 1)),
  (random) => frame(head(random, 3, opcode.getMany), array32(falseCount(random)), key, key),
  (random) =>
    frame(
      head(random, 3, opcode.batch),
      array32(falseCount(random)),
      bytes(0x92, batchOperation.delete),
      key,
    ),
  (random) => frame(head(random, 3, opcode.batch), bytes(0x91), array32(falseCount(random)), bytes(1), key),
  // ... and lengths of a key, of a value, of a text, and of a map.
  (random) => frame(head(random, 3, opcode.get), numbered(0xc6, falseLength(random), 4), key),
  (random) => frame(head(random, 4, opcode.put), key, numbered(0xc6, falseLength(random), 4), key),
  (random) => frame(head(random, 4, opcode.hello), numbered(0xdb, falseLength(random), 4), key),
  (random) => frame(numbered(0xdf, falseCount(random), 4), key),

  // Right elements, but too few of them, too many, or bytes behind the end.
  (random) => request(random, anyOpcode(random), ...times(randomBelow(random, 9), () => key)),
  (random) => frame(head(random, 3, opcode.get), key, randomBytes(random, 1 + randomBelow(random, 4))),
  (random) => frame(head(random, 2, opcode.get)),

  // Ids that a client must not choose.
  (random) => frame(bytes(0x92, 0, anyOpcode(random))),
  (random) => frame(bytes(0x92), numbered(0xcf, 2 ** 32 + random.uint32(), 8), bytes(opcode.ping)),

  // A second hello that would not be served as the first either; and what a server says, said to it.
  falseHelloFrame,
  () => frame(bytes(0x93, 1, 0, 17)),
  () => frame(bytes(0x95, 1, 6), str("it has version 17"), bytes(0, 17)),

  // Other protocols.
  () => Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"),
  () => Buffer.from(`POST /put HTTP/1.1\r\nContent-Length: 100000\r\n\r\n${"x".repeat(1_000)}`),
  () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1"),
  () => Buffer.from("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"),
  () => Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"),
  // The beginning of a TLS handshake, and what a PostgreSQL client asks first.
  () => Buffer.from("16030100c8010000c40303", "hex"),
  () => Buffer.from("0000000804d2162f", "hex"),
];

function soup(random: Random): Buffer {
  const kind = randomBelow(random, 4) === 0 ? randomBelow(random, 16) : anyOpcode(random);
  return request(random, kind, ...times(randomBelow(random, 8), () => randomElement(random)));
}
