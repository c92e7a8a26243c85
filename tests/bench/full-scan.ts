import { join } from "node:path";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { frameBytesMax } from "../../src/lib/limits.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { newestState, snapshotWanted } from "../../src/protocol/opcodes.ts";
import { encodeHello, encodeScan } from "../../src/protocol/request-encoder.ts";
import { decodeError, PageCursor, readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import { AnswerMeter } from "./answer-meter.ts";
import { isValueOf, keyBytes, numberOfKey, numberOfLeadingWord, valueBytes } from "./numbered-entries.ts";

/**
 * Reads the whole store page by page, as fast as one client may: the next page is asked for before this one is
 * looked at. Keys must rise, be those of the numbers below `entryCount`, and be as many: so none is missing, none is
 * there twice, and none was made up. Every value is checked. The meter's latencies are the pages'.
 */
export async function scanRaw(port: number, entryCount: number, hasSnapshots: boolean): Promise<AnswerMeter> {
  const meter = new AnswerMeter();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const decoder = new FrameDecoder(frameBytesMax);
  const writer = new ByteWriter();
  const head = new ResponseHead();
  const page = new PageCursor();
  const check = new ScanCheck(entryCount);
  let isGreeted = false;
  let snapshotId: number = hasSnapshots ? snapshotWanted : newestState;
  let askedAtMs = 0;

  const ask = (socket: Bun.Socket, after: Uint8Array | undefined) => {
    writer.clear();
    encodeScan(writer, 2, { after, snapshotId });
    askedAtMs = performance.now();
    socket.write(writer.bytes.subarray(0, writer.length));
  };
  const receive = (socket: Bun.Socket) => {
    while (decoder.next()) {
      const { bytes } = decoder;
      readHead(bytes, decoder.start, decoder.end, head);
      if (head.status !== 0)
        throw new Error(`The server refused a scan: ${decodeError(bytes, head).message}`);
      if (isGreeted) {
        const nowMs = performance.now();
        meter.latencies.record(nowMs - askedAtMs);
        meter.arrived(nowMs);
        page.decode(bytes, head, "scan");
        if (page.snapshotId !== newestState) ({ snapshotId } = page);
        if (page.more) ask(socket, bytes.subarray(page.lastKeyStart, page.lastKeyEnd));
        check.page(page);
        meter.worked(performance.now() - nowMs);
        if (page.more) continue;
        check.end();
        resolve();
      } else {
        isGreeted = true;
        ask(socket, undefined);
      }
    }
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open(opened) {
        encodeHello(writer, 1, { clientName: "bench" });
        opened.write(writer.bytes.subarray(0, writer.length));
      },
      data(opened, chunk) {
        try {
          decoder.push(chunk as Buffer);
          receive(opened);
        } catch (error) {
          reject(error);
        }
      },
      close: () => reject(new Error("The server closed the connection in the middle of a scan")),
      error: (_, error) => reject(error),
    },
  });
  try {
    await done;
  } finally {
    socket.end();
  }
  return meter;
}

/** The same through the typed client: that of the version under test, because the two belong together. */
export async function scanTyped(port: number, entryCount: number, root: string): Promise<number> {
  const client: typeof import("../../client/client.ts") = await import(join(root, "client/client.ts"));
  const startedAtMs = performance.now();
  await using db = await client.connect(`holdfast://127.0.0.1:${port}`, {
    keys: "bytes",
    codec: client.codecs.bytes,
  });
  let entries = 0;
  let before = -1;
  for await (const { key, value } of db.scan()) {
    const word = ((key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!) >>> 0;
    if (word <= before || numberOfLeadingWord(word) >= entryCount || value.length !== valueBytes)
      throw new Error(`Entry ${entries} of a scan is wrong or out of order`);
    before = word;
    entries++;
  }
  const elapsedMs = performance.now() - startedAtMs;
  if (entries !== entryCount) throw new Error(`A scan showed ${entries} entries of ${entryCount}`);
  return (entries / elapsedMs) * 1000;
}

class ScanCheck {
  readonly #entryCount: number;
  #entries = 0;
  #before = -1;

  constructor(entryCount: number) {
    this.#entryCount = entryCount;
  }

  page(page: PageCursor): void {
    const view = new DataView(page.bytes.buffer, page.bytes.byteOffset, page.bytes.length);
    while (page.next()) {
      const { keyStart, valueStart } = page;
      if (page.keyEnd - keyStart !== keyBytes || page.valueEnd - valueStart !== valueBytes) this.#fail(page);
      // No two keys agree in their first word, so that it decides their order.
      const word = view.getUint32(keyStart);
      const number = numberOfKey(view, keyStart);
      if (word <= this.#before || number < 0 || number >= this.#entryCount) this.#fail(page);
      if (!isValueOf(view, valueStart, number)) this.#fail(page);
      this.#before = word;
      this.#entries++;
    }
  }

  end(): void {
    if (this.#entries !== this.#entryCount)
      throw new Error(`A scan showed ${this.#entries} entries of ${this.#entryCount}`);
  }

  #fail(page: PageCursor): never {
    const key = page.bytes.toString("hex", page.keyStart, page.keyEnd);
    throw new Error(`Entry ${this.#entries} of a scan, with the key ${key}, is wrong or out of order`);
  }
}
