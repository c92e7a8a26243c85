import { Buffer } from "node:buffer";
import type { ByteWriter } from "../lib/byte-writer.ts";
import {
  endFrame,
  headBytesMax,
  reserveFrame,
  uintBytesMax,
  writeArray,
  writeBin,
  writeBoolean,
  writeHead,
  writeNil,
  writeStr,
  writeUint,
} from "./msgpack-writer.ts";
import {
  batchOperation,
  newestState,
  opcode,
  protocolName,
  protocolVersion,
  snapshotWanted,
} from "./opcodes.ts";

/**
 * Each function appends one whole frame, length prefix included. Optional arguments at the end are left out,
 * those in the middle are nil. Limits are the caller's to check: they are the server's, from its hello.
 */

export interface HelloOptions {
  readonly credentials?: Uint8Array | undefined;
  readonly session?: Uint8Array | undefined;
  readonly clientName?: string | undefined;
}

export interface DeleteOptions {
  /** Only if the entry has this version; 0: only if there is none. */
  readonly ifVersion?: number | undefined;
  readonly requestNumber?: number | undefined;
}

export interface PutOptions extends DeleteOptions {
  /** Milliseconds since 1970. */
  readonly expiresAtMs?: number | undefined;
}

export interface BatchOptions {
  readonly requestNumber?: number | undefined;
}

export type BatchOperation =
  | {
      readonly type: "put";
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly ifVersion?: number | undefined;
      readonly expiresAtMs?: number | undefined;
    }
  | { readonly type: "delete"; readonly key: Uint8Array; readonly ifVersion?: number | undefined };

export interface ScanOptions {
  readonly start?: Uint8Array | undefined;
  readonly end?: Uint8Array | undefined;
  readonly prefix?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
  /** Entries wanted; 0: as many as a page holds. */
  readonly limit?: number | undefined;
  readonly after?: Uint8Array | undefined;
  /** The snapshot to read, `snapshotWanted` for one of this very state, or `newestState`, which is the default. */
  readonly snapshotId?: number | undefined;
  /** Values are left out: each is empty. */
  readonly keysOnly?: boolean | undefined;
}

export function encodePing(writer: ByteWriter, id: number): void {
  encodeBare(writer, id, opcode.ping);
}

export function encodeStats(writer: ByteWriter, id: number): void {
  encodeBare(writer, id, opcode.stats);
}

export function encodeCheckpoint(writer: ByteWriter, id: number): void {
  encodeBare(writer, id, opcode.checkpoint);
}

export function encodeCompact(writer: ByteWriter, id: number): void {
  encodeBare(writer, id, opcode.compact);
}

/** `leaseMs` 0: as long as the server thinks right. */
export function encodeOpenSnapshot(writer: ByteWriter, id: number, leaseMs: number): void {
  encodeNumbers(writer, id, opcode.openSnapshot, [leaseMs]);
}

export function encodeRenewSnapshot(
  writer: ByteWriter,
  id: number,
  snapshotId: number,
  leaseMs: number,
): void {
  encodeNumbers(writer, id, opcode.renewSnapshot, [snapshotId, leaseMs]);
}

export function encodeCloseSnapshot(writer: ByteWriter, id: number, snapshotId: number): void {
  encodeNumbers(writer, id, opcode.closeSnapshot, [snapshotId]);
}

export function encodeGet(
  writer: ByteWriter,
  id: number,
  key: Uint8Array,
  snapshotId: number = newestState,
): void {
  const offset = beginGet(writer, id, headBytesMax + key.length, snapshotId);
  endGet(writer, writeBin(writer.bytes, offset, key), snapshotId);
}

/**
 * A get whose key is written straight into the frame: a bin of at most `keyBinBytesMax` bytes, head included, goes to
 * the offset that this returns, and `endGet` gets the one behind it. Until then nothing counts as written.
 */
export function beginGet(
  writer: ByteWriter,
  id: number,
  keyBinBytesMax: number,
  snapshotId: number = newestState,
): number {
  const start = reserveFrame(writer, keyBinBytesMax + uintBytesMax);
  return writeHead(writer.bytes, start, snapshotId === newestState ? 3 : 4, id, opcode.get);
}

export function endGet(writer: ByteWriter, keyEnd: number, snapshotId: number = newestState): void {
  const end = snapshotId === newestState ? keyEnd : writeUint(writer.bytes, keyEnd, snapshotId);
  endFrame(writer, writer.length, end);
}

export function encodeGetMany(
  writer: ByteWriter,
  id: number,
  keys: readonly Uint8Array[],
  snapshotId: number = newestState,
): void {
  let bodyBytesMax = headBytesMax + uintBytesMax;
  for (const key of keys) bodyBytesMax += headBytesMax + key.length;
  const start = reserveFrame(writer, bodyBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, snapshotId === newestState ? 3 : 4, id, opcode.getMany);
  offset = writeArray(bytes, offset, keys.length);
  for (const key of keys) offset = writeBin(bytes, offset, key);
  if (snapshotId !== newestState) offset = writeUint(bytes, offset, snapshotId);
  endFrame(writer, start, offset);
}

export function encodePut(
  writer: ByteWriter,
  id: number,
  key: Uint8Array,
  value: Uint8Array,
  options: PutOptions = none,
): void {
  let offset = beginPut(writer, id, 2 * headBytesMax + key.length + value.length, options);
  offset = writeBin(writer.bytes, offset, key);
  offset = writeBin(writer.bytes, offset, value);
  endPut(writer, offset, options);
}

/** A put whose key and value are written straight into the frame, two bins behind each other, as with `beginGet`. */
export function beginPut(
  writer: ByteWriter,
  id: number,
  binsBytesMax: number,
  options: PutOptions = none,
): number {
  const start = reserveFrame(writer, binsBytesMax + 3 * uintBytesMax);
  return writeHead(writer.bytes, start, 4 + optionalOf(options), id, opcode.put);
}

export function endPut(writer: ByteWriter, valueEnd: number, options: PutOptions = none): void {
  const { bytes } = writer;
  const optional = optionalOf(options);
  let offset = valueEnd;
  if (optional > 0) offset = writeUintOrNil(bytes, offset, options.ifVersion);
  if (optional > 1) offset = writeUintOrNil(bytes, offset, options.expiresAtMs);
  if (optional > 2) offset = writeUintOrNil(bytes, offset, options.requestNumber);
  endFrame(writer, writer.length, offset);
}

export function encodeDelete(
  writer: ByteWriter,
  id: number,
  key: Uint8Array,
  options: DeleteOptions = none,
): void {
  const { ifVersion, requestNumber } = options;
  const optional = requestNumber !== undefined ? 2 : ifVersion !== undefined ? 1 : 0;

  const start = reserveFrame(writer, headBytesMax + key.length + 2 * uintBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, 3 + optional, id, opcode.delete);
  offset = writeBin(bytes, offset, key);
  if (optional > 0) offset = writeUintOrNil(bytes, offset, ifVersion);
  if (optional > 1) offset = writeUintOrNil(bytes, offset, requestNumber);
  endFrame(writer, start, offset);
}

export function encodeBatch(
  writer: ByteWriter,
  id: number,
  operations: readonly BatchOperation[],
  options: BatchOptions = none,
): void {
  const { requestNumber } = options;
  let bodyBytesMax = headBytesMax + uintBytesMax;
  for (const operation of operations) {
    bodyBytesMax +=
      operationBytesMax + operation.key.length + (operation.type === "put" ? operation.value.length : 0);
  }
  const start = reserveFrame(writer, bodyBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, requestNumber === undefined ? 3 : 4, id, opcode.batch);
  offset = writeArray(bytes, offset, operations.length);
  for (const operation of operations) offset = writeOperation(bytes, offset, operation);
  if (requestNumber !== undefined) offset = writeUint(bytes, offset, requestNumber);
  endFrame(writer, start, offset);
}

export function encodeScan(writer: ByteWriter, id: number, options: ScanOptions = none): void {
  const { start: from, end: to, prefix, after, snapshotId = newestState, keysOnly = false } = options;
  const optional = keysOnly ? 3 : snapshotId !== newestState ? 2 : after !== undefined ? 1 : 0;
  const keyBytes = (from?.length ?? 0) + (to?.length ?? 0) + (prefix?.length ?? 0) + (after?.length ?? 0);
  const start = reserveFrame(writer, 4 * headBytesMax + keyBytes + 2 + 2 * uintBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, 7 + optional, id, opcode.scan);
  offset = writeBinOrNil(bytes, offset, from);
  offset = writeBinOrNil(bytes, offset, to);
  offset = writeBinOrNil(bytes, offset, prefix);
  offset = writeBoolean(bytes, offset, options.reverse ?? false);
  offset = writeUint(bytes, offset, options.limit ?? 0);
  if (optional > 0) offset = writeBinOrNil(bytes, offset, after);
  if (optional > 1) offset = writeSnapshotId(bytes, offset, snapshotId);
  if (optional > 2) offset = writeBoolean(bytes, offset, true);
  endFrame(writer, start, offset);
}

export function encodeHello(writer: ByteWriter, id: number, options: HelloOptions = none): void {
  const { credentials, session, clientName } = options;
  const name = Buffer.from(protocolName);
  const clientNameUtf8 = clientName === undefined ? undefined : Buffer.from(clientName);
  const optional =
    clientNameUtf8 !== undefined ? 3 : session !== undefined ? 2 : credentials !== undefined ? 1 : 0;
  const variableBytes =
    name.length + (credentials?.length ?? 0) + (session?.length ?? 0) + (clientNameUtf8?.length ?? 0);

  const start = reserveFrame(writer, 4 * headBytesMax + uintBytesMax + variableBytes);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, 4 + optional, id, opcode.hello);
  offset = writeStr(bytes, offset, name);
  offset = writeUint(bytes, offset, protocolVersion);
  if (optional > 0) offset = writeBinOrNil(bytes, offset, credentials);
  if (optional > 1) offset = writeBinOrNil(bytes, offset, session);
  if (clientNameUtf8 !== undefined) offset = writeStr(bytes, offset, clientNameUtf8);
  endFrame(writer, start, offset);
}

const none = {};

/** How many elements of a put follow its value: those up to the last that is given. */
function optionalOf({ ifVersion, expiresAtMs, requestNumber }: PutOptions): number {
  return requestNumber !== undefined ? 3 : expiresAtMs !== undefined ? 2 : ifVersion !== undefined ? 1 : 0;
}

/** The array's head, the kind, the heads of key and value, a version and an expiry. */
const operationBytesMax = 2 + 2 * headBytesMax + 2 * uintBytesMax;

function encodeBare(writer: ByteWriter, id: number, kind: number): void {
  const start = reserveFrame(writer, 0);
  endFrame(writer, start, writeHead(writer.bytes, start, 2, id, kind));
}

function encodeNumbers(writer: ByteWriter, id: number, kind: number, numbers: readonly number[]): void {
  const start = reserveFrame(writer, numbers.length * uintBytesMax);
  const { bytes } = writer;
  let offset = writeHead(bytes, start, 2 + numbers.length, id, kind);
  for (const number of numbers) offset = writeUint(bytes, offset, number);
  endFrame(writer, start, offset);
}

function writeSnapshotId(bytes: Buffer, offset: number, snapshotId: number): number {
  if (snapshotId === newestState) return writeNil(bytes, offset);
  return writeUint(bytes, offset, snapshotId === snapshotWanted ? 0 : snapshotId);
}

function writeOperation(bytes: Buffer, start: number, operation: BatchOperation): number {
  const { ifVersion } = operation;
  if (operation.type === "delete") {
    let offset = writeArray(bytes, start, ifVersion === undefined ? 2 : 3);
    offset = writeUint(bytes, offset, batchOperation.delete);
    offset = writeBin(bytes, offset, operation.key);
    return ifVersion === undefined ? offset : writeUint(bytes, offset, ifVersion);
  }
  const { expiresAtMs } = operation;
  const optional = expiresAtMs !== undefined ? 2 : ifVersion !== undefined ? 1 : 0;
  let offset = writeArray(bytes, start, 3 + optional);
  offset = writeUint(bytes, offset, batchOperation.put);
  offset = writeBin(bytes, offset, operation.key);
  offset = writeBin(bytes, offset, operation.value);
  if (optional > 0) offset = writeUintOrNil(bytes, offset, ifVersion);
  if (optional > 1) offset = writeUintOrNil(bytes, offset, expiresAtMs);
  return offset;
}

function writeUintOrNil(bytes: Buffer, offset: number, value: number | undefined): number {
  return value === undefined ? writeNil(bytes, offset) : writeUint(bytes, offset, value);
}

function writeBinOrNil(bytes: Buffer, offset: number, value: Uint8Array | undefined): number {
  return value === undefined ? writeNil(bytes, offset) : writeBin(bytes, offset, value);
}
