import type { Buffer } from "node:buffer";
import { assert } from "../lib/assert.ts";
import type { ByteWriter } from "../lib/byte-writer.ts";
import { errorDetailsMax, errorMessageBytesMax } from "../lib/limits.ts";
import type { HelloInfo } from "./hello.ts";
import { encodeMap } from "./info-map.ts";
import {
  endFrame,
  headBytesMax,
  reserveFrame,
  uintBytesMax,
  writeBinRange,
  writeHead,
  writeNil,
  writeStr,
  writeUint,
} from "./msgpack-writer.ts";
import { protocolVersion } from "./opcodes.ts";
import { status, type OutcomeCode, type ErrorStatus } from "./status.ts";

/** Each function appends one whole frame, length prefix included. */

/** The answer to get: a range of `bytes`; version 0 says that there is no such key. */
export function encodeEntry(
  writer: ByteWriter,
  id: number,
  version: number,
  bytes: Buffer,
  valueStart: number,
  valueEnd: number,
): void {
  const start = reserveFrame(writer, uintBytesMax + headBytesMax + valueEnd - valueStart);
  const target = writer.bytes;
  let offset = writeHead(target, start, 4, id, status.OK);
  offset = writeUint(target, offset, version);
  if (version === 0) offset = writeNil(target, offset);
  else offset = writeBinRange(target, offset, bytes, valueStart, valueEnd);
  endFrame(writer, start, offset);
}

/** The answer to put, delete and batch. */
export function encodeWritten(writer: ByteWriter, id: number, version: number): void {
  const start = reserveFrame(writer, uintBytesMax);
  const offset = writeHead(writer.bytes, start, 3, id, status.OK);
  endFrame(writer, start, writeUint(writer.bytes, offset, version));
}

export function encodePong(writer: ByteWriter, id: number): void {
  encodeBare(writer, id);
}

/** The answer to openSnapshot and renewSnapshot. */
export function encodeSnapshot(
  writer: ByteWriter,
  id: number,
  snapshotId: number,
  seq: number,
  leaseMs: number,
): void {
  const start = reserveFrame(writer, 3 * uintBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, 5, id, status.OK);
  offset = writeUint(bytes, offset, snapshotId);
  offset = writeUint(bytes, offset, seq);
  endFrame(writer, start, writeUint(bytes, offset, leaseMs));
}

/** The answer to checkpoint: everything up to `seq` is in tables. 0: nothing was ever written. */
export function encodeCheckpointed(writer: ByteWriter, id: number, seq: number): void {
  const start = reserveFrame(writer, uintBytesMax);
  const offset = writeHead(writer.bytes, start, 3, id, status.OK);
  endFrame(writer, start, writeUint(writer.bytes, offset, seq));
}

/** The answer to compact and closeSnapshot. */
export function encodeDone(writer: ByteWriter, id: number): void {
  encodeBare(writer, id);
}

export function encodeHelloReply(writer: ByteWriter, id: number, info: HelloInfo): void {
  const map = encodeMap(info);
  const start = reserveFrame(writer, uintBytesMax + map.length);
  let offset = writeHead(writer.bytes, start, 4, id, status.OK);
  offset = writeUint(writer.bytes, offset, protocolVersion);
  endFrame(writer, start, offset + map.copy(writer.bytes, offset));
}

/** The answer to stats. Keys may come and go with every release; a value is whatever info-map.ts can carry. */
export function encodeStatsReply(
  writer: ByteWriter,
  id: number,
  stats: Readonly<Record<string, unknown>>,
): void {
  const map = encodeMap(stats);
  const start = reserveFrame(writer, map.length);
  const offset = writeHead(writer.bytes, start, 3, id, status.OK);
  endFrame(writer, start, offset + map.copy(writer.bytes, offset));
}

/** The end of a request that failed, or with id 0 a word about the whole connection. */
export function encodeError(
  writer: ByteWriter,
  id: number,
  code: ErrorStatus,
  message: string,
  outcome: OutcomeCode,
  details: readonly number[] = [],
): void {
  assert(details.length <= errorDetailsMax, "an error has few details");
  const text = utf8Prefix(message, errorMessageBytesMax);
  const start = reserveFrame(writer, headBytesMax + text.length + (1 + details.length) * uintBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, 4 + details.length, id, code);
  offset = writeStr(bytes, offset, text);
  offset = writeUint(bytes, offset, outcome);
  for (const detail of details) offset = writeUint(bytes, offset, detail);
  endFrame(writer, start, offset);
}

function encodeBare(writer: ByteWriter, id: number): void {
  const start = reserveFrame(writer, 0);
  endFrame(writer, start, writeHead(writer.bytes, start, 2, id, status.OK));
}

/** As much of a text as fits into `bytesMax`, never ending inside a character. */
function utf8Prefix(text: string, bytesMax: number): Uint8Array {
  const target = new Uint8Array(Math.min(bytesMax, text.length * 3));
  return target.subarray(0, new TextEncoder().encodeInto(text, target).written);
}
