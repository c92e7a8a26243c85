import { assert } from "../lib/assert.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import {
  expiryBytes,
  recordFlag,
  recordFlagsKnown,
  recordHeaderBytes,
  recordType,
  sessionBytes,
  type RecordType,
} from "./format.ts";

/** The bytes that a record takes in its group. */
export function recordBytes(flags: number, keyBytes: number, valueBytes: number): number {
  let bytes = recordHeaderBytes + keyBytes + valueBytes;
  if (flags & recordFlag.expiry) bytes += expiryBytes;
  if (flags & recordFlag.session) bytes += sessionBytes;
  return bytes;
}

/**
 * Writes the fixed part of a record and returns where its key begins; the caller copies key and value there, one
 * behind the other. Records with an expiry or a session write those fields first (encodeExpiry, encodeSession).
 */
export function encodeRecordHeader(
  target: Buffer,
  at: number,
  type: RecordType,
  flags: number,
  keyBytes: number,
  valueBytes: number,
): number {
  target[at] = type;
  target[at + 1] = flags;
  target[at + 2] = keyBytes >>> 8;
  target[at + 3] = keyBytes;
  target[at + 4] = valueBytes >>> 24;
  target[at + 5] = valueBytes >>> 16;
  target[at + 6] = valueBytes >>> 8;
  target[at + 7] = valueBytes;
  return at + recordBytes(flags, 0, 0);
}

/** Writes the expiry of a record that has that flag. */
export function encodeExpiry(target: Buffer, recordStart: number, expiresAtMs: number): void {
  writeUint64(target, expiresAtMs, recordStart + recordHeaderBytes);
}

/** Writes the session of a record that has that flag; it comes behind the expiry, if there is one. */
export function encodeSession(
  target: Buffer,
  recordStart: number,
  flags: number,
  session: RecordSession,
): void {
  assert(session.id.length === 16, "a session id has 16 bytes");
  const at = recordStart + recordHeaderBytes + (flags & recordFlag.expiry ? expiryBytes : 0);
  target.set(session.id, at);
  writeUint64(target, session.requestNumber, at + 16);
}

/** Who asked for a write, and as which of its requests: what makes a resend harmless. */
export interface RecordSession {
  /** 16 bytes. */
  id: Uint8Array;
  requestNumber: number;
}

/**
 * Walks the records of one group, without an object per record: `next()` fills the fields. Also tells the seq at
 * which each record takes effect: its own, or for a member of a batch that of the batch's COMMIT.
 */
export class RecordCursor {
  type: number = recordType.put;
  flags = 0;
  seq = 0;
  /** The version that the record's entry gets. */
  commitSeq = 0;
  recordStart = 0;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  /** 0: never. */
  expiresAtMs = 0;
  /** Where the 16 bytes of the session id are; 0: there is no session. */
  sessionStart = 0;
  requestNumber = 0;

  #bytes: Buffer = Buffer.alloc(0);
  #next = 0;
  #end = 0;

  /** Goes before the first record of a payload whose checksum was verified. */
  open(bytes: Buffer, payloadStart: number, payloadEnd: number, firstSeq: number): void {
    this.#bytes = bytes;
    this.#next = payloadStart;
    this.#end = payloadEnd;
    this.seq = firstSeq - 1;
    this.commitSeq = this.seq;
  }

  next(): boolean {
    if (this.#next === this.#end) return false;
    this.#read(this.#next);
    this.#next = this.valueEnd;
    this.seq++;
    if ((this.flags & recordFlag.inBatch) === 0) this.commitSeq = this.seq;
    else if (this.commitSeq < this.seq) this.commitSeq = this.#seqOfCommit();
    return true;
  }

  #read(at: number): void {
    const bytes = this.#bytes;
    assert(at + recordHeaderBytes <= this.#end, "a record's header lies inside its group");
    this.recordStart = at;
    this.type = bytes[at]!;
    this.flags = bytes[at + 1]!;
    this.keyStart = at + recordBytes(this.flags, 0, 0);
    this.keyEnd = this.keyStart + bytes.readUInt16BE(at + 2);
    this.valueStart = this.keyEnd;
    this.valueEnd = this.valueStart + bytes.readUInt32BE(at + 4);
    assert(this.valueEnd <= this.#end, "a record lies inside its group");
    const hasExpiry = (this.flags & recordFlag.expiry) !== 0;
    const hasSession = (this.flags & recordFlag.session) !== 0;
    this.expiresAtMs = hasExpiry ? readUint64(bytes, at + recordHeaderBytes) : 0;
    this.sessionStart = hasSession ? this.keyStart - sessionBytes : 0;
    this.requestNumber = hasSession ? readUint64(bytes, this.keyStart - 8) : 0;
  }

  /** Looks ahead, once a batch: every record has one seq, so the distance to the COMMIT is the difference. */
  #seqOfCommit(): number {
    let seq = this.seq;
    for (let at = this.#next; ; seq++) {
      assert(at < this.#end, "a batch ends with a COMMIT in its own group");
      const bytes = this.#bytes;
      if (bytes[at] === recordType.commit) return seq + 1;
      at += recordBytes(bytes[at + 1]!, bytes.readUInt16BE(at + 2), bytes.readUInt32BE(at + 4));
    }
  }
}

/**
 * Whether a payload is exactly `recordCount` well-formed records, batches closed. Said after its checksum matched,
 * so a "no" means a writer with a bug, or a collision of checksums. In the last group it counts as a torn tail all the
 * same, like everything that no witness vouches for (README.md, section 5).
 */
export function recordsAreWellFormed(
  bytes: Buffer,
  start: number,
  end: number,
  recordCount: number,
): boolean {
  let at = start;
  let batchOperations = 0;
  for (let index = 0; index < recordCount; index++) {
    if (at + recordHeaderBytes > end) return false;
    const type = bytes[at]!;
    const flags = bytes[at + 1]!;
    const keyBytes = bytes.readUInt16BE(at + 2);
    const valueBytes = bytes.readUInt32BE(at + 4);
    const next = at + recordBytes(flags, keyBytes, valueBytes);
    if (next > end || (flags & ~recordFlagsKnown) !== 0) return false;
    if ((flags & ~recordFlag.inBatch) !== 0 && !numbersAreSafe(bytes, at, flags)) return false;
    const inBatch = (flags & recordFlag.inBatch) !== 0;
    if (type === recordType.put || type === recordType.delete) {
      if (keyBytes === 0 || (type === recordType.delete && valueBytes !== 0)) return false;
      if (!inBatch && batchOperations > 0) return false;
      if (inBatch) batchOperations++;
    } else if (type === recordType.commit) {
      if (!inBatch || keyBytes !== 0 || valueBytes !== 4) return false;
      if (batchOperations === 0 || bytes.readUInt32BE(next - 4) !== batchOperations) return false;
      batchOperations = 0;
    } else if (type === recordType.checkpoint) {
      if (flags !== 0 || keyBytes !== 0 || valueBytes !== 0 || batchOperations > 0) return false;
    } else {
      return false;
    }
    at = next;
  }
  return at === end && batchOperations === 0;
}

/** Whether the expiry and the request number of a record that may have them are ones that a number can hold. */
function numbersAreSafe(bytes: Buffer, at: number, flags: number): boolean {
  const keyStart = at + recordBytes(flags, 0, 0);
  if ((flags & recordFlag.expiry) !== 0 && !Number.isSafeInteger(readUint64(bytes, at + recordHeaderBytes)))
    return false;
  return (flags & recordFlag.session) === 0 || Number.isSafeInteger(readUint64(bytes, keyStart - 8));
}
