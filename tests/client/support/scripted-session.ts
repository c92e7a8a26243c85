import { Buffer } from "node:buffer";
import { ByteWriter } from "../../../src/lib/byte-writer.ts";
import * as limits from "../../../src/lib/limits.ts";
import { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import type { HelloInfo, HelloLimits } from "../../../src/protocol/hello.ts";
import { newestState, opcode, snapshotWanted } from "../../../src/protocol/opcodes.ts";
import { PageEncoder } from "../../../src/protocol/page-encoder.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { RequestDecoder } from "../../../src/protocol/request.ts";
import {
  encodeCheckpointed,
  encodeDone,
  encodeEntry,
  encodeError,
  encodeHelloReply,
  encodePong,
  encodeSnapshot,
  encodeStatsReply,
  encodeWritten,
} from "../../../src/protocol/response-encoder.ts";
import { outcome, status, type ErrorStatus } from "../../../src/protocol/status.ts";
import {
  ScriptedStore,
  type StoredEntry,
  type StoredOperation,
  type StoredSnapshot,
} from "./scripted-store.ts";

/** What a scripted server says about itself, and how large its pages are. */
export interface Script {
  syncMode: HelloInfo["syncMode"];
  storeId: Uint8Array;
  limits: HelloLimits;
  pageEntriesMax: number;
  /** The longest lease that is granted, and the one that is granted to whoever leaves it to the server. */
  leaseMsMax: number;
  /** What it does wrong with the pages of scans. */
  scanLie: ScanLie | undefined;
  /** Refuses the hello with this status. */
  helloStatus: ErrorStatus | undefined;
  /** Requests with these opcodes get no answer. */
  unanswered: readonly number[];
  /** Refuses every other request with this status and outcome. */
  refusal: { status: ErrorStatus; outcome: 0 | 1 } | undefined;
}

export type ScanLie =
  | "every page is the first"
  | "the first page has no snapshot"
  | "the second page has a snapshot"
  | "a page has more than was wanted";

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
    leaseMsMax: 30_000,
    scanLie: undefined,
    helloStatus: undefined,
    unanswered: [],
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
  bytesAnswered = 0;

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
      this.bytesAnswered += this.#writer.length;
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
    const { helloStatus, refusal, unanswered } = this.#script;
    if (request.opcode === opcode.hello) {
      if (helloStatus === undefined) encodeHelloReply(writer, id, { server: "scripted", ...this.#script });
      else encodeError(writer, id, helloStatus, "not today", outcome.notApplied);
      return;
    }
    if (unanswered.includes(request.opcode)) return;
    if (refusal !== undefined) {
      encodeError(writer, id, refusal.status, "as the script says", refusal.outcome, [1, 2]);
      return;
    }
    switch (request.opcode) {
      case opcode.ping:
        return encodePong(writer, id);
      case opcode.stats:
        return encodeStatsReply(writer, id, { entries: this.#store.entries.length });
      case opcode.checkpoint:
        return encodeCheckpointed(writer, id, this.#store.version);
      case opcode.compact:
        return encodeDone(writer, id);
      case opcode.put:
      case opcode.delete:
        return this.#write(writer, id, [this.#operation()]);
      case opcode.batch: {
        const operations: StoredOperation[] = [];
        for (request.rewind(); request.next();) operations.push(this.#operation());
        return this.#write(writer, id, operations);
      }
      case opcode.openSnapshot:
        return this.#grant(writer, id, this.#store.openSnapshot(false));
      case opcode.closeSnapshot:
        this.#store.snapshots.delete(request.snapshotId);
        return encodeDone(writer, id);
    }
    // What is left reads a snapshot, or the newest state.
    const { snapshotId } = request.opcode === opcode.scan ? request.scan! : request;
    const snapshot = this.#store.snapshots.get(snapshotId);
    if (snapshot === undefined && snapshotId !== newestState && snapshotId !== snapshotWanted)
      return encodeError(writer, id, status.SNAPSHOT_EXPIRED, "it is gone", outcome.notApplied);
    switch (request.opcode) {
      case opcode.renewSnapshot:
        return this.#grant(writer, id, snapshot!);
      case opcode.get: {
        const key = request.bytes.subarray(request.keyStart, request.keyEnd);
        const { version, value } = this.#store.find(key, snapshot) ?? { version: 0, value: nothing };
        return encodeEntry(writer, id, version, value, 0, value.length);
      }
      case opcode.getMany:
        return this.#getMany(writer, id, snapshot);
      case opcode.scan:
        return this.#scan(writer, id, snapshot);
    }
  }

  /** A lease, and how long it is. */
  #grant(writer: ByteWriter, id: number, snapshot: StoredSnapshot): void {
    const { leaseMs } = this.#request;
    this.#store.leasesMs.push(leaseMs);
    const granted = leaseMs === 0 ? this.#script.leaseMsMax : Math.min(leaseMs, this.#script.leaseMsMax);
    encodeSnapshot(writer, id, snapshot.id, snapshot.seq, granted);
  }

  #getMany(writer: ByteWriter, id: number, snapshot: StoredSnapshot | undefined): void {
    const request = this.#request;
    let left = this.#script.pageEntriesMax;
    request.rewind();
    while (left-- > 0 && request.next()) {
      const key = request.bytes.subarray(request.keyStart, request.keyEnd);
      const { version, value } = this.#store.find(key, snapshot) ?? { version: 0, value: nothing };
      this.#pages.add(nothing, 0, 0, version, value, 0, value.length);
    }
    this.#pages.finish(writer, id, request.next());
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

  #scan(writer: ByteWriter, id: number, snapshot: StoredSnapshot | undefined): void {
    const { start, end, prefix, reverse, limit, after, snapshotId, keysOnly } = this.#request.scan!;
    const { pageEntriesMax, scanLie } = this.#script;
    const isWanted = ({ key }: StoredEntry) =>
      (start === undefined || Buffer.compare(key, start) >= 0) &&
      (end === undefined || Buffer.compare(key, end) < 0) &&
      (prefix === undefined || key.subarray(0, prefix.length).equals(prefix)) &&
      (after === undefined ||
        scanLie === "every page is the first" ||
        (reverse ? Buffer.compare(key, after) < 0 : Buffer.compare(key, after) > 0));
    const found = (snapshot ?? this.#store).entries.filter(isWanted);
    if (reverse) found.reverse();
    const surplus = scanLie === "a page has more than was wanted" ? 1 : 0;
    const count = Math.min(limit === 0 ? Infinity : limit + surplus, pageEntriesMax);
    for (const { key, value, version } of found.slice(0, count))
      this.#pages.add(key, 0, key.length, version, value, 0, keysOnly ? 0 : value.length);
    const more = found.length > count;
    const lieAboutSnapshot: ScanLie =
      snapshotId === snapshotWanted ? "the first page has no snapshot" : "the second page has a snapshot";
    const opensOne = more && (snapshotId === snapshotWanted) !== (scanLie === lieAboutSnapshot);
    if (!more && snapshot?.isOfScan === true) this.#store.snapshots.delete(snapshot.id);
    this.#pages.finish(writer, id, more, opensOne ? this.#store.openSnapshot(true).id : newestState);
  }
}

const nothing = Buffer.alloc(0);
