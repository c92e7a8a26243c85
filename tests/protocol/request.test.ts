import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/lib/assert.ts";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import * as limits from "../../src/lib/limits.ts";
import { ProtocolError, RefusedError } from "../../src/protocol/protocol-error.ts";
import { RequestDecoder, type RequestLimits } from "../../src/protocol/request.ts";
import { encodeBatch, encodePut, type BatchOperation } from "../../src/protocol/request-encoder.ts";
import { status } from "../../src/protocol/status.ts";
import { decodeRequest, encode, type Operation, type Request } from "./message.ts";

const small: RequestLimits = {
  keyBytesMax: 4,
  valueBytesMax: 8,
  batchOperationsMax: 3,
  batchBytesMax: 48,
  getManyKeysMax: 2,
};

function decode(message: Request, decoder = new RequestDecoder()): Request {
  const payload = encode(message).subarray(4);
  return decodeRequest(decoder, payload, 0, payload.length);
}

function refusal(
  message: Request,
  requestLimits: RequestLimits,
): { status: number; details: readonly number[]; id: number } {
  try {
    decode(message, new RequestDecoder(requestLimits));
  } catch (error) {
    expect(error).toBeInstanceOf(RefusedError);
    const { status: code, details, correlationId: id } = error as RefusedError;
    return { status: code, details, id };
  }
  throw new Error("the request was accepted");
}

const bytes = (count: number) => "6b".repeat(count);
const put = (keyBytes: number, valueBytes: number): Operation => ({
  type: "put",
  key: bytes(keyBytes),
  value: bytes(valueBytes),
});

describe("a request at a limit is read, one beyond it is refused with the limit and what it met", () => {
  test.each<[string, Request, Request, number[]]>([
    ["key", { message: "get", id: 9, key: bytes(4) }, { message: "get", id: 9, key: bytes(5) }, [4, 5]],
    [
      "value",
      { message: "put", id: 9, key: bytes(1), value: bytes(8) },
      { message: "put", id: 9, key: bytes(1), value: bytes(9) },
      [8, 9],
    ],
    [
      "operations of a batch",
      { message: "batch", id: 9, operations: [put(1, 0), put(1, 0), put(1, 0)] },
      { message: "batch", id: 9, operations: [put(1, 0), put(1, 0), put(1, 0), put(1, 0)] },
      [3, 4],
    ],
    [
      "bytes of a batch",
      { message: "batch", id: 9, operations: [put(4, 8), put(4, 4)] },
      { message: "batch", id: 9, operations: [put(4, 8), put(4, 5)] },
      [48, 49],
    ],
    [
      "key of a batch",
      { message: "batch", id: 9, operations: [put(4, 0)] },
      { message: "batch", id: 9, operations: [put(5, 0)] },
      [4, 5],
    ],
    [
      "keys of getMany",
      { message: "getMany", id: 9, keys: ["61", "62"] },
      { message: "getMany", id: 9, keys: ["61", "62", "63"] },
      [2, 3],
    ],
    [
      "bound of a scan",
      { message: "scan", id: 9, prefix: bytes(4), reverse: false, limit: 0 },
      { message: "scan", id: 9, prefix: bytes(5), reverse: false, limit: 0 },
      [4, 5],
    ],
  ])("%s", (_, at, beyond, details) => {
    expect(decode(at, new RequestDecoder(small))).toEqual(at);
    expect(refusal(beyond, small)).toEqual({ status: status.LIMIT_EXCEEDED, details, id: 9 });
  });

  test("the published limits hold when no others are given", () => {
    const { keyBytesMax, valueBytesMax } = limits;
    expect(decode({ message: "get", id: 1, key: bytes(keyBytesMax) })).toBeDefined();
    expect(refusal({ message: "get", id: 1, key: bytes(keyBytesMax + 1) }, limits).details).toEqual([
      keyBytesMax,
      keyBytesMax + 1,
    ]);
    expect(
      refusal({ message: "put", id: 1, key: "6b", value: bytes(valueBytesMax + 1) }, limits).details,
    ).toEqual([valueBytesMax, valueBytesMax + 1]);
  });

  test("a batch of too many operations is refused before the first is read", () => {
    // 92 05 06: the batch of request 5; dd 00 00 00 04: four operations, none of which is one.
    const payload = Buffer.from("930506dd00000004c1c1c1c1", "hex");
    const decoder = new RequestDecoder(small);
    expect(() => decoder.decode(payload, 0, payload.length)).toThrow(
      "operations of a batch: 4 is beyond the limit of 3",
    );
  });
});

describe("the cursor of a batch", () => {
  const batch: Request = {
    message: "batch",
    id: 7,
    operations: [
      { type: "put", key: "61", value: "01", ifVersion: 4, expiresAtMs: 2000 },
      { type: "delete", key: "62" },
      { type: "put", key: "63", value: "" },
      { type: "put", key: "64", value: "", expiresAtMs: 1000 },
    ],
  };

  test("goes over the operations as often as it is rewound", () => {
    const decoder = new RequestDecoder();
    expect(decode(batch, decoder)).toEqual(batch);
    for (let round = 0; round < 2; round++) {
      const seen = [];
      for (decoder.rewind(); decoder.next();)
        seen.push([
          decoder.isDelete,
          decoder.ifVersion,
          decoder.expiresAtMs,
          decoder.valueEnd - decoder.valueStart,
        ]);
      expect(seen).toEqual([
        [false, 4, 2000, 1],
        [true, -1, 0, 0],
        [false, -1, 0, 0],
        [false, -1, 1000, 0],
      ]);
      expect(decoder.next()).toBe(false);
    }
  });

  test("stands behind the last operation until it is rewound, also in the middle of a walk", () => {
    const decoder = new RequestDecoder();
    const payload = encode(batch).subarray(4);
    decoder.decode(payload, 0, payload.length);
    expect(decoder.operationCount).toBe(4);
    expect(decoder.next()).toBe(false);
    decoder.rewind();
    decoder.next();
    decoder.next();
    decoder.rewind();
    expect(decoder.next()).toBe(true);
    expect(payload.subarray(decoder.keyStart, decoder.keyEnd).toString()).toBe("a");
  });

  test("leaves the latest expiry of the operations until it moves, and no condition", () => {
    const decoder = new RequestDecoder();
    const payload = encode(batch).subarray(4);
    decoder.decode(payload, 0, payload.length);
    expect([decoder.expiresAtMs, decoder.ifVersion]).toEqual([2000, -1]);
  });
});

describe("RequestDecoder", () => {
  test("leaves nothing of a request in the next", () => {
    const decoder = new RequestDecoder();
    decode(
      { message: "put", id: 1, key: "61", value: "62", ifVersion: 3, expiresAtMs: 4, requestNumber: 5 },
      decoder,
    );
    const next: Request = { message: "delete", id: 2, key: "61" };
    expect(decode(next, decoder)).toEqual(next);
    expect([decoder.ifVersion, decoder.expiresAtMs, decoder.requestNumber]).toEqual([-1, 0, 0]);
    expect(decoder.valueEnd - decoder.valueStart).toBe(0);
    expect(decoder.next()).toBe(false);
  });

  test("goes on after a request that it refused", () => {
    const decoder = new RequestDecoder();
    const wrong = encode({ message: "get", id: 3, key: "" }).subarray(4);
    expect(() => decoder.decode(wrong, 0, wrong.length)).toThrow(ProtocolError);
    expect(decoder.correlationId).toBe(3);
    expect(decode({ message: "ping", id: 4 }, decoder)).toEqual({ message: "ping", id: 4 });
  });

  test("copies of a hello what outlives its frame", () => {
    const decoder = new RequestDecoder();
    const payload = encode({
      message: "hello",
      id: 1,
      credentials: "aabb",
      session: "01".repeat(16),
    }).subarray(4);
    decoder.decode(payload, 0, payload.length);
    payload.fill(0);
    expect(decoder.hello!.credentials).toEqual(new Uint8Array([0xaa, 0xbb]));
    expect(decoder.hello!.session).toEqual(new Uint8Array(16).fill(1));
  });
});

describe("an encoder that is given what the wire cannot hold", () => {
  const key = Buffer.from("k");
  const operations: BatchOperation[] = [
    { type: "put", key, value: key },
    { type: "delete", key, ifVersion: 0.5 },
  ];

  test.each<[string, (writer: ByteWriter) => void]>([
    ["a correlation id of 2^32", (writer) => encodePut(writer, 2 ** 32, key, key)],
    ["a version that is no whole number", (writer) => encodePut(writer, 1, key, key, { ifVersion: 1.5 })],
    [
      "an expiry of NaN",
      (writer) => encodePut(writer, 1, key, key, { expiresAtMs: Number.NaN, requestNumber: 1 }),
    ],
    [
      "a version of -1, which must not read as none",
      (writer) => encodePut(writer, 1, key, key, { ifVersion: -1 }),
    ],
    ["a broken operation in a batch", (writer) => encodeBatch(writer, 1, operations)],
  ])("throws and leaves no half of a frame behind: %s", (_, encodeWrong) => {
    const writer = new ByteWriter();
    encodePut(writer, 1, key, key);
    const before = writer.length;
    expect(() => encodeWrong(writer)).toThrow(AssertionError);
    expect(writer.length).toBe(before);
  });
});
