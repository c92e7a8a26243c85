import { writeSync } from "node:fs";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { encodeDelete, encodeGet, encodePut } from "../../src/protocol/request-encoder.ts";
import { decodeEntry, decodeWritten, readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import { encodeEntry, encodeWritten } from "../../src/protocol/response-encoder.ts";

/**
 * Runs each hot path a million times and names it on standard error before, where the engine's log of collections
 * goes as well. A million of the smallest objects are 16 MB, twice what starts a collection.
 */
const rounds = 1_000_000;
const roundsToCompile = 100_000;

const key = Buffer.from("user:000000012345");
const value = Buffer.alloc(100, 7);
const condition = { ifVersion: 123_456 };
const writer = new ByteWriter(1024);
const kept: object[] = [];

function encodeRequests(): void {
  writer.clear();
  encodePut(writer, 1_000, key, value);
  encodeGet(writer, 1_001, key);
  encodeDelete(writer, 1_002, key, condition);
}

function encodeResponses(): void {
  writer.clear();
  encodeEntry(writer, 1_000, 123_456, value, 0, 100);
  encodeWritten(writer, 1_001, 123_457);
}

function requestsDecoding(): () => void {
  encodeRequests();
  const stream = Buffer.from(writer.bytes.subarray(0, writer.length));
  const frames = new FrameDecoder(1000);
  const decoder = new RequestDecoder();
  return () => {
    frames.push(stream);
    while (frames.next()) decoder.decode(frames.bytes, frames.start, frames.end);
  };
}

function responsesDecoding(): () => void {
  encodeResponses();
  const stream = Buffer.from(writer.bytes.subarray(0, writer.length));
  const frames = new FrameDecoder(1000);
  const head = new ResponseHead();
  const entry = { version: 0, valueStart: 0, valueEnd: 0 };
  return () => {
    frames.push(stream);
    frames.next();
    readHead(frames.bytes, frames.start, frames.end, head);
    decodeEntry(frames.bytes, head, entry);
    frames.next();
    readHead(frames.bytes, frames.start, frames.end, head);
    decodeWritten(frames.bytes, head);
    frames.next();
  };
}

const paths: Record<string, () => void> = {
  "encoding put, get and delete": encodeRequests,
  "decoding put, get and delete": requestsDecoding(),
  "encoding an entry and a version": encodeResponses,
  "decoding an entry and a version": responsesDecoding(),
  "making one small object": () => (kept[0] = { writer }),
};

for (const [name, run] of Object.entries(paths)) {
  for (let round = 0; round < roundsToCompile; round++) run();
  Bun.gc(true);
  writeSync(2, `\n== ${name}\n`);
  for (let round = 0; round < rounds; round++) run();
  writeSync(2, "\n== between\n");
}
