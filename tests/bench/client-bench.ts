import { Packr } from "msgpackr";
import { connect } from "../../client/client.ts";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { encodeEntry, encodeHelloReply, encodeWritten } from "../../src/protocol/response-encoder.ts";
import { scriptDefaults } from "../client/support/scripted-session.ts";

/**
 * What a call costs in the client: a server in another thread answers everything at once with the same entry, and a
 * number of callers each wait for their answer before they call again. To see where time goes:
 * `bun --cpu-prof-md tests/bench/client-bench.ts`.
 */
const keys = Array.from({ length: 10_000 }, (_, index) => `users/${index}`);

if (Bun.isMainThread) await measure();
else serveFixedAnswers();

async function measure(): Promise<void> {
  const server = new Worker(import.meta.url);
  const port = await new Promise<number>((resolve) => (server.onmessage = ({ data }) => resolve(data)));
  const db = await connect(`holdfast://127.0.0.1:${port}`);
  const value = { id: 12_345, name: "Ada Lovelace", email: "ada@example.org", tags: ["a", "b"] };
  const seconds = Number(process.env["SECONDS"] ?? 1);

  const operations = {
    get: (index: number) => db.get(keys[index % keys.length]!),
    put: (index: number) => db.put(keys[index % keys.length]!, value),
  };
  for (const [name, operation] of Object.entries(operations)) {
    for (const inFlight of [1, 100, 1_000]) {
      await closedLoop(operation, inFlight, 0.3);
      const calls = await closedLoop(operation, inFlight, seconds);
      const perSecond = Math.round(calls / seconds);
      console.log(`${name}, ${inFlight} in flight: ${perSecond.toLocaleString("en")} calls/s`);
    }
  }
  await db.close();
  server.terminate();
}

async function closedLoop(
  operation: (index: number) => Promise<unknown>,
  callers: number,
  seconds: number,
): Promise<number> {
  const endMs = performance.now() + seconds * 1_000;
  let calls = 0;
  const call = async () => {
    while ((calls & 63) !== 0 || performance.now() < endMs) {
      await operation(calls);
      calls++;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return calls;
}

function serveFixedAnswers(): void {
  const entry = new Packr({ useRecords: false, variableMapSize: true }).pack({ id: 1, name: "Ada Lovelace" });
  const request = new RequestDecoder();
  const listener = Bun.listen<{ frames: FrameDecoder; output: ByteWriter }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = {
          frames: new FrameDecoder(scriptDefaults().limits.frameBytesMax),
          output: new ByteWriter(),
        };
      },
      data(socket, bytes) {
        const { frames, output } = socket.data;
        frames.push(bytes);
        while (frames.next()) {
          request.decode(frames.bytes, frames.start, frames.end);
          const id = request.correlationId;
          if (request.opcode === opcode.hello)
            encodeHelloReply(output, id, { server: "fixed", ...scriptDefaults() });
          else if (request.opcode === opcode.get) encodeEntry(output, id, 1, entry, 0, entry.length);
          else encodeWritten(output, id, 1);
        }
        flush(socket);
      },
      drain: flush,
    },
  });
  postMessage(listener.port);
}

function flush(socket: Bun.Socket<{ output: ByteWriter }>): void {
  const { output } = socket.data;
  const taken = socket.write(output.bytes.subarray(0, output.length) as Buffer);
  if (taken > 0) output.consume(taken);
}
