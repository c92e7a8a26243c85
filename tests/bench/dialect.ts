import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { encodeGet, encodeHello, encodePut } from "../../src/protocol/request-encoder.ts";

/**
 * How one generator speaks to different servers: requests are encoded beforehand, with a place in each where the
 * next random key goes, and answers are only counted while the clock runs. What they say is looked at afterwards.
 */
export interface Dialect {
  name: string;
  /** Sent once, before the clock runs, and answered by one response; empty where the protocol needs none. */
  greeting: Buffer;
  /** Encodes `count` requests one behind the other. */
  encode(kind: "set" | "get", count: number, valueBytes: number): EncodedRequests;
  /** Counts the whole responses in bytes[from .. to), adds them to `tally`, and returns where the next one begins. */
  count(bytes: Buffer, from: number, to: number, tally: Tally): number;
}

export interface EncodedRequests {
  bytes: Buffer;
  /** Where each request's key of 16 bytes begins. */
  keyOffsets: number[];
}

export interface Tally {
  responses: number;
  errors: number;
}

export const keyBytes = 16;
const keyMark = Buffer.from("<-- the key -->.");

export const holdfastDialect: Dialect = {
  name: "holdfast",

  get greeting() {
    const writer = new ByteWriter();
    encodeHello(writer, 1, { clientName: "bench" });
    return Buffer.from(writer.bytes.subarray(0, writer.length));
  },

  encode(kind, count, valueBytes) {
    const writer = new ByteWriter();
    const value = Buffer.alloc(valueBytes, "v");
    for (let id = 1; id <= count; id++) {
      if (kind === "set") encodePut(writer, id, keyMark, value);
      else encodeGet(writer, id, keyMark);
    }
    return withKeyOffsets(Buffer.from(writer.bytes.subarray(0, writer.length)), count);
  },

  count(bytes, from, to, tally) {
    while (to - from >= 4) {
      const next = from + 4 + bytes.readUInt32BE(from);
      if (next > to) break;
      // [id, status, …]: the status is the byte behind the array's head and the id.
      const id = bytes[from + 5]!;
      const idBytes = id < 0x80 ? 1 : id === 0xcc ? 2 : id === 0xcd ? 3 : 5;
      if (bytes[from + 5 + idBytes] !== 0) tally.errors++;
      tally.responses++;
      from = next;
    }
    return from;
  },
};

export const redisDialect: Dialect = {
  name: "redis",
  greeting: Buffer.alloc(0),

  encode(kind, count, valueBytes) {
    const value = "v".repeat(valueBytes);
    const set = `*3\r\n$3\r\nSET\r\n$${keyBytes}\r\n${keyMark}\r\n$${valueBytes}\r\n${value}\r\n`;
    const get = `*2\r\n$3\r\nGET\r\n$${keyBytes}\r\n${keyMark}\r\n`;
    return withKeyOffsets(Buffer.from((kind === "set" ? set : get).repeat(count)), count);
  },

  count(bytes, from, to, tally) {
    while (from < to) {
      const lineEnd = bytes.indexOf("\r\n", from, "latin1");
      if (lineEnd === -1 || lineEnd + 2 > to) break;
      let next = lineEnd + 2;
      if (bytes[from] === 0x24 && bytes[from + 1] !== 0x2d)
        next += Number(bytes.toString("latin1", from + 1, lineEnd)) + 2;
      if (next > to) break;
      if (bytes[from] === 0x2d) tally.errors++;
      tally.responses++;
      from = next;
    }
    return from;
  },
};

function withKeyOffsets(bytes: Buffer, count: number): EncodedRequests {
  const keyOffsets: number[] = [];
  for (let at = bytes.indexOf(keyMark); at !== -1; at = bytes.indexOf(keyMark, at + keyBytes))
    keyOffsets.push(at);
  if (keyOffsets.length !== count) throw new Error(`found ${keyOffsets.length} keys in ${count} requests`);
  return { bytes, keyOffsets };
}
