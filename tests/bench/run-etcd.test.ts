import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { AnswerMeter } from "./answer-meter.ts";
import { getChecks, putCalls, rangeChecks } from "./etcd-calls.ts";
import { entryOf } from "./entry-of.ts";
import { kvPath } from "./etcd-messages.ts";
import { keyBytes, valueBytes } from "./numbered-entries.ts";
import { OrderedEntries } from "./ordered-entries.ts";
import { runEtcd } from "./run-etcd.ts";

/**
 * The generator's own HTTP/2 against that of Node, behind which a few lines keep entries as etcd would. What a call
 * looks like on the wire is thereby checked by somebody else's code.
 */
const stored = new Map<string, Buffer>();
let refusals = 0;
let server: Http2Server;
let port: number;

beforeAll(async () => {
  server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => answer(stream, String(headers[":path"]), Buffer.concat(chunks).subarray(5)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.close();
});

function answer(stream: ServerHttp2Stream, path: string, request: Buffer): void {
  if (refusals > 0) {
    refusals--;
    stream.respond({ ":status": 200, "grpc-status": "14" }, { endStream: true });
    return;
  }
  const key = request.subarray(2, 2 + keyBytes);
  let message = Buffer.from([0x0a, 2, 0x18, stored.size]);
  if (path === kvPath.put) {
    stored.set(key.toString("hex"), Buffer.from(request.subarray(-valueBytes)));
  } else {
    const end = request.length > 2 + keyBytes ? request.subarray(4 + keyBytes, 4 + 2 * keyBytes) : undefined;
    const isIn = (hex: string) =>
      end === undefined
        ? hex === key.toString("hex")
        : hex >= key.toString("hex") && hex < end.toString("hex");
    const keys = [...stored.keys()].filter(isIn).sort();
    const entries = keys.map((hex) => {
      const field = (number: number, bytes: Buffer) =>
        Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);
      return field(2, Buffer.concat([field(1, Buffer.from(hex, "hex")), field(5, stored.get(hex)!)]));
    });
    // Each entry is longer than 127 bytes, so its length is a varint of two.
    message = Buffer.concat([
      message,
      ...entries.map((entry) =>
        Buffer.concat([
          Buffer.of(0x12, ((entry.length - 2) & 127) | 128, (entry.length - 2) >> 7),
          entry.subarray(2),
        ]),
      ),
    ]);
  }
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.concat([head, message]));
}

const numbersBelow = (count: number) => {
  let next = 0;
  return { next: () => (next < count ? next++ : -1) };
};
const run = (options: Pick<Parameters<typeof runEtcd>[0], "kind" | "source">) => {
  const meter = new AnswerMeter();
  return runEtcd({ port, connections: 2, pipeline: 8, meter, ...options }).then(() => meter);
};

test("every call is answered once, and entries are put and found byte for byte", async () => {
  stored.clear();
  const meter = await run({ kind: putCalls(), source: numbersBelow(100) });
  expect(meter.answers).toBe(100);
  const numbers = [...stored].map(([key, value]) => entryOf(Buffer.from(key, "hex"), value));
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, number) => number));

  let revision = 0;
  const kind = getChecks((told) => (revision = told));
  expect((await run({ kind, source: numbersBelow(100) })).answers).toBe(100);
  expect(revision).toBe(100);
});

test("a range is the entries of a rank and those behind it, in order", async () => {
  const kind = rangeChecks(new OrderedEntries(100), 40);
  expect((await run({ kind, source: numbersBelow(59) })).answers).toBe(59);
  const [key, value] = [...stored].sort()[70]!;
  stored.delete(key);
  await expect(run({ kind, source: numbersBelow(59) })).rejects.toThrow("is wrong");
  stored.set(key, value);
});

test("an entry that is missing, and a call that failed, end the run", async () => {
  await expect(run({ kind: getChecks(() => {}), source: numbersBelow(101) })).rejects.toThrow(
    "entry 100 is wrong",
  );
  refusals = 1;
  await expect(run({ kind: putCalls(), source: numbersBelow(5) })).rejects.toThrow("is wrong");
});
