import { Buffer } from "node:buffer";
import { ByteWriter } from "../../../src/lib/byte-writer.ts";
import * as limits from "../../../src/lib/limits.ts";
import { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import type { HelloInfo, HelloLimits } from "../../../src/protocol/hello.ts";
import { opcode } from "../../../src/protocol/opcodes.ts";
import { PageEncoder } from "../../../src/protocol/page-encoder.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { RequestDecoder } from "../../../src/protocol/request.ts";
import {
  encodeEntry,
  encodeError,
  encodeHelloReply,
  encodePong,
  encodeStatsReply,
  encodeWritten,
} from "../../../src/protocol/response-encoder.ts";
import { outcome, status, type ErrorStatus } from "../../../src/protocol/status.ts";
import { ScriptedStore, type StoredEntry, type StoredOperation } from "./scripted-store.ts";

/** What a scripted server says about itself, and how large its pages are. */
export interface Script {
  syncMode: HelloInfo["syncMode"];
  storeId: Uint8Array;
  limits: HelloLimits;
  pageEntriesMax: number;
  /** Answers every page of a scan with the first. */
  repeatsPages: boolean;
  /** Refuses the hello with this status. */
  helloStatus: ErrorStatus | undefined;
  /** Refuses every other request with this status and outcome. */
  refusal: { status: ErrorStatus; outcome: 0 | 1 } | undefined;
}

export function scriptDefaults(): Script {
  return {
    syncMode: "always",
    storeId: new Uint8Array(16).fill(7),
    limits: {
      frameBytesMax: limits.frameBytesMax,
      keyBytesMax: limits.keyBytesMax,
      valueBytesMax: limits.valueBytesMax,
      batchOperationsMax: limits.batchOperationsMax,
      batchBytesMax: limits.batchBytesMax,
      getManyKeysMax: limits.getManyKeysMax,
      inFlightRequestsMax: limits.inFlightRequestsMax,
      idleDeadlineMs: limits.idleDeadlineMs,
    },
    pageEntriesMax: 100,
    repeatsPages: false,
    helloStatus: undefined,
    refusal: undefined,
  };
}

/**
 * The server's side of one connection, in the protocol's own codecs and without a network: bytes in, one frame out for
 * each request. What is done with the frames (sent, held back, cut, dropped) is the test's affair.
 */
export class ScriptedSession {
  readonly #script: Script;
  readonly #store: ScriptedStore;
  readonly #frames = new FrameDecoder(limits.frameBytesMax);
  readonly #request = new RequestDecoder();
  readonly #pages = new PageEncoder();
  readonly #writer = new ByteWriter();
  /** Opcodes in the order in which they came. */
  readonly opcodes: number[] = [];

  constructor(script: Script, store: ScriptedStore) {
    this.#script = script;
    this.#store = store;
  }

  /** Carries out what the bytes ask for, and gives the answers, each a copy of its own. */
  receive(bytes: Buffer): Buffer[] {
    const answers: Buffer[] = [];
    this.#frames.push(Buffer.from(bytes));
    while (this.#frames.next()) {
      this.#writer.clear();
      this.#answer(this.#frames.bytes, this.#frames.start, this.#frames.end);
      answers.push(Buffer.from(this.#writer.bytes.subarray(0, this.#writer.length)));
    }
    return answers;
  }

  /** The same into one writer and without a copy, for when time matters. */
  receiveInto(bytes: Buffer, writer: ByteWriter): void {
    this.#frames.push(bytes);
    while (this.#frames.next())
      this.#answer(this.#frames.bytes, this.#frames.start, this.#frames.end, writer);
  }

  #answer(bytes: Buffer, start: number, end: number, writer = this.#writer): void {
    const request = this.#request;
    try {
      request.decode(bytes, start, end);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      encodeError(
        writer,
        error.correlationId,
        error.status,
        error.message,
        outcome.notApplied,
        error.details,
      );
      return;
    }
    const id = request.correlationId;
    this.opcodes.push(request.opcode);
    const { helloStatus, refusal } = this.#script;
    if (request.opcode === opcode.hello) {
      if (helloStatus === undefined) encodeHelloReply(writer, id, { server: "scripted", ...this.#script });
      else encodeError(writer, id, helloStatus, "not today", outcome.notApplied);
      return;
    }
    if (refusal !== undefined) {
      encodeError(writer, id, refusal.status, "as the script says", refusal.outcome, [1, 2]);
      return;
    }
    switch (request.opcode) {
      case opcode.ping:
        return encodePong(writer, id);
      case opcode.stats:
        return encodeStatsReply(writer, id, { entries: this.#store.entries.length });
      case opcode.get: {
        const entry = this.#store.find(request.bytes.subarray(request.keyStart, request.keyEnd));
        return encodeEntry(
          writer,
          id,
          entry?.version ?? 0,
          entry?.value ?? nothing,
          0,
          entry?.value.length ?? 0,
        );
      }
      case opcode.put:
      case opcode.delete:
        return this.#write(writer, id, [this.#operation()]);
      case opcode.batch: {
        const operations: StoredOperation[] = [];
        for (request.rewind(); request.next();) operations.push(this.#operation());
        return this.#write(writer, id, operations);
      }
      case opcode.getMany: {
        let left = this.#script.pageEntriesMax;
        request.rewind();
        while (left-- > 0 && request.next()) {
          const entry = this.#store.find(request.bytes.subarray(request.keyStart, request.keyEnd));
          this.#pages.add(entry?.value ?? nothing, 0, 0, entry?.version ?? 0, 0, entry?.value.length ?? 0);
        }
        return this.#pages.finish(writer, id, request.next());
      }
      case opcode.scan:
        return this.#scan(writer, id);
    }
  }

  #operation(): StoredOperation {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, isDelete, ifVersion } = this.#request;
    return {
      key: Buffer.from(bytes.subarray(keyStart, keyEnd)),
      value: isDelete ? undefined : Buffer.from(bytes.subarray(valueStart, valueEnd)),
      ifVersion,
    };
  }

  #write(writer: ByteWriter, id: number, operations: StoredOperation[]): void {
    const result = this.#store.apply(operations);
    if (typeof result === "number") return encodeWritten(writer, id, result);
    const details = [result.actualVersion, result.operationIndex];
    encodeError(writer, id, status.CONFLICT, "the version differs", outcome.notApplied, details);
  }

  #scan(writer: ByteWriter, id: number): void {
    const { start, end, prefix, reverse, limit, after } = this.#request.scan!;
    const isWanted = ({ key }: StoredEntry) =>
      (start === undefined || Buffer.compare(key, start) >= 0) &&
      (end === undefined || Buffer.compare(key, end) < 0) &&
      (prefix === undefined || key.subarray(0, prefix.length).equals(prefix)) &&
      (after === undefined ||
        this.#script.repeatsPages ||
        (reverse ? Buffer.compare(key, after) < 0 : Buffer.compare(key, after) > 0));
    const found = this.#store.entries.filter(isWanted);
    if (reverse) found.reverse();
    const count = Math.min(limit === 0 ? Infinity : limit, this.#script.pageEntriesMax);
    for (const { key, value, version } of found.slice(0, count)) {
      const both = Buffer.concat([key, value]);
      this.#pages.add(both, 0, key.length, version, key.length, both.length);
    }
    this.#pages.finish(writer, id, found.length > count && (limit === 0 || count < limit));
  }
}

const nothing = Buffer.alloc(0);
