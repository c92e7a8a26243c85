import { clientNameBytesMax, credentialsBytesMax, helloFrameBytesMax } from "../../src/lib/limits.ts";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { bin, bytes, frame, nil, numbered, oneOf, request, str, type Maker } from "./frames.ts";

/** A hello that is served. */
export function helloFrame(random: Random): Buffer {
  return oneOf(servedHellos, random)(random);
}

/**
 * A hello that is not. As a connection's first frame it ends it; later it may be as good as any second hello.
 */
export function falseHelloFrame(random: Random): Buffer {
  return oneOf(falseHellos, random)(random);
}

const name = str("holdfast");
const version = bytes(1);
const hello = (random: Random, ...elements: readonly Uint8Array[]) =>
  request(random, opcode.hello, ...elements);

const servedHellos: readonly Maker[] = [
  (random) => hello(random, name, version),
  (random) => hello(random, name, numbered(0xcf, 1, 8)),
  (random) => hello(random, name, version, nil),
  (random) => hello(random, name, version, nil, nil, str("a fuzzer")),
];

const falseHellos: readonly Maker[] = [
  // Other versions and names, the two exchanged, one missing, too many arguments.
  (random) => hello(random, name, bytes(2 + randomBelow(random, 100)), nil),
  (random) => hello(random, str("HOLDFAST"), version),
  (random) => hello(random, version, name),
  (random) => hello(random, name),
  (random) => hello(random, name, version, nil, nil, nil, nil, nil),
  // Credentials and sessions, which are not served yet, and such as never will be.
  (random) => hello(random, name, version, bin(randomBytes(random, 20))),
  (random) => hello(random, name, version, bin(randomBytes(random, credentialsBytesMax + 1))),
  (random) => hello(random, name, version, nil, bin(randomBytes(random, 16))),
  (random) => hello(random, name, version, nil, bin(randomBytes(random, 15))),
  // Names that are too long, or no text.
  (random) => hello(random, name, version, nil, nil, str("a".repeat(clientNameBytesMax + 1))),
  (random) => hello(random, name, version, nil, nil, bytes(0xa2, 0xc3, 0x28)),
  // The last byte that a stranger may send, and one more.
  (random) => hello(random, name, version, Buffer.alloc(helloFrameBytesMax - 20)),
  () => frame(Buffer.alloc(helloFrameBytesMax, 0xc0)),
  () => frame(Buffer.alloc(helloFrameBytesMax + 1, 0xc0)),
];
