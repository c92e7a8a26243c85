import { ByteWriter } from "../../src/lib/byte-writer.ts";

/**
 * The few messages of etcd's KV service that the bench speaks, as protocol buffers: fields of a number and a type,
 * where lengths and integers are varints. The definition is etcd's `rpc.proto`; fields that nobody asks for are
 * skipped.
 */
export const kvPath = { put: "/etcdserverpb.KV/Put", range: "/etcdserverpb.KV/Range" } as const;

/** Where key and value of a request begin, for whoever fills in the next ones. */
export interface EncodedPut {
  bytes: Buffer;
  keyOffset: number;
  valueOffset: number;
}

export function encodeEtcdPut(key: Uint8Array, value: Uint8Array): EncodedPut {
  const writer = new ByteWriter();
  const keyOffset = writeBytesField(writer, 1, key);
  const valueOffset = writeBytesField(writer, 2, value);
  return { bytes: writtenBy(writer), keyOffset, valueOffset };
}

/** That one key. */
export function encodeEtcdGet(key: Uint8Array): { bytes: Buffer; keyOffset: number } {
  const writer = new ByteWriter();
  const keyOffset = writeBytesField(writer, 1, key);
  return { bytes: writtenBy(writer), keyOffset };
}

export interface EncodedRange {
  bytes: Buffer;
  keyOffset: number;
  endOffset: number;
}

/** The keys from `key` to `end`, without that one, but at most `limit` (0: all). */
export function encodeEtcdRange(key: Uint8Array, end: Uint8Array, limit: number): EncodedRange {
  const writer = new ByteWriter();
  const keyOffset = writeBytesField(writer, 1, key);
  const endOffset = writeBytesField(writer, 2, end);
  writeVarint(writer, (3 << 3) | varintType);
  writeVarint(writer, limit);
  return { bytes: writtenBy(writer), keyOffset, endOffset };
}

/** What the bench reads of the answer to a put or a range. */
export interface EtcdAnswer {
  /** Of the whole store: a put raises it by one. */
  revision: number;
  entries: { key: Buffer; value: Buffer }[];
}

/** Put and range answer alike: a header, and then what only ranges have. Keys and values are views of `bytes`. */
export function decodeEtcdAnswer(bytes: Buffer): EtcdAnswer {
  const answer: EtcdAnswer = { revision: 0, entries: [] };
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1 && typeof value !== "number") {
      for (const field of fieldsOf(value)) if (field.number === 3) answer.revision = Number(field.value);
    }
    if (number === 2 && typeof value !== "number") answer.entries.push(decodeEntry(value));
  }
  return answer;
}

function decodeEntry(bytes: Buffer): { key: Buffer; value: Buffer } {
  const entry: EtcdAnswer["entries"][number] = { key: Buffer.alloc(0), value: Buffer.alloc(0) };
  for (const { number, value } of fieldsOf(bytes)) {
    if (typeof value === "number") continue;
    if (number === 1) entry.key = value;
    if (number === 5) entry.value = value;
  }
  return entry;
}

const varintType = 0;
const bytesType = 2;

function* fieldsOf(bytes: Buffer): Generator<{ number: number; value: number | Buffer }> {
  let at = 0;
  const varint = () => {
    let number = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error(`An answer of etcd ends in a number: ${bytes.toString("hex")}`);
      // Ids have 64 bits and lose their last digits here; revisions and lengths are far below 2^53.
      number += (byte & 127) * scale;
      if (byte < 128) return number;
    }
  };
  while (at < bytes.length) {
    const head = varint();
    const number = Math.floor(head / 8);
    switch (head % 8) {
      case varintType:
        yield { number, value: varint() };
        break;
      case bytesType: {
        const length = varint();
        if (at + length > bytes.length)
          throw new Error(`An answer of etcd ends in a field: ${bytes.toString("hex")}`);
        yield { number, value: bytes.subarray(at, at + length) };
        at += length;
        break;
      }
      default:
        throw new Error(`An answer of etcd has a field of type ${head % 8}, which none should have`);
    }
  }
}

/** Returns where the bytes begin. */
function writeBytesField(writer: ByteWriter, number: number, bytes: Uint8Array): number {
  writeVarint(writer, (number << 3) | bytesType);
  writeVarint(writer, bytes.length);
  const at = writer.reserve(bytes.length);
  writer.bytes.set(bytes, at);
  return at;
}

function writeVarint(writer: ByteWriter, number: number): void {
  for (; number >= 128; number = Math.floor(number / 128)) {
    writer.bytes[writer.reserve(1)] = (number % 128) | 128;
  }
  writer.bytes[writer.reserve(1)] = number;
}

function writtenBy(writer: ByteWriter): Buffer {
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}
