import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/lib/assert.ts";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { errorDetailsMax, errorMessageBytesMax } from "../../src/lib/limits.ts";
import { PageEncoder } from "../../src/protocol/page-encoder.ts";
import {
  decodeError,
  decodeWritten,
  PageCursor,
  readHead,
  ResponseHead,
} from "../../src/protocol/response-decoder.ts";
import { encodeEntry, encodeError, encodeWritten } from "../../src/protocol/response-encoder.ts";
import { outcome, status, statusName, statusNamed } from "../../src/protocol/status.ts";
import { decodeResponse, encode, type Response } from "./message.ts";

function payloadOf(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter(16);
  write(writer);
  expect(writer.bytes.readUInt32BE(0)).toBe(writer.length - 4);
  return Buffer.from(writer.bytes.subarray(4, writer.length));
}

function errorOf(payload: Buffer) {
  const head = new ResponseHead();
  readHead(payload, 0, payload.length, head);
  return decodeError(payload, head);
}

describe("an error", () => {
  test.each([
    ["in ASCII", "x".repeat(2000), "x".repeat(errorMessageBytesMax)],
    ["in characters of three bytes, none of which is cut", "€".repeat(2000), "€".repeat(341)],
    ["in characters of four bytes, none of which is cut", "🔑".repeat(2000), "🔑".repeat(256)],
    ["with half a character", "a\ud800", "a\ufffd"],
  ])("has a message that fits: %s", (_, message, expected) => {
    const payload = payloadOf((writer) =>
      encodeError(writer, 1, status.INTERNAL, message, outcome.notApplied),
    );
    expect(errorOf(payload).message).toBe(expected);
  });

  test("of a status from the future is read, and named by its number", () => {
    const payload = Buffer.from("940ecc63a16f01", "hex");
    expect(errorOf(payload)).toEqual({
      status: 99,
      code: "STATUS_99",
      message: "o",
      outcome: "unknown",
      details: [],
    });
  });

  test("has no more details than a client reads", () => {
    const details = Array<number>(errorDetailsMax + 1).fill(0);
    expect(() => encodeError(new ByteWriter(), 1, status.CONFLICT, "", outcome.notApplied, details)).toThrow(
      AssertionError,
    );
  });
});

describe("the name of a status", () => {
  test("leads back to its number, for each but OK, which no error has", () => {
    for (const [name, number] of Object.entries(status)) {
      expect(statusName(number)).toBe(name);
      expect(statusNamed(name)).toBe(number === status.OK ? undefined : (number as never));
    }
  });

  test("is none for what merely sounds like one", () => {
    expect([statusNamed("toString"), statusNamed(""), statusNamed("conflict")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

test("a value of 16 MiB is answered and read", () => {
  const value = Buffer.alloc(16 * 1024 * 1024, 7);
  const payload = payloadOf((writer) => encodeEntry(writer, 1, 5, value, 0, value.length));
  const entry = decodeResponse("entry", payload, 0, payload.length);
  expect(entry.message === "entry" && entry.value!.length).toBe(2 * value.length);
});

test("an encoder that fails leaves no half of a frame behind", () => {
  const writer = new ByteWriter();
  encodeWritten(writer, 1, 2);
  const before = writer.length;
  expect(() => encodeWritten(writer, 1, 2.5)).toThrow(AssertionError);
  expect(writer.length).toBe(before);
});

test("the body of an answer is not read from an error", () => {
  const payload = payloadOf((writer) => encodeError(writer, 1, status.CONFLICT, "", outcome.notApplied));
  const head = new ResponseHead();
  readHead(payload, 0, payload.length, head);
  expect(() => decodeWritten(payload, head)).toThrow(AssertionError);
});

describe("PageEncoder", () => {
  const entry = Buffer.from("keyvalue");

  test("begins anew after a page, and after one that was given up", () => {
    const page = new PageEncoder();
    page.add(entry, 0, 3, 1, entry, 3, 8);
    expect(page.byteLength).toBe(5 + 1 + 7);
    page.clear();
    expect(page.byteLength).toBe(0);
    for (const version of [2, 3]) {
      page.add(entry, 0, 3, version, entry, 3, 8);
      const payload = payloadOf((writer) => page.finish(writer, version, false));
      const expected: Response = {
        message: "scanPage",
        id: version,
        entries: [{ key: "6b6579", version, value: "76616c7565" }],
        more: false,
      };
      expect(decodeResponse("scanPage", payload, 0, payload.length)).toEqual(expected);
    }
  });

  test("names a snapshot only where there is more for it to show", () => {
    const page = new PageEncoder();
    page.add(entry, 0, 3, 1, entry, 3, 8);
    expect(() => page.finish(new ByteWriter(), 1, false, 7)).toThrow(AssertionError);
  });

  test("holds thousands of entries in one frame", () => {
    const page = new PageEncoder();
    for (let version = 1; version <= 30_000; version++) page.add(entry, 0, 3, version, entry, 3, 8);
    const payload = payloadOf((writer) => page.finish(writer, 1, true));
    const head = new ResponseHead();
    readHead(payload, 0, payload.length, head);
    const cursor = new PageCursor();
    cursor.decode(payload, head, "scan");
    expect([cursor.entryCount, cursor.more]).toEqual([30_000, true]);
    let version = 0;
    while (cursor.next()) expect(cursor.version).toBe(++version);
    expect(version).toBe(30_000);
  });
});

test("a page's cursor goes over its entries as often as it is rewound", () => {
  const sent: Response = {
    message: "getManyPage",
    id: 1,
    entries: [
      { version: 4, value: "aa" },
      { version: 0, value: null },
    ],
    more: false,
  };
  const payload = encode(sent).subarray(4);
  const head = new ResponseHead();
  readHead(payload, 0, payload.length, head);
  const cursor = new PageCursor();
  cursor.decode(payload, head, "getMany");
  for (let round = 0; round < 2; round++) {
    const seen = [];
    while (cursor.next())
      seen.push([cursor.version, cursor.valueEnd - cursor.valueStart, cursor.keyEnd - cursor.keyStart]);
    expect(seen).toEqual([
      [4, 1, 0],
      [0, 0, 0],
    ]);
    cursor.rewind();
  }
});

test("a page's cursor leaves nothing of one page in the next", () => {
  const full: Response = {
    message: "scanPage",
    id: 1,
    entries: [{ key: "6b", version: 4, value: "aa" }],
    more: false,
  };
  const empty: Response = { message: "scanPage", id: 1, entries: [], more: false };
  const cursor = new PageCursor();
  const head = new ResponseHead();
  for (const page of [full, empty]) {
    const payload = encode(page).subarray(4);
    readHead(payload, 0, payload.length, head);
    cursor.decode(payload, head, "scan");
  }
  expect([cursor.entryCount, cursor.next(), cursor.lastKeyEnd - cursor.lastKeyStart]).toEqual([0, false, 0]);
});
