import { afterAll, beforeAll, expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { newestState, opcode, snapshotWanted } from "../../src/protocol/opcodes.ts";
import { PageEncoder } from "../../src/protocol/page-encoder.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { encodeHelloReply } from "../../src/protocol/response-encoder.ts";
import { scriptDefaults } from "../client/support/scripted-session.ts";
import { scanRaw } from "./full-scan.ts";
import { keyBytes, valueBytes, writeKey, writeValue } from "./numbered-entries.ts";

const entryCount = 250;
const pageEntries = 100;
const openedId = 4711;

interface Entry {
  key: Buffer;
  value: Buffer;
}

let entries: Entry[] = [];
let snapshotIds: number[] = [];
let listener: Bun.TCPSocketListener<{ frames: FrameDecoder }>;

function entryOf(number: number): Entry {
  const key = Buffer.alloc(keyBytes);
  const value = Buffer.alloc(valueBytes);
  writeKey(new DataView(key.buffer, key.byteOffset), 0, number);
  writeValue(new DataView(value.buffer, value.byteOffset), 0, number);
  return { key, value };
}

function sorted(numbers: number[]): Entry[] {
  return numbers.map(entryOf).sort((a, b) => Buffer.compare(a.key, b.key));
}

/** Pages by position, so that a server can be wrong in any way: the key that a page is to go on behind is looked up. */
beforeAll(() => {
  const request = new RequestDecoder();
  listener = Bun.listen<{ frames: FrameDecoder }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { frames: new FrameDecoder(1 << 20) };
      },
      data(socket, chunk) {
        const { frames } = socket.data;
        const writer = new ByteWriter();
        frames.push(chunk as Buffer);
        while (frames.next()) {
          request.decode(frames.bytes, frames.start, frames.end);
          const id = request.correlationId;
          if (request.opcode === opcode.hello)
            encodeHelloReply(writer, id, { server: "pages", ...scriptDefaults() });
          else answerPage(writer, id, request.scan!.after, request.scan!.snapshotId);
        }
        socket.write(writer.bytes.subarray(0, writer.length));
      },
    },
  });
});

function answerPage(writer: ByteWriter, id: number, after: Uint8Array | undefined, snapshotId: number): void {
  snapshotIds.push(snapshotId);
  const page = new PageEncoder();
  const from = after === undefined ? 0 : entries.findLastIndex(({ key }) => key.equals(after)) + 1;
  for (const { key, value } of entries.slice(from, from + pageEntries))
    page.add(key, 0, key.length, 1, value, 0, value.length);
  const more = from + pageEntries < entries.length;
  page.finish(writer, id, more, more && snapshotId === snapshotWanted ? openedId : newestState);
}

afterAll(() => listener.stop(true));

const all = Array.from({ length: entryCount }, (_, number) => number);

test("a scan reads all pages from the snapshot that its first page opened", async () => {
  entries = sorted(all);
  snapshotIds = [];
  expect((await scanRaw(listener.port, entryCount, true)).answers).toBe(3);
  expect(snapshotIds).toEqual([snapshotWanted, openedId, openedId]);
});

test("a scan of a server without snapshots asks for none", async () => {
  entries = sorted(all);
  snapshotIds = [];
  await scanRaw(listener.port, entryCount, false);
  expect(snapshotIds).toEqual([newestState, newestState, newestState]);
});

const faults: [string, () => Entry[], string][] = [
  ["a missing entry", () => sorted(all).toSpliced(150, 1), "showed 249 entries of 250"],
  ["a missing last entry", () => sorted(all).slice(0, -1), "showed 249 entries of 250"],
  ["an entry twice", () => sorted([...all, 17]), "wrong or out of order"],
  [
    "two entries in the wrong order",
    () => sorted(all).with(3, sorted(all)[4]!).with(4, sorted(all)[3]!),
    "order",
  ],
  ["an entry that was never written", () => sorted([...all.slice(1), entryCount]), "wrong or out of order"],
  [
    "another entry's value",
    () => sorted(all).with(9, { ...sorted(all)[9]!, value: entryOf(1e6).value }),
    "wrong",
  ],
];

test.each(faults)("%s is found", async (_, faulty, message) => {
  entries = faulty();
  await expect(scanRaw(listener.port, entryCount, true)).rejects.toThrow(message);
});
