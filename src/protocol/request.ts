import { Buffer } from "node:buffer";
import * as limits from "../lib/limits.ts";
import { commitOverheadBytes, operationBytes } from "./batch-bytes.ts";
import { readHello, type HelloRequest } from "./hello.ts";
import { MsgpackReader } from "./msgpack-reader.ts";
import {
  batchOperation,
  correlationIdMax,
  newestState,
  opcode,
  unconditional,
  type Opcode,
} from "./opcodes.ts";
import { beyondLimit, ProtocolError, RefusedError } from "./protocol-error.ts";
import { readScan, type ScanRequest } from "./scan-request.ts";
import { status } from "./status.ts";

/** The limits of lib/limits.ts that a request is held to; a server that announces smaller ones passes them in. */
export interface RequestLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly batchOperationsMax: number;
  readonly batchBytesMax: number;
  readonly getManyKeysMax: number;
}

/**
 * Reads requests, one at a time, into its own public fields: no object is made for get, put, delete, batch and
 * getMany, whose keys and values stay where they are, as ranges of `bytes`. Which fields mean anything is said by
 * `opcode`. All of them are valid until the next decode, and as long as the frame's bytes are.
 *
 * `decode` reads the whole message and checks all of it before it returns; only then the cursor (`rewind`, `next`)
 * walks over the operations of a batch or over the keys of a getMany.
 */
export class RequestDecoder {
  correlationId = 0;
  opcode: Opcode = opcode.ping;
  bytes: Buffer = nothing;

  /** The key of get, put and delete, and of the operation at the cursor. */
  keyStart = 0;
  keyEnd = 0;
  /** The value of a put; empty for a delete. */
  valueStart = 0;
  valueEnd = 0;
  /** The version that the entry must have, 0 for "must not exist", or `unconditional`. */
  ifVersion: number = unconditional;
  /**
   * When the entry expires, in milliseconds since 1970; 0: never. After decoding a batch, the latest of its
   * operations'.
   */
  expiresAtMs = 0;
  /** The number of the write within its session; 0: none. */
  requestNumber = 0;
  /** Whether the operation at the cursor is a delete. */
  isDelete = false;
  /** Operations of the batch, or keys of the getMany. */
  operationCount = 0;
  /** The snapshot that a get or a getMany reads, or `newestState`; and the one to renew or to close. */
  snapshotId: number = newestState;
  /** How long a snapshot is to last, in milliseconds; 0: as long as the server thinks right. */
  leaseMs = 0;

  hello: HelloRequest | undefined;
  scan: ScanRequest | undefined;

  readonly #limits: RequestLimits;
  readonly #reader = new MsgpackReader();
  #start = 0;
  #end = 0;
  #operationsStart = 0;
  #operationsRead = 0;

  constructor(requestLimits: RequestLimits = limits) {
    this.#limits = requestLimits;
  }

  /**
   * Throws a MalformedError when the bytes are no request, after which the connection cannot go on, and a
   * RefusedError when they are one that nobody could carry out. Both name the request as far as it was read.
   */
  decode(bytes: Buffer, start: number, end: number): void {
    this.correlationId = 0;
    try {
      this.#decode(bytes, start, end);
    } catch (error) {
      if (error instanceof ProtocolError) error.correlationId = this.correlationId;
      throw error;
    }
  }

  /** Goes before the first operation of a batch, or the first key of a getMany. */
  rewind(): void {
    this.#reader.open(this.bytes, this.#start, this.#end, this.#operationsStart);
    this.#operationsRead = 0;
  }

  /** Goes to the next operation or key; false after the last. */
  next(): boolean {
    if (this.#operationsRead === this.operationCount) return false;
    this.#operationsRead++;
    if (this.opcode === opcode.batch) this.#readOperation();
    else this.#readKey();
    return true;
  }

  #decode(bytes: Buffer, start: number, end: number): void {
    const reader = this.#reader;
    reader.open(bytes, start, end);
    this.bytes = bytes;
    this.#start = start;
    this.#end = end;
    const elements = reader.array();
    const correlationId = reader.uint();
    if (correlationId === 0 || correlationId > correlationIdMax) {
      reader.fail(`a correlation id is 1 to ${correlationIdMax}, not ${correlationId}`);
    }
    this.correlationId = correlationId;
    const kind = reader.uint();
    if (elements < 2) reader.fail(`the element count of a request is at least 2, not ${elements}`);
    // Before the arguments, so that a refusal, too, can tell what was asked for; it may be none of ours.
    this.opcode = kind as Opcode;
    const argumentCount = elements - 2;

    this.ifVersion = unconditional;
    this.expiresAtMs = 0;
    this.requestNumber = 0;
    this.operationCount = 0;
    this.snapshotId = newestState;
    this.leaseMs = 0;

    switch (this.opcode) {
      case opcode.get:
        this.#expectArguments("get", argumentCount, 1, 2);
        this.#readKey();
        if (argumentCount > 1) this.snapshotId = this.#readSnapshotIdOrNil();
        break;
      case opcode.put:
        this.#expectArguments("put", argumentCount, 2, 5);
        this.#readKey();
        this.#readValue();
        if (argumentCount > 2) this.ifVersion = reader.uintOr(unconditional);
        if (argumentCount > 3) this.expiresAtMs = this.#readExpiry();
        if (argumentCount > 4) this.requestNumber = this.#readRequestNumber();
        this.isDelete = false;
        break;
      case opcode.delete:
        this.#expectArguments("delete", argumentCount, 1, 3);
        this.#readKey();
        this.valueStart = this.valueEnd = this.keyEnd;
        if (argumentCount > 1) this.ifVersion = reader.uintOr(unconditional);
        if (argumentCount > 2) this.requestNumber = this.#readRequestNumber();
        this.isDelete = true;
        break;
      case opcode.getMany:
        this.#expectArguments("getMany", argumentCount, 1, 2);
        this.#readKeys();
        if (argumentCount > 1) this.snapshotId = this.#readSnapshotIdOrNil();
        break;
      case opcode.batch:
        this.#expectArguments("batch", argumentCount, 1, 2);
        this.#readOperations();
        if (argumentCount > 1) this.requestNumber = this.#readRequestNumber();
        break;
      case opcode.scan:
        this.#expectArguments("scan", argumentCount, 5, 8);
        this.scan = readScan(reader, argumentCount, this.#limits.keyBytesMax);
        break;
      case opcode.hello:
        this.hello = readHello(reader, argumentCount);
        break;
      case opcode.ping:
        this.#expectArguments("ping", argumentCount, 0, 0);
        break;
      case opcode.stats:
        this.#expectArguments("stats", argumentCount, 0, 0);
        break;
      case opcode.checkpoint:
        this.#expectArguments("checkpoint", argumentCount, 0, 0);
        break;
      case opcode.compact:
        this.#expectArguments("compact", argumentCount, 0, 0);
        break;
      case opcode.openSnapshot:
        this.#expectArguments("openSnapshot", argumentCount, 1, 1);
        this.leaseMs = reader.uint();
        break;
      case opcode.renewSnapshot:
        this.#expectArguments("renewSnapshot", argumentCount, 2, 2);
        this.snapshotId = this.#readSnapshotId();
        this.leaseMs = reader.uint();
        break;
      case opcode.closeSnapshot:
        this.#expectArguments("closeSnapshot", argumentCount, 1, 1);
        this.snapshotId = this.#readSnapshotId();
        break;
      default:
        throw new RefusedError(
          status.UNKNOWN_OPCODE,
          `Cannot carry out the request: ${kind} is no opcode of this version`,
        );
    }

    reader.finish();
  }

  #expectArguments(name: string, count: number, countMin: number, countMax: number): void {
    if (count >= countMin && count <= countMax) return;
    const expected = countMin === countMax ? `${countMin}` : `${countMin} to ${countMax}`;
    this.#reader.fail(`the argument count of ${name} is ${expected}, not ${count}`);
  }

  #readKey(): void {
    const reader = this.#reader;
    this.keyStart = reader.bin();
    this.keyEnd = reader.offset;
    const length = this.keyEnd - this.keyStart;
    if (length === 0) throw invalid("a key is empty");
    if (length > this.#limits.keyBytesMax)
      throw beyondLimit("a key's bytes", length, this.#limits.keyBytesMax);
  }

  #readValue(): void {
    const reader = this.#reader;
    this.valueStart = reader.bin();
    this.valueEnd = reader.offset;
    const length = this.valueEnd - this.valueStart;
    if (length > this.#limits.valueBytesMax)
      throw beyondLimit("a value's bytes", length, this.#limits.valueBytesMax);
  }

  #readExpiry(): number {
    const expiresAtMs = this.#reader.uintOr(-1);
    if (expiresAtMs === 0) throw invalid("an expiry of 0 means nothing; send nil for none");
    return expiresAtMs === -1 ? 0 : expiresAtMs;
  }

  #readRequestNumber(): number {
    const requestNumber = this.#reader.uintOr(-1);
    if (requestNumber === 0) throw invalid("a request number of 0 means nothing; send nil for none");
    return requestNumber === -1 ? 0 : requestNumber;
  }

  #readSnapshotIdOrNil(): number {
    return this.#reader.nil() ? newestState : this.#readSnapshotId();
  }

  #readSnapshotId(): number {
    const snapshotId = this.#reader.uint();
    if (snapshotId === 0) throw invalid("no snapshot has the id 0");
    return snapshotId;
  }

  #readKeys(): void {
    this.#beginOperations("keys of getMany", this.#limits.getManyKeysMax);
    for (let index = 0; index < this.operationCount; index++) this.#readKey();
  }

  #readOperations(): void {
    this.#beginOperations("operations of a batch", this.#limits.batchOperationsMax);
    let batchBytes = commitOverheadBytes;
    let expiresAtMsLatest = 0;
    for (let index = 0; index < this.operationCount; index++) {
      this.#readOperation();
      batchBytes += operationBytes(this.keyEnd - this.keyStart, this.valueEnd - this.valueStart);
      if (batchBytes > this.#limits.batchBytesMax)
        throw beyondLimit("the bytes of a batch", batchBytes, this.#limits.batchBytesMax);
      if (this.expiresAtMs > expiresAtMsLatest) expiresAtMsLatest = this.expiresAtMs;
    }
    this.expiresAtMs = expiresAtMsLatest;
    this.ifVersion = unconditional;
  }

  #beginOperations(what: string, countMax: number): void {
    const count = this.#reader.array();
    if (count === 0) throw invalid(`there are no ${what}`);
    if (count > countMax) throw beyondLimit(what, count, countMax);
    this.operationCount = count;
    this.#operationsStart = this.#reader.offset;
    this.#operationsRead = count;
  }

  #readOperation(): void {
    const reader = this.#reader;
    const elements = reader.array();
    const kind = reader.uint();
    this.ifVersion = unconditional;
    this.expiresAtMs = 0;
    if (kind === batchOperation.put) {
      this.#expectArguments("a put of a batch", elements - 1, 2, 4);
      this.#readKey();
      this.#readValue();
      if (elements > 3) this.ifVersion = reader.uintOr(unconditional);
      if (elements > 4) this.expiresAtMs = this.#readExpiry();
      this.isDelete = false;
    } else if (kind === batchOperation.delete) {
      this.#expectArguments("a delete of a batch", elements - 1, 1, 2);
      this.#readKey();
      this.valueStart = this.valueEnd = this.keyEnd;
      if (elements > 2) this.ifVersion = reader.uintOr(unconditional);
      this.isDelete = true;
    } else reader.fail(`an operation of a batch is 0 (put) or 1 (delete), not ${kind}`);
  }
}

function invalid(reason: string): RefusedError {
  return new RefusedError(status.INVALID_ARGUMENT, `Cannot carry out the request: ${reason}`);
}

const nothing = Buffer.alloc(0);
