import { ByteWriter } from "../../../src/lib/byte-writer.ts";
import { frameBytesMax } from "../../../src/lib/limits.ts";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import {
  encodeGet,
  encodeHello,
  encodePing,
  encodePut,
  encodeScan,
} from "../../../src/protocol/request-encoder.ts";

/** The bytes of the attacks, made before they begin: the attackers' time belongs to sending. */

export const helloBytes = bytesOf((writer) => encodeHello(writer, 1));

/** The key of a value that is worth not reading, and of a small one. */
export const largeKey = Buffer.from("large");
export const smallKey = Buffer.from("small");
export const largeValueBytes = 1024 * 1024;

/** As much as a socket takes at once, so that the sender is never what is slow. */
const floodBytes = 128 * 1024;

export const pingFlood = floodOf((writer) => encodePing(writer, 2));
export const getFlood = floodOf((writer) => encodeGet(writer, 2, smallKey));

/** Eight large values and pages of a scan: more than a session may leave unread. */
export const unreadRequests = bytesOf((writer) => {
  for (let count = 0; count < 8; count++) {
    encodeGet(writer, 2, largeKey);
    encodeScan(writer, 3, {});
  }
});

/** The beginning of the largest frame there is: a put whose value is announced and does not come. */
export function halfFrame(bytes: number): Buffer {
  const frame = Buffer.alloc(bytes, 7);
  frame.writeUInt32BE(frameBytesMax, 0);
  // [id 2, put, a key of one byte, a value of 16 MiB …
  frame.set([0x94, 0x02, 0x04, 0xc4, 0x01, 0x6b, 0xc6, 0x01, 0x00, 0x00, 0x00], 4);
  return frame;
}

/** Puts to one key, whose values are numbered from `first` on; the id of each is its number. */
export function putFlood(key: Buffer, first: number, count: number): Buffer {
  const value = Buffer.alloc(100, 1);
  return bytesOf((writer) => {
    for (let number = first; number < first + count; number++) {
      value.writeUInt32BE(number, 0);
      encodePut(writer, number, key, value);
    }
  });
}

/** Half of it comes from a stranger, half behind a hello; some is right for a while. */
export function garbage(random: Random): Buffer {
  const noise = Buffer.from(
    Array.from({ length: 64 + randomBelow(random, 1_000) }, () => randomBelow(random, 256)),
  );
  const pings = pingFlood.subarray(0, randomBelow(random, 4_000));
  return randomBelow(random, 2) === 0 ? noise : Buffer.concat([helloBytes, pings, noise]);
}

function floodOf(encode: (writer: ByteWriter) => void): Buffer {
  const one = bytesOf(encode);
  return Buffer.concat(Array.from({ length: Math.floor(floodBytes / one.length) }, () => one));
}

function bytesOf(encode: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  encode(writer);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}
