import { Buffer } from "node:buffer";
import { join, resolve } from "node:path";
import type { Database } from "../../client/database.ts";
import type { Keyspace } from "../../client/keyspace.ts";
import type { OpenTransport, Transport, TransportEvents } from "../../client/transport.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { encodeEntry, encodeHelloReply, encodeWritten } from "../../src/protocol/response-encoder.ts";
import { scriptDefaults } from "../client/support/scripted-session.ts";

/**
 * What a call costs in the client, in processor time: a transport in memory answers every request with the same entry,
 * and a number of callers each wait for their answer before they call again. So no kernel, no server and no other
 * process is in the numbers; only what the transport itself takes is (about 100 ns a call).
 *
 * `bun tests/bench/client-bench.ts [--client DIR] [--seconds 0.3] [--only TEXT]`: with `--client` the client's source is
 * that of another tree, so that two versions can be compared. Where the time goes: `bun --cpu-prof-md` before it.
 */
const option = (name: string): string | undefined => {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? undefined : process.argv[index + 1];
};
const root = resolve(option("client") ?? join(import.meta.dirname, "../.."));
const milliseconds = Number(option("seconds") ?? 0.3) * 1_000;

const keys = Array.from({ length: 10_000 }, (_, index) =>
  String((index * 7919) % 1_000_000).padStart(16, "0"),
);
const values: Record<string, unknown> = {
  "100 bytes of text": "0123456789abcdef".repeat(7).slice(0, 100),
  "an object of 4 properties": {
    id: 12_345,
    name: "Ada Lovelace",
    email: "ada@example.org",
    tags: ["a", "b"],
  },
};

/** The value of the one entry that there is. */
let entry: Buffer;

await measure();

async function measure(): Promise<void> {
  const { connectWithin } = await import(join(root, "client/connect.ts"));
  const { codecs } = await import(join(root, "client/codecs.ts"));
  const runtime = { clock: systemClock, random: systemRandom, openTransport };
  const db: Database = await connectWithin(runtime, undefined, {});
  for (const [name, value] of Object.entries(values)) {
    entry = Buffer.from(codecs.msgpack().encode(value));
    for (const kind of ["put", "get"] as const) {
      if (!`${kind} ${name}`.includes(option("only") ?? "")) continue;
      for (const inFlight of [1, 100, 1_000]) {
        const call = callOf(db, kind, value);
        await nanosecondsPerCall(call, inFlight, milliseconds);
        const rounds: number[] = [];
        for (let round = 0; round < 3; round++)
          rounds.push(await nanosecondsPerCall(call, inFlight, milliseconds));
        console.log(`${kind}, ${name}, ${inFlight} in flight: ${Math.round(Math.min(...rounds))} ns a call`);
      }
    }
  }
  await db.close();
}

function callOf(entries: Keyspace<unknown>, kind: "put" | "get", value: unknown) {
  return kind === "put"
    ? (index: number) => entries.put(keys[index % keys.length]!, value)
    : (index: number) => entries.get(keys[index % keys.length]!);
}

/** Of all threads of the process: the collector's time is the client's as well. */
async function nanosecondsPerCall(
  call: (index: number) => Promise<unknown>,
  callers: number,
  milliseconds: number,
): Promise<number> {
  const endMs = performance.now() + milliseconds;
  let calls = 0;
  const caller = async () => {
    while ((calls & 63) !== 0 || performance.now() < endMs) await call(calls++);
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: callers }, caller));
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / calls;
}

/** Answers in a microtask of its own, as a socket does in a turn of its own. */
class AnsweringTransport implements Transport {
  readonly #events: TransportEvents;
  readonly #frames = new FrameDecoder(scriptDefaults().limits.frameBytesMax);
  readonly #request = new RequestDecoder();
  readonly #output = new ByteWriter(1024 * 1024);
  #isAnswering = false;

  constructor(events: TransportEvents) {
    this.#events = events;
    queueMicrotask(() => events.opened());
  }

  send(bytes: Buffer, start = 0, end = bytes.length): boolean {
    this.#frames.push(bytes.subarray(start, end));
    while (this.#frames.next()) this.#answer();
    if (!this.#isAnswering) queueMicrotask(this.#deliver);
    this.#isAnswering = true;
    return true;
  }

  end(): void {}

  destroy(): void {}

  #answer(): void {
    const request = this.#request;
    request.decode(this.#frames.bytes, this.#frames.start, this.#frames.end);
    const id = request.correlationId;
    if (request.opcode === opcode.hello)
      encodeHelloReply(this.#output, id, { server: "memory", ...scriptDefaults() });
    else if (request.opcode === opcode.get) encodeEntry(this.#output, id, 1_234_567, entry, 0, entry.length);
    else encodeWritten(this.#output, id, 1_234_567);
  }

  /** A copy, as a socket's chunks are. */
  readonly #deliver = (): void => {
    this.#isAnswering = false;
    const answers = Buffer.from(this.#output.bytes.subarray(0, this.#output.length));
    this.#output.clear();
    this.#events.received(answers);
  };
}

function openTransport(...[, , events]: Parameters<OpenTransport>): Transport {
  return new AnsweringTransport(events);
}
