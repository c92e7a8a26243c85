import type { ByteWriter } from "../../../src/lib/byte-writer.ts";
import { newestState, opcode, snapshotWanted, unconditional } from "../../../src/protocol/opcodes.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import type { RequestDecoder } from "../../../src/protocol/request.ts";
import * as encoder from "../../../src/protocol/request-encoder.ts";
import { status } from "../../../src/protocol/status.ts";
import type { Transcript } from "./transcript.ts";

/**
 * The status with which the real decoder refuses a request, or 0. Anything but a ProtocolError goes on its
 * way.
 */
export function decodeRequest(decoder: RequestDecoder, bytes: Buffer, start: number, end: number): number {
  try {
    decoder.decode(bytes, start, end);
    return status.OK;
  } catch (error) {
    if (error instanceof ProtocolError && error.correlationId === decoder.correlationId) return error.status;
    throw error;
  }
}

/** What the real decoder understood, in the form of the naive one. */
export function transcribeRequest(decoder: RequestDecoder, into: Transcript): void {
  into.begin(decoder.bytes);
  into.number(decoder.correlationId);
  into.number(decoder.opcode);
  const orNone = (value: number, none: number) => into.number(value === none ? -1 : value);
  const key = () => into.range(decoder.keyStart, decoder.keyEnd);
  const value = () => into.range(decoder.valueStart, decoder.valueEnd);
  switch (decoder.opcode) {
    case opcode.get:
      key();
      return orNone(decoder.snapshotId, newestState);
    case opcode.getMany:
      into.number(decoder.operationCount);
      for (decoder.rewind(); decoder.next();) key();
      return orNone(decoder.snapshotId, newestState);
    case opcode.put:
      key();
      value();
      orNone(decoder.ifVersion, unconditional);
      orNone(decoder.expiresAtMs, 0);
      return orNone(decoder.requestNumber, 0);
    case opcode.delete:
      key();
      orNone(decoder.ifVersion, unconditional);
      return orNone(decoder.requestNumber, 0);
    case opcode.batch:
      into.number(decoder.operationCount);
      for (decoder.rewind(); decoder.next();) {
        into.flag(decoder.isDelete);
        key();
        if (!decoder.isDelete) value();
        orNone(decoder.ifVersion, unconditional);
        if (!decoder.isDelete) orNone(decoder.expiresAtMs, 0);
      }
      return orNone(decoder.requestNumber, 0);
    case opcode.scan: {
      const { start, end, prefix, reverse, limit, after, snapshotId, keysOnly } = decoder.scan!;
      const bound = (bytes: Uint8Array | undefined) => {
        into.flag(bytes !== undefined);
        if (bytes === undefined) return;
        const at = bytes.byteOffset - decoder.bytes.byteOffset;
        into.range(at, at + bytes.length);
      };
      bound(start);
      bound(end);
      bound(prefix);
      into.flag(reverse);
      into.number(limit);
      bound(after);
      into.number(snapshotId === newestState ? -1 : snapshotId === snapshotWanted ? 0 : snapshotId);
      return into.flag(keysOnly);
    }
    case opcode.hello: {
      const { credentials, session, clientName } = decoder.hello!;
      into.value(credentials);
      into.value(session);
      return into.value(clientName);
    }
    case opcode.openSnapshot:
      return into.number(decoder.leaseMs);
    case opcode.renewSnapshot:
      into.number(decoder.snapshotId);
      return into.number(decoder.leaseMs);
    case opcode.closeSnapshot:
      return into.number(decoder.snapshotId);
    default:
  }
}

/** The frame that the real encoder makes of what the real decoder understood. */
export function encodeRequest(decoder: RequestDecoder, writer: ByteWriter): void {
  const { correlationId: id, bytes } = decoder;
  const key = () => bytes.subarray(decoder.keyStart, decoder.keyEnd);
  const value = () => bytes.subarray(decoder.valueStart, decoder.valueEnd);
  const given = (number: number, none: number) => (number === none ? undefined : number);
  const ifVersion = () => given(decoder.ifVersion, unconditional);
  const requestNumber = given(decoder.requestNumber, 0);
  switch (decoder.opcode) {
    case opcode.ping:
      return encoder.encodePing(writer, id);
    case opcode.stats:
      return encoder.encodeStats(writer, id);
    case opcode.checkpoint:
      return encoder.encodeCheckpoint(writer, id);
    case opcode.compact:
      return encoder.encodeCompact(writer, id);
    case opcode.get:
      return encoder.encodeGet(writer, id, key(), decoder.snapshotId);
    case opcode.put: {
      const expiresAtMs = given(decoder.expiresAtMs, 0);
      const options = { ifVersion: ifVersion(), expiresAtMs, requestNumber };
      return encoder.encodePut(writer, id, key(), value(), options);
    }
    case opcode.delete:
      return encoder.encodeDelete(writer, id, key(), { ifVersion: ifVersion(), requestNumber });
    case opcode.getMany: {
      const keys: Buffer[] = [];
      for (decoder.rewind(); decoder.next();) keys.push(key());
      return encoder.encodeGetMany(writer, id, keys, decoder.snapshotId);
    }
    case opcode.batch: {
      const operations: encoder.BatchOperation[] = [];
      for (decoder.rewind(); decoder.next();) {
        if (decoder.isDelete) operations.push({ type: "delete", key: key(), ifVersion: ifVersion() });
        else {
          const expiresAtMs = given(decoder.expiresAtMs, 0);
          operations.push({ type: "put", key: key(), value: value(), ifVersion: ifVersion(), expiresAtMs });
        }
      }
      return encoder.encodeBatch(writer, id, operations, { requestNumber });
    }
    case opcode.scan:
      return encoder.encodeScan(writer, id, decoder.scan!);
    case opcode.hello:
      return encoder.encodeHello(writer, id, decoder.hello!);
    case opcode.openSnapshot:
      return encoder.encodeOpenSnapshot(writer, id, decoder.leaseMs);
    case opcode.renewSnapshot:
      return encoder.encodeRenewSnapshot(writer, id, decoder.snapshotId, decoder.leaseMs);
    case opcode.closeSnapshot:
      return encoder.encodeCloseSnapshot(writer, id, decoder.snapshotId);
    default:
  }
}
