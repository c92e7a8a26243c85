import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { recordFlag, recordType, type RecordType } from "../../src/wal/format.ts";
import {
  encodeExpiry,
  encodeRecordHeader,
  encodeSession,
  recordBytes,
  RecordCursor,
  recordsAreWellFormed,
} from "../../src/wal/record.ts";
import { bytesOf, check, seq } from "./property.ts";

interface RecordSketch {
  readonly type: RecordType;
  readonly flags: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly expiresAtMs: number;
  readonly sessionId: Uint8Array;
  readonly requestNumber: number;
}

const operation = (inBatch: number): fc.Arbitrary<RecordSketch> =>
  fc
    .record({
      isPut: fc.boolean(),
      extras: fc.constantFrom(
        0,
        recordFlag.expiry,
        recordFlag.session,
        recordFlag.expiry | recordFlag.session,
      ),
      key: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      value: fc.uint8Array({ maxLength: 80 }),
      expiresAtMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      sessionId: bytesOf(16),
      requestNumber: fc.maxSafeNat(),
    })
    .map(({ isPut, extras, value, ...rest }) => ({
      ...rest,
      type: isPut ? recordType.put : recordType.delete,
      flags: extras | inBatch,
      value: isPut ? value : new Uint8Array(0),
    }));

const bare = { key: new Uint8Array(0), expiresAtMs: 0, sessionId: new Uint8Array(16), requestNumber: 0 };

function commitOf(count: number): RecordSketch {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(count);
  return { ...bare, type: recordType.commit, flags: recordFlag.inBatch, value };
}

const payloadSketch: fc.Arbitrary<RecordSketch[]> = fc
  .array(
    fc.oneof(
      operation(0).map((record) => [record]),
      fc.constant([{ ...bare, type: recordType.checkpoint, flags: 0, value: new Uint8Array(0) }]),
      fc
        .array(operation(recordFlag.inBatch), { minLength: 1, maxLength: 4 })
        .map((records) => [...records, commitOf(records.length)]),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((units) => units.flat());

function encodePayload(records: RecordSketch[]): Buffer {
  const parts = records.map(({ type, flags, key, value, ...extras }) => {
    const part = Buffer.alloc(recordBytes(flags, key.length, value.length));
    const keyStart = encodeRecordHeader(part, 0, type, flags, key.length, value.length);
    if (flags & recordFlag.expiry) encodeExpiry(part, 0, extras.expiresAtMs);
    if (flags & recordFlag.session) {
      encodeSession(part, 0, flags, { id: extras.sessionId, requestNumber: extras.requestNumber });
    }
    part.set(key, keyStart);
    part.set(value, keyStart + key.length);
    return part;
  });
  return Buffer.concat(parts);
}

describe("records", () => {
  test("come back as they went in, and a batch's at the seq of its COMMIT", () => {
    check(
      fc.property(payloadSketch, seq, (records, lastSeq) => {
        fc.pre(lastSeq < 2 ** 52);
        const payload = encodePayload(records);
        expect(recordsAreWellFormed(payload, 0, payload.length, records.length)).toBe(true);
        const cursor = new RecordCursor();
        cursor.open(payload, 0, payload.length, lastSeq + 1);
        for (const [index, record] of records.entries()) {
          expect(cursor.next()).toBe(true);
          const inBatch = (record.flags & recordFlag.inBatch) !== 0;
          const commit = records.findIndex((other, at) => at >= index && other.type === recordType.commit);
          expect(cursor.seq).toBe(lastSeq + 1 + index);
          expect(cursor.commitSeq).toBe(lastSeq + 1 + (inBatch ? commit : index));
          expect({ type: cursor.type, flags: cursor.flags }).toEqual({
            type: record.type,
            flags: record.flags,
          });
          const key = payload.subarray(cursor.keyStart, cursor.keyEnd);
          const value = payload.subarray(cursor.valueStart, cursor.valueEnd);
          expect([Buffer.compare(key, record.key), Buffer.compare(value, record.value)]).toEqual([0, 0]);
          const hasExpiry = (record.flags & recordFlag.expiry) !== 0;
          expect(cursor.expiresAtMs).toBe(hasExpiry ? record.expiresAtMs : 0);
          const hasSession = (record.flags & recordFlag.session) !== 0;
          expect(cursor.sessionStart > 0).toBe(hasSession);
          if (!hasSession) continue;
          const id = payload.subarray(cursor.sessionStart, cursor.sessionStart + 16);
          expect(Buffer.compare(id, record.sessionId)).toBe(0);
          expect(cursor.requestNumber).toBe(record.requestNumber);
        }
        expect(cursor.next()).toBe(false);
      }),
    );
  });

  test("of any bytes at all are judged without going beyond them", () => {
    check(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(9), (garbage, count) => {
        const payload = Buffer.from(garbage);
        if (!recordsAreWellFormed(payload, 0, payload.length, count)) return;
        const cursor = new RecordCursor();
        cursor.open(payload, 0, payload.length, 1);
        let read = 0;
        while (cursor.next()) read++;
        expect(read).toBe(count);
      }),
    );
  });

  const key = Buffer.from("k");
  const none = new Uint8Array(0);
  const inBatch = recordFlag.inBatch;
  const sketch = (type: number, flags: number, recordKey: Uint8Array, value: Uint8Array): RecordSketch => ({
    ...bare,
    type: type as RecordType,
    flags,
    key: recordKey,
    value,
  });

  test.each<[string, RecordSketch[], number?]>([
    ["a type 0", [sketch(0, 0, key, none)]],
    ["an unknown type", [sketch(5, 0, key, none)]],
    ["an unknown flag", [sketch(recordType.put, 8, key, none)]],
    ["an empty key", [sketch(recordType.put, 0, none, key)]],
    ["a delete with a value", [sketch(recordType.delete, 0, key, key)]],
    ["a batch without its COMMIT", [sketch(recordType.put, inBatch, key, none)]],
    ["a COMMIT without a batch", [commitOf(1)]],
    ["a COMMIT of nothing", [commitOf(0)]],
    ["a COMMIT that counts wrongly", [sketch(recordType.put, inBatch, key, none), commitOf(2)]],
    ["a COMMIT without its flag", [sketch(recordType.put, inBatch, key, none), { ...commitOf(1), flags: 0 }]],
    ["a COMMIT with a key", [sketch(recordType.put, inBatch, key, none), { ...commitOf(1), key }]],
    [
      "a single operation inside a batch",
      [sketch(recordType.put, inBatch, key, none), sketch(recordType.put, 0, key, none), commitOf(1)],
    ],
    [
      "a checkpoint inside a batch",
      [sketch(recordType.put, inBatch, key, none), sketch(recordType.checkpoint, 0, none, none), commitOf(1)],
    ],
    ["a checkpoint with a key", [sketch(recordType.checkpoint, 0, key, none)]],
    ["a checkpoint with a flag", [sketch(recordType.checkpoint, recordFlag.expiry, none, none)]],
    ["fewer than were promised", [sketch(recordType.put, 0, key, none)], 2],
    [
      "more than were promised",
      [sketch(recordType.put, 0, key, none), sketch(recordType.put, 0, key, none)],
      1,
    ],
  ])("with %s are not well-formed", (_, records, count = records.length) => {
    const payload = encodePayload(records);
    expect(recordsAreWellFormed(payload, 0, payload.length, count)).toBe(false);
  });
});
