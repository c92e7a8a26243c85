import { ByteWriter } from "../../src/lib/byte-writer.ts";
import type { HelloInfo } from "../../src/protocol/hello.ts";
import type { InfoMap } from "../../src/protocol/info-map.ts";
import { newestState, opcode, snapshotWanted } from "../../src/protocol/opcodes.ts";
import { PageEncoder } from "../../src/protocol/page-encoder.ts";
import type { RequestDecoder } from "../../src/protocol/request.ts";
import * as requests from "../../src/protocol/request-encoder.ts";
import * as responses from "../../src/protocol/response-encoder.ts";
import {
  decodeCheckpointed,
  decodeDone,
  decodeEntry,
  decodeError,
  decodeHelloReply,
  decodePong,
  decodeSnapshot,
  decodeStats,
  decodeWritten,
  PageCursor,
  readHead,
  ResponseHead,
} from "../../src/protocol/response-decoder.ts";
import { outcome, status } from "../../src/protocol/status.ts";

/**
 * Messages as plain JSON, bytes as hex: what the vectors hold, what the generators make, and what two decoders
 * are compared in. Optional fields that a message does not have are left out.
 */
export type Request =
  | { message: "hello"; id: number; credentials?: string; session?: string; clientName?: string }
  | { message: "ping" | "stats" | "checkpoint" | "compact"; id: number }
  | { message: "get"; id: number; key: string; snapshotId?: number }
  | { message: "getMany"; id: number; keys: string[]; snapshotId?: number }
  | {
      message: "put";
      id: number;
      key: string;
      value: string;
      ifVersion?: number;
      expiresAtMs?: number;
      requestNumber?: number;
    }
  | { message: "delete"; id: number; key: string; ifVersion?: number; requestNumber?: number }
  | { message: "batch"; id: number; operations: Operation[]; requestNumber?: number }
  | {
      message: "scan";
      id: number;
      start?: string;
      end?: string;
      prefix?: string;
      reverse: boolean;
      limit: number;
      after?: string;
      /** 0: one is to be opened. */
      snapshotId?: number;
      keysOnly?: true;
    }
  | { message: "openSnapshot"; id: number; leaseMs: number }
  | { message: "renewSnapshot"; id: number; snapshotId: number; leaseMs: number }
  | { message: "closeSnapshot"; id: number; snapshotId: number };

export type Operation =
  | { type: "put"; key: string; value: string; ifVersion?: number; expiresAtMs?: number }
  | { type: "delete"; key: string; ifVersion?: number };

/** What a response answers is known by the client only, so each kind says it. */
export type Response =
  | { message: "pong"; id: number }
  | { message: "written"; id: number; version: number }
  | { message: "entry"; id: number; version: number; value: string | null }
  | {
      message: "scanPage";
      id: number;
      entries: { key: string; version: number; value: string }[];
      more: boolean;
      /** The key at which the scan stopped, if that is no entry. */
      stoppedAt?: string;
      /** The one that was opened. */
      snapshotId?: number;
    }
  | {
      message: "getManyPage";
      id: number;
      entries: { version: number; value: string | null }[];
      more: boolean;
    }
  | { message: "snapshot"; id: number; snapshotId: number; seq: number; leaseMs: number }
  | { message: "checkpointed"; id: number; seq: number }
  | { message: "done"; id: number }
  | { message: "helloReply"; id: number; info: Info }
  | { message: "statsReply"; id: number; stats: InfoMap }
  | {
      message: "error";
      id: number;
      status: Exclude<keyof typeof status, "OK">;
      text: string;
      outcome: keyof typeof outcome;
      details: number[];
    };

export type Info = Omit<HelloInfo, "storeId" | "bootId"> & { storeId: string; bootId?: string };
export type Message = Request | Response;

export const fromHex = (hex: string): Buffer => Buffer.from(hex, "hex");
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The whole frame of a message, through the encoders. */
export function encode(message: Message): Buffer {
  const writer = new ByteWriter(64);
  append(writer, message);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

export function append(writer: ByteWriter, message: Message): void {
  const { id } = message;
  switch (message.message) {
    case "hello":
      return requests.encodeHello(writer, id, {
        credentials: optional(message.credentials),
        session: optional(message.session),
        clientName: message.clientName,
      });
    case "ping":
      return requests.encodePing(writer, id);
    case "stats":
      return requests.encodeStats(writer, id);
    case "get":
      return requests.encodeGet(writer, id, fromHex(message.key), message.snapshotId);
    case "getMany":
      return requests.encodeGetMany(writer, id, message.keys.map(fromHex), message.snapshotId);
    case "put":
      return requests.encodePut(writer, id, fromHex(message.key), fromHex(message.value), message);
    case "delete":
      return requests.encodeDelete(writer, id, fromHex(message.key), message);
    case "batch":
      return requests.encodeBatch(writer, id, message.operations.map(toOperation), message);
    case "scan":
      return requests.encodeScan(writer, id, {
        start: optional(message.start),
        end: optional(message.end),
        prefix: optional(message.prefix),
        after: optional(message.after),
        reverse: message.reverse,
        limit: message.limit,
        snapshotId: message.snapshotId === 0 ? snapshotWanted : message.snapshotId,
        keysOnly: message.keysOnly,
      });
    case "openSnapshot":
      return requests.encodeOpenSnapshot(writer, id, message.leaseMs);
    case "renewSnapshot":
      return requests.encodeRenewSnapshot(writer, id, message.snapshotId, message.leaseMs);
    case "closeSnapshot":
      return requests.encodeCloseSnapshot(writer, id, message.snapshotId);
    case "checkpoint":
      return requests.encodeCheckpoint(writer, id);
    case "compact":
      return requests.encodeCompact(writer, id);
    case "pong":
      return responses.encodePong(writer, id);
    case "written":
      return responses.encodeWritten(writer, id, message.version);
    case "entry": {
      const value = fromHex(message.value ?? "");
      return responses.encodeEntry(writer, id, message.version, value, 0, value.length);
    }
    case "scanPage":
    case "getManyPage": {
      const page = new PageEncoder();
      for (const entry of message.entries) {
        // Each in the middle of a buffer of its own, as a store has them.
        const key = fromHex(`ff${"key" in entry ? entry.key : ""}ff`);
        const value = fromHex(`eeee${entry.value ?? ""}ee`);
        page.add(key, 1, key.length - 1, entry.version, value, 2, value.length - 1);
      }
      const stoppedAt = "stoppedAt" in message ? fromHex(message.stoppedAt ?? "") : undefined;
      if (stoppedAt !== undefined) page.add(stoppedAt, 0, stoppedAt.length, 0, stoppedAt, 0, 0);
      return page.finish(
        writer,
        id,
        message.more,
        "snapshotId" in message ? message.snapshotId : newestState,
      );
    }
    case "snapshot":
      return responses.encodeSnapshot(writer, id, message.snapshotId, message.seq, message.leaseMs);
    case "checkpointed":
      return responses.encodeCheckpointed(writer, id, message.seq);
    case "done":
      return responses.encodeDone(writer, id);
    case "helloReply": {
      const { storeId, bootId, ...info } = message.info;
      return responses.encodeHelloReply(writer, id, {
        ...info,
        storeId: fromHex(storeId),
        bootId: optional(bootId),
      });
    }
    case "statsReply":
      return responses.encodeStatsReply(writer, id, message.stats);
    case "error":
      return responses.encodeError(
        writer,
        id,
        status[message.status],
        message.text,
        outcome[message.outcome],
        message.details,
      );
  }
}

/** Reads a request's payload, the cursor's operations and keys included. */
export function decodeRequest(decoder: RequestDecoder, bytes: Buffer, start: number, end: number): Request {
  decoder.decode(bytes, start, end);
  const id = decoder.correlationId;
  const hex = (from: number, to: number) => hexOf(decoder.bytes.subarray(from, to));
  const ifVersion = () => (decoder.ifVersion === -1 ? {} : { ifVersion: decoder.ifVersion });
  const expiresAtMs = () => (decoder.expiresAtMs === 0 ? {} : { expiresAtMs: decoder.expiresAtMs });
  const requestNumber = () => (decoder.requestNumber === 0 ? {} : { requestNumber: decoder.requestNumber });
  const snapshotId = () => (decoder.snapshotId === newestState ? {} : { snapshotId: decoder.snapshotId });
  const key = () => hex(decoder.keyStart, decoder.keyEnd);
  const value = () => hex(decoder.valueStart, decoder.valueEnd);

  switch (decoder.opcode) {
    case opcode.hello: {
      const { credentials, session, clientName } = decoder.hello!;
      return {
        message: "hello",
        id,
        ...(credentials && { credentials: hexOf(credentials) }),
        ...(session && { session: hexOf(session) }),
        ...(clientName !== undefined && { clientName }),
      };
    }
    case opcode.ping:
      return { message: "ping", id };
    case opcode.stats:
      return { message: "stats", id };
    case opcode.get:
      return { message: "get", id, key: key(), ...snapshotId() };
    case opcode.getMany: {
      const keys: string[] = [];
      for (decoder.rewind(); decoder.next();) keys.push(key());
      return { message: "getMany", id, keys, ...snapshotId() };
    }
    case opcode.put:
      return {
        message: "put",
        id,
        key: key(),
        value: value(),
        ...ifVersion(),
        ...expiresAtMs(),
        ...requestNumber(),
      };
    case opcode.delete:
      return { message: "delete", id, key: key(), ...ifVersion(), ...requestNumber() };
    case opcode.batch: {
      const operations: Operation[] = [];
      for (decoder.rewind(); decoder.next();) {
        if (decoder.isDelete) operations.push({ type: "delete", key: key(), ...ifVersion() });
        else operations.push({ type: "put", key: key(), value: value(), ...ifVersion(), ...expiresAtMs() });
      }
      return { message: "batch", id, operations, ...requestNumber() };
    }
    case opcode.scan: {
      const { start: from, end: to, prefix, reverse, limit, after, keysOnly } = decoder.scan!;
      const snapshot = decoder.scan!.snapshotId;
      return {
        message: "scan",
        id,
        ...(from && { start: hexOf(from) }),
        ...(to && { end: hexOf(to) }),
        ...(prefix && { prefix: hexOf(prefix) }),
        reverse,
        limit,
        ...(after && { after: hexOf(after) }),
        ...(snapshot !== newestState && { snapshotId: snapshot === snapshotWanted ? 0 : snapshot }),
        ...(keysOnly && { keysOnly }),
      };
    }
    case opcode.openSnapshot:
      return { message: "openSnapshot", id, leaseMs: decoder.leaseMs };
    case opcode.renewSnapshot:
      return { message: "renewSnapshot", id, snapshotId: decoder.snapshotId, leaseMs: decoder.leaseMs };
    case opcode.closeSnapshot:
      return { message: "closeSnapshot", id, snapshotId: decoder.snapshotId };
    case opcode.checkpoint:
      return { message: "checkpoint", id };
    case opcode.compact:
      return { message: "compact", id };
  }
}

/** Reads a response's payload as the answer that `kind` names, or as the error that it is. */
export function decodeResponse(
  kind: Response["message"],
  bytes: Buffer,
  start: number,
  end: number,
): Response {
  const head = new ResponseHead();
  readHead(bytes, start, end, head);
  const id = head.correlationId;
  if (head.status !== status.OK) {
    const { code, message: text, outcome: ending, details } = decodeError(bytes, head);
    return {
      message: "error",
      id,
      status: code as Exclude<keyof typeof status, "OK">,
      text,
      outcome: ending === "unknown" ? "unknown" : "notApplied",
      details,
    };
  }
  switch (kind) {
    case "error":
      throw new Error("the response is no error");
    case "pong":
      decodePong(bytes, head);
      return { message: "pong", id };
    case "written":
      return { message: "written", id, version: decodeWritten(bytes, head) };
    case "entry": {
      const entry = { version: -1, valueStart: -1, valueEnd: -1 };
      decodeEntry(bytes, head, entry);
      const { version, valueStart, valueEnd } = entry;
      return {
        message: "entry",
        id,
        version,
        value: version === 0 ? null : hexOf(bytes.subarray(valueStart, valueEnd)),
      };
    }
    case "scanPage":
    case "getManyPage":
      return decodePage(kind, id, bytes, head);
    case "snapshot":
      return { message: "snapshot", id, ...decodeSnapshot(bytes, head) };
    case "checkpointed":
      return { message: "checkpointed", id, seq: decodeCheckpointed(bytes, head) };
    case "done":
      decodeDone(bytes, head);
      return { message: "done", id };
    case "helloReply": {
      const { info } = decodeHelloReply(bytes, head);
      const { storeId, bootId, ...rest } = info;
      return {
        message: "helloReply",
        id,
        info: { ...rest, storeId: hexOf(storeId), ...(bootId && { bootId: hexOf(bootId) }) },
      };
    }
    case "statsReply":
      return { message: "statsReply", id, stats: decodeStats(bytes, head) };
  }
}

function decodePage(
  kind: "scanPage" | "getManyPage",
  id: number,
  bytes: Buffer,
  head: ResponseHead,
): Response {
  const page = new PageCursor();
  page.decode(bytes, head, kind === "scanPage" ? "scan" : "getMany");
  const value = () => hexOf(page.bytes.subarray(page.valueStart, page.valueEnd));
  if (kind === "scanPage") {
    const entries = [];
    while (page.next()) {
      const key = hexOf(page.bytes.subarray(page.keyStart, page.keyEnd));
      entries.push({ key, version: page.version, value: value() });
    }
    const last = hexOf(page.bytes.subarray(page.lastKeyStart, page.lastKeyEnd));
    const stoppedAt = last === (entries.at(-1)?.key ?? "") ? {} : { stoppedAt: last };
    const opened = page.snapshotId === newestState ? {} : { snapshotId: page.snapshotId };
    return { message: kind, id, entries, more: page.more, ...stoppedAt, ...opened };
  }
  const entries = [];
  while (page.next()) entries.push({ version: page.version, value: page.version === 0 ? null : value() });
  return { message: kind, id, entries, more: page.more };
}

function toOperation(operation: Operation): requests.BatchOperation {
  const key = fromHex(operation.key);
  return operation.type === "put"
    ? { ...operation, key, value: fromHex(operation.value) }
    : { ...operation, key };
}

function optional(hex: string | undefined): Buffer | undefined {
  return hex === undefined ? undefined : fromHex(hex);
}
