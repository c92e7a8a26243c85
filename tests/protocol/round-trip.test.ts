import { expect, test } from "bun:test";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { seededRandom } from "../../src/lib/random.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { inEveryChunking } from "./chunking.ts";
import { request, response } from "./generators.ts";
import { decodeRequest, decodeResponse, encode, fromHex, type Operation, type Request } from "./message.ts";
import { seed } from "./seed.ts";

test("any requests, sent behind each other in any chunks, arrive as they were sent", () => {
  const decoder = new RequestDecoder();
  const property = fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), (sent) => {
    inEveryChunking(Buffer.concat(sent.map(encode)), seededRandom(seed), (payloads) => {
      expect(payloads.map((payload) => decodeRequest(decoder, payload, 0, payload.length))).toEqual(sent);
    });
  });
  fc.assert(property, { seed, numRuns: 300 });
});

test("any response arrives as it was sent, in any chunks", () => {
  const property = fc.property(response, (sent) => {
    inEveryChunking(encode(sent), seededRandom(seed), (payloads) => {
      expect(payloads).toHaveLength(1);
      expect(decodeResponse(sent.message, payloads[0]!, 0, payloads[0]!.length)).toEqual(sent);
    });
  });
  fc.assert(property, { seed, numRuns: 600 });
});

test("requests are written as a general msgpack library writes them, which is the shortest form", () => {
  const packr = new Packr({ useRecords: false });
  const property = fc.property(request.map(withoutLargeNumbers), (sent) => {
    const payload = packr.pack(elementsOf(sent));
    expect(encode(sent).subarray(4).toString("hex")).toBe(payload.toString("hex"));
  });
  fc.assert(property, { seed, numRuns: 1000 });
});

/** The elements of a request's array, as README.md lists them. */
function elementsOf(message: Request): unknown[] {
  const id = message.id;
  switch (message.message) {
    case "hello": {
      const { credentials, session, clientName } = message;
      return [id, 0, "holdfast", 1, ...trimmed([bin(credentials), bin(session), clientName ?? null])];
    }
    case "ping":
      return [id, 1];
    case "get":
      return [id, 2, bin(message.key), ...trimmed([uint(message.snapshotId)])];
    case "getMany":
      return [id, 3, message.keys.map(bin), ...trimmed([uint(message.snapshotId)])];
    case "put": {
      const { key, value, ifVersion, expiresAtMs, requestNumber } = message;
      return [
        id,
        4,
        bin(key),
        bin(value),
        ...trimmed([uint(ifVersion), uint(expiresAtMs), uint(requestNumber)]),
      ];
    }
    case "delete":
      return [id, 5, bin(message.key), ...trimmed([uint(message.ifVersion), uint(message.requestNumber)])];
    case "batch":
      return [id, 6, message.operations.map(elementsOfOperation), ...trimmed([uint(message.requestNumber)])];
    case "scan": {
      const { start, end, prefix, reverse, limit, after, snapshotId, keysOnly } = message;
      const optional = trimmed([bin(after), uint(snapshotId), keysOnly ?? null]);
      return [id, 7, bin(start), bin(end), bin(prefix), reverse, uint(limit), ...optional];
    }
    case "stats":
      return [id, 8];
    case "checkpoint":
      return [id, 9];
    case "compact":
      return [id, 10];
    case "openSnapshot":
      return [id, 11, message.leaseMs];
    case "renewSnapshot":
      return [id, 12, message.snapshotId, message.leaseMs];
    case "closeSnapshot":
      return [id, 13, message.snapshotId];
  }
}

function elementsOfOperation(operation: Operation): unknown[] {
  const { key, ifVersion } = operation;
  if (operation.type === "delete") return [1, bin(key), ...trimmed([uint(ifVersion)])];
  return [0, bin(key), bin(operation.value), ...trimmed([uint(ifVersion), uint(operation.expiresAtMs)])];
}

function trimmed(optional: unknown[]): unknown[] {
  return optional.slice(0, optional.findLastIndex((element) => element !== null) + 1);
}

function bin(hex: string | undefined): Buffer | null {
  return hex === undefined ? null : fromHex(hex);
}

function uint(value: number | undefined): number | null {
  return value ?? null;
}

/** The library writes integers of eight bytes in its own way; the vectors have those. */
function withoutLargeNumbers(message: Request): Request {
  return JSON.parse(JSON.stringify(message), (_, value) =>
    typeof value === "number" ? Math.min(value, 0xffff_ffff) : value,
  );
}
