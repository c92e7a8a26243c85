import { describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { snapshotWanted } from "../../src/protocol/opcodes.ts";
import { PageEncoder } from "../../src/protocol/page-encoder.ts";
import {
  encodeCheckpoint,
  encodeCloseSnapshot,
  encodeGet,
  encodeHello,
  encodeOpenSnapshot,
  encodePut,
  encodeRenewSnapshot,
  encodeScan,
} from "../../src/protocol/request-encoder.ts";
import { readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import {
  encodeCheckpointed,
  encodeDone,
  encodeEntry,
  encodeError,
  encodePong,
  encodeSnapshot,
  encodeWritten,
} from "../../src/protocol/response-encoder.ts";
import { outcome, status, type ErrorStatus } from "../../src/protocol/status.ts";
import { within } from "../support/eventually.ts";
import { withSeed } from "../support/seeds.ts";
import { Crowd } from "./crowd.ts";
import { forecast } from "./forecast.ts";
import { bytes, frame, prefix } from "./frames.ts";
import { OwedAnswers } from "./owed-answers.ts";
import { SentEntries } from "./sent-entries.ts";

/** What the fuzz would be worth nothing without: that it sees what is wrong. */
function encoded(...encoders: ((writer: ByteWriter) => void)[]): Buffer {
  const writer = new ByteWriter();
  for (const encode of encoders) encode(writer);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

const hello = encoded((writer) => encodeHello(writer, 1));
const key = Buffer.from("k");
const value = Buffer.from("v");

describe("the forecast", () => {
  const put = encoded((writer) => encodePut(writer, 2, key, value));
  const conditionalPut = encoded((writer) => encodePut(writer, 2, key, value, { ifVersion: 3 }));
  const session = encoded((writer) => encodePut(writer, 2, key, value, { requestNumber: 1 }));
  const old = encoded((writer) => encodeGet(writer, 3, key, 7));
  const renewal = encoded((writer) => encodeRenewSnapshot(writer, 3, 7, 0));
  const closing = encoded((writer) => encodeCloseSnapshot(writer, 3, 7));
  const { MALFORMED, HELLO_REQUIRED, INVALID_ARGUMENT, UNSUPPORTED, UNKNOWN_OPCODE } = status;
  const { SNAPSHOT_EXPIRED } = status;

  const rows: readonly [
    name: string,
    parts: Buffer[],
    refusals: (ErrorStatus | undefined)[],
    ends: boolean,
    writes: number,
  ][] = [
    ["nothing", [], [], false, 0],
    ["a hello and a put", [hello, put], [undefined, undefined], false, 1],
    ["a hello and half a put", [hello, put.subarray(0, 9)], [undefined], false, 0],
    ["a put without a hello", [put, hello], [HELLO_REQUIRED], true, 0],
    ["a second hello", [hello, hello, put], [undefined, INVALID_ARGUMENT, undefined], false, 1],
    ["a write in a session", [hello, session, put], [undefined, UNSUPPORTED, undefined], false, 1],
    [
      "an opcode that there is not",
      [hello, frame(bytes(0x92, 7, 99)), put],
      [undefined, UNKNOWN_OPCODE, undefined],
      false,
      1,
    ],
    [
      "a snapshot that nobody can know",
      [hello, old, renewal, closing],
      [undefined, SNAPSHOT_EXPIRED, SNAPSHOT_EXPIRED, undefined],
      false,
      0,
    ],
    ["a frame of nothing", [hello, prefix(0), put], [undefined, MALFORMED], true, 0],
    [
      "a length beyond the limit",
      [hello, put, prefix(0xffff_ffff), put],
      [undefined, undefined, MALFORMED],
      true,
      1,
    ],
    ["HTTP", [Buffer.from("GET / HTTP/1.1\r\n\r\n")], [MALFORMED], true, 0],
    ["a stranger's frame of 4,097 bytes", [frame(Buffer.alloc(4_097))], [MALFORMED], true, 0],
  ];
  for (const [name, parts, refusals, ends, writes] of rows) {
    test(`of ${name}`, () => {
      const foretold = forecast(Buffer.concat(parts));
      expect(foretold.answers.map(({ refusal }) => refusal)).toEqual(refusals);
      expect(foretold.frames).toBe(refusals.length);
      expect(foretold.endsConnection).toBe(ends);
      expect(foretold.writes).toHaveLength(writes);
    });
  }

  test("says of a conditional write alone that it may meet a conflict", () => {
    const isConditional = (request: Buffer) => forecast(request, false).answers[0]!.isConditional;
    expect([put, conditionalPut].map(isConditional)).toEqual([false, true]);
  });
});

describe("an answer that is owed", () => {
  const stream = encoded(
    (writer) => encodePut(writer, 5, key, value),
    (writer) => encodeGet(writer, 6, key),
    (writer) => encodeScan(writer, 7, { snapshotId: snapshotWanted }),
    (writer) => encodeScan(writer, 8),
    (writer) => encodeScan(writer, 9, { keysOnly: true }),
    (writer) => encodeOpenSnapshot(writer, 10, 0),
    (writer) => encodeCheckpoint(writer, 11),
    (writer) => encodeCloseSnapshot(writer, 12, 7),
  );
  const written = encoded((writer) => encodeWritten(writer, 5, 1));
  const entryOf = (content: Buffer) =>
    encoded((writer) => encodeEntry(writer, 6, 1, content, 0, content.length));
  const conflict = encoded((writer) =>
    encodeError(writer, 5, status.CONFLICT, "", outcome.notApplied, [1, 0]),
  );
  const pong = encoded((writer) => encodePong(writer, 6));
  const pageOf = (id: number, content: Buffer, snapshotId: number) =>
    encoded((writer) => {
      const page = new PageEncoder();
      page.add(key, 0, key.length, 1, content, 0, content.length);
      page.finish(writer, id, true, snapshotId);
    });
  const nothing = Buffer.alloc(0);
  const overloaded = (id: number) =>
    encoded((writer) => encodeError(writer, id, status.OVERLOADED, "", outcome.notApplied));
  const snapshot = (leaseMs: number) => encoded((writer) => encodeSnapshot(writer, 10, 99, 3, leaseMs));

  const rows: readonly [name: string, responses: Buffer[], taken: boolean[], left: number][] = [
    ["is taken in any order", [entryOf(value), written], [true, true], 6],
    ["is taken once", [written, written], [true, false], 7],
    ["is of the request's kind", [pong], [false], 8],
    ["is no conflict without a condition", [conflict], [false], 8],
    ["holds no value that nobody sent", [entryOf(Buffer.from("w"))], [false], 8],
    [
      "names a snapshot only if one was wanted",
      [pageOf(8, value, 99), pageOf(7, value, 99)],
      [false, true],
      7,
    ],
    [
      "lacks values only if they were not wanted",
      [pageOf(8, nothing, 0), pageOf(9, nothing, 0)],
      [false, true],
      7,
    ],
    [
      "is that there are too many snapshots only for one more",
      [overloaded(8), overloaded(7)],
      [false, true],
      7,
    ],
    ["is no lease without end", [snapshot(600_001), snapshot(600_000)], [false, true], 7],
    [
      "has a seq if it is a checkpoint's, and else none",
      [11, 12].flatMap((id) => [
        encoded((writer) => (id === 11 ? encodeDone(writer, id) : encodeCheckpointed(writer, id, 3))),
        encoded((writer) => (id === 12 ? encodeDone(writer, id) : encodeCheckpointed(writer, id, 3))),
      ]),
      [false, true, false, true],
      6,
    ],
  ];
  for (const [name, responses, taken, left] of rows) {
    test(name, () => {
      const sent = new SentEntries();
      const { answers, writes } = forecast(stream, false);
      for (const payload of writes) sent.add(payload);
      const owed = new OwedAnswers(answers, sent);
      const head = new ResponseHead();
      const take = (response: Buffer) => {
        readHead(response, 4, response.length, head);
        return owed.take(response, head);
      };
      expect(responses.map(take)).toEqual(taken);
      expect(owed.count).toBe(left);
    });
  }
});

test("answers of the same id are told apart once all have come, in whatever order", () => {
  const stream = encoded(
    (writer) => encodeOpenSnapshot(writer, 5, 0),
    (writer) => encodeScan(writer, 5, { snapshotId: snapshotWanted }),
    (writer) => encodePut(writer, 5, key, value),
    (writer) => encodePut(writer, 5, key, value, { ifVersion: 3 }),
  );
  const { OVERLOADED, CONFLICT } = status;
  const errorOf = (code: ErrorStatus) =>
    encoded((writer) => encodeError(writer, 5, code, "", outcome.notApplied));
  const lastPage = encoded((writer) => new PageEncoder().finish(writer, 5, false));
  const opened = encoded((writer) => encodeSnapshot(writer, 5, 9, 1, 1));
  const written = encoded((writer) => encodeWritten(writer, 5, 1));
  const rows: [Buffer[], boolean[]][] = [
    [
      [errorOf(OVERLOADED), opened, written, errorOf(CONFLICT)],
      [true, true, true, true],
    ],
    [
      [errorOf(OVERLOADED), lastPage, written, written],
      [true, true, true, true],
    ],
    [
      [written, lastPage, errorOf(OVERLOADED), errorOf(CONFLICT)],
      [true, true, true, true],
    ],
    [
      [errorOf(OVERLOADED), lastPage, opened, errorOf(CONFLICT)],
      [true, true, false, true],
    ],
    [
      [errorOf(CONFLICT), errorOf(CONFLICT), written, written],
      [true, false, true, false],
    ],
  ];
  const head = new ResponseHead();
  for (const [responses, taken] of rows) {
    const owed = new OwedAnswers(forecast(stream, false).answers, new SentEntries());
    const take = (response: Buffer) => {
      readHead(response, 4, response.length, head);
      return owed.take(response, head);
    };
    expect(responses.map(take)).toEqual(taken);
  }
});

describe("a crowd sees", () => {
  const rows: readonly [name: string, receive: (socket: Socket) => void, seen: RegExp][] = [
    ["a server that hangs up", (socket) => void socket.end(), /the server closed/],
    ["a server that cuts connections", (socket) => void socket.terminate(), /the server closed/],
    [
      "a server that answers what nobody asked",
      (socket) => void socket.write(frame(bytes(0x92, 9, 0))),
      /and owed/,
    ],
    [
      "a server that speaks nonsense",
      (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
      /Cannot read/,
    ],
    [
      "a server that stops within an answer",
      (socket) => void socket.end(prefix(100)),
      /in the middle of an answer/,
    ],
  ];
  for (const [name, receive, seen] of rows) {
    test(name, async () => {
      using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: receive } });
      await withSeed(async (_, seed) => {
        const sent = new SentEntries();
        const crowd = new Crowd({ port: server.port, seed, connections: 16, framesMin: 1_000, sent });
        crowd.start();
        await within("the crowd to complain", crowd.enough);
        crowd.stop();
        expect(crowd.violations.join("\n")).toMatch(seen);
      });
    });
  }
});
