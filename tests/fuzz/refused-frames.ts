import { keyBytesMax } from "../../src/lib/limits.ts";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { arrayHead, bin, bytes, nil, numbered, oneOf, request, type Maker } from "./frames.ts";
import { helloFrame } from "./hello-frames.ts";
import { randomElement } from "./random-msgpack.ts";

/** A request that a server refuses by name, whereupon the connection goes on. */
export function refusedFrame(random: Random): Buffer {
  return oneOf(refusedFrames, random)(random);
}

/** The same, for the reason that a key is one byte too long. */
export function excessiveFrame(random: Random): Buffer {
  return oneOf(excessiveFrames, random)(random);
}

const key = bin(Buffer.from("fuzz/1"));
const noKey = bin(Buffer.alloc(0));
const longKey = bin(Buffer.alloc(keyBytesMax + 1, "k"));
const number = bytes(99);
const deleteOf = (which: Uint8Array) => Buffer.concat([bytes(0x92, 1), which]);

const refusedFrames: readonly Maker[] = [
  // Opcodes that there are not, with anything behind them; and a second hello.
  (random) => request(random, 14 + randomBelow(random, 0x72), randomElement(random), randomBytes(random, 9)),
  helloFrame,
  // Nothing where something must be. What stands behind it is not read.
  (random) => request(random, opcode.get, noKey),
  (random) => request(random, opcode.put, noKey, randomElement(random)),
  (random) => request(random, opcode.getMany, arrayHead(random, 0)),
  (random) => request(random, opcode.batch, arrayHead(random, 0), randomBytes(random, 5)),
  (random) => request(random, opcode.batch, Buffer.concat([bytes(0x91), deleteOf(noKey)])),
  // Snapshots that there can't be, and such as there are no longer.
  (random) => request(random, opcode.get, key, bytes(0)),
  (random) => request(random, opcode.closeSnapshot, bytes(0)),
  (random) => request(random, opcode.renewSnapshot, number, bytes(0)),
  (random) => request(random, opcode.getMany, Buffer.concat([bytes(0x91), key]), number),
  (random) => request(random, opcode.scan, nil, nil, nil, bytes(0xc2), bytes(0), nil, number),
  // What the formats hold and nobody serves yet.
  (random) => request(random, opcode.put, key, key, nil, number),
  (random) => request(random, opcode.put, key, key, nil, nil, number),
  (random) => request(random, opcode.put, key, key, nil, nil, bytes(0)),
  (random) => request(random, opcode.delete, key, nil, number),
  // Conditions that do not hold, or only once.
  (random) => request(random, opcode.put, key, key, numbered(0xce, random.uint32(), 4)),
  (random) => request(random, opcode.delete, key, numbered(0xcf, 2 ** 50 + random.uint32(), 8)),
  (random) => {
    const conditional = Buffer.concat([bytes(0x93, 1), key, number]);
    return request(random, opcode.batch, Buffer.concat([bytes(0x92), deleteOf(key), conditional]));
  },
];

const excessiveFrames: readonly Maker[] = [
  (random) => request(random, opcode.get, longKey),
  (random) => request(random, opcode.put, longKey, key),
  (random) => request(random, opcode.scan, nil, nil, longKey, bytes(0xc2), bytes(0)),
  (random) => request(random, opcode.batch, Buffer.concat([bytes(0x92), deleteOf(key), deleteOf(longKey)])),
];
