import { describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { encodeGet, encodeHello, encodePut } from "../../src/protocol/request-encoder.ts";
import { readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import { encodeEntry, encodeError, encodePong, encodeWritten } from "../../src/protocol/response-encoder.ts";
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
  const { MALFORMED, HELLO_REQUIRED, INVALID_ARGUMENT, UNSUPPORTED, UNKNOWN_OPCODE } = status;

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
  );
  const written = encoded((writer) => encodeWritten(writer, 5, 1));
  const entryOf = (content: Buffer) =>
    encoded((writer) => encodeEntry(writer, 6, 1, content, 0, content.length));
  const conflict = encoded((writer) =>
    encodeError(writer, 5, status.CONFLICT, "", outcome.notApplied, [1, 0]),
  );
  const pong = encoded((writer) => encodePong(writer, 6));

  const rows: readonly [name: string, responses: Buffer[], taken: boolean[], left: number][] = [
    ["is taken in any order", [entryOf(value), written], [true, true], 0],
    ["is taken once", [written, written], [true, false], 1],
    ["is of the request's kind", [pong], [false], 2],
    ["is no conflict without a condition", [conflict], [false], 2],
    ["holds no value that nobody sent", [entryOf(Buffer.from("w"))], [false], 2],
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
