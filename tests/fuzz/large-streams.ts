import {
  batchOperationsMax,
  frameBytesMax,
  getManyKeysMax,
  inFlightRequestsMax,
  valueBytesMax,
} from "../../src/lib/limits.ts";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { batchOperation, opcode } from "../../src/protocol/opcodes.ts";
import { array32, bin, bytes, frame, nil, oneOf, request, times, type Maker } from "./frames.ts";
import { helloFrame } from "./hello-frames.ts";
import { oversizedFrame } from "./hostile-frames.ts";

/**
 * Asks for some 20 MB, or for 300 in the hope that the server keeps them all. The value is written once in a
 * store's life: it is about reading it.
 */
export function deafStream(random: Random, isGreedy: boolean): Buffer {
  const key = bin(Buffer.from("fuzz/deaf"));
  const absent = bytes(0);
  const put = request(random, opcode.put, key, bin(Buffer.alloc(30_000, "d")), absent);
  const getMany = request(random, opcode.getMany, Buffer.concat([bytes(0x99), ...times(9, () => key)]));
  return Buffer.concat([helloFrame(random), put, ...times(isGreedy ? 1_200 : 80, () => getMany)]);
}

/** Twice as many writes as may be unanswered, with reads among them. */
export function floodStream(random: Random): Buffer {
  const value = bin(randomBytes(random, 16));
  const requests = times(64, (index) => {
    const key = bin(Buffer.from(`fuzz/flood/${index}`));
    return index % 8 === 0 ? request(random, opcode.get, key) : request(random, opcode.put, key, value);
  });
  return Buffer.concat([helloFrame(random), ...times((2 * inFlightRequestsMax) / 64, () => requests).flat()]);
}

/** The most that is allowed of something, or one more of it, and a ping behind it. */
export function giantStream(random: Random): Buffer {
  return Buffer.concat([helloFrame(random), oneOf(giants, random)(random), request(random, opcode.ping)]);
}

const giantKey = bin(Buffer.from("fuzz/giant"));
const put = bytes(0x93, batchOperation.put);
const remove = bytes(0x92, batchOperation.delete);
const oneMore = (random: Random) => randomBelow(random, 2);

const giants: readonly Maker[] = [
  // Deleted in the same breath: others ask for pages, and would get nothing but this.
  (random) => {
    const value = bin(Buffer.alloc(valueBytesMax, random.uint32()));
    return request(
      random,
      opcode.batch,
      Buffer.concat([bytes(0x92), put, giantKey, value, remove, giantKey]),
    );
  },
  (random) => request(random, opcode.put, giantKey, bin(Buffer.alloc(valueBytesMax + 1))),
  (random) => {
    const count = batchOperationsMax + oneMore(random);
    const operation = Buffer.concat([remove, bin(bytes(0x67))]);
    return request(
      random,
      opcode.batch,
      Buffer.concat([array32(count), Buffer.alloc(count * operation.length, operation)]),
    );
  },
  (random) => {
    const count = getManyKeysMax + oneMore(random);
    const key = bin(bytes(0x67));
    return request(
      random,
      opcode.getMany,
      Buffer.concat([array32(count), Buffer.alloc(count * key.length, key)]),
    );
  },
  (random) => frame(Buffer.alloc(frameBytesMax, oneOf([0x91, 0xc4], random))),
  (random) => request(random, opcode.put, giantKey, Buffer.alloc(frameBytesMax - 30), nil),
  () => oversizedFrame(),
];
