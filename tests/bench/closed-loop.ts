import { seededRandom } from "../../src/lib/random.ts";
import type { Dialect, Tally } from "./dialect.ts";

export interface ClosedLoopOptions {
  port: number;
  dialect: Dialect;
  kind: "set" | "get";
  connections: number;
  /** Requests that a connection sends at once; it sends the next ones when all are answered. */
  pipeline: number;
  valueBytes: number;
  /** Keys are drawn from so many. */
  keys: number;
  warmUpMs: number;
  measureMs: number;
  seed: number;
}

export interface Measured {
  opsPerSec: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
  errors: number;
}

/**
 * Every connection sends a batch of requests, waits for all answers, and sends the next: as much load as the server
 * takes. Latency is a batch's, from its write to its last answer.
 */
export async function closedLoop(options: ClosedLoopOptions): Promise<Measured> {
  const random = seededRandom(options.seed);
  const tally: Tally = { responses: 0, errors: 0 };
  const latenciesMs: number[] = [];
  let measuring = false;
  let stopping = false;

  const connect = async () => {
    const { dialect, kind, pipeline, valueBytes } = options;
    const requests = dialect.encode(kind, pipeline, valueBytes);
    const greeting = dialect.greeting;
    let sent = requests.bytes.length;
    let expected = greeting.length > 0 ? 1 : 0;
    let sentAt = 0;
    let rest: Buffer = Buffer.alloc(0);
    const own: Tally = { responses: 0, errors: 0 };
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();

    const push = (socket: Bun.Socket) => {
      while (sent < requests.bytes.length) {
        const taken = socket.write(requests.bytes, sent, requests.bytes.length - sent);
        if (taken <= 0) return;
        sent += taken;
      }
    };
    const nextBatch = (socket: Bun.Socket) => {
      if (stopping) {
        socket.end();
        return;
      }
      for (const at of requests.keyOffsets) {
        // Hexadecimal digits of a number below `keys`: the same keys for every server.
        const key = (random.uint32() % options.keys).toString(16).padStart(16, "0");
        requests.bytes.write(key, at, 16, "latin1");
      }
      expected = pipeline;
      sent = 0;
      sentAt = performance.now();
      push(socket);
    };
    await Bun.connect({
      hostname: "127.0.0.1",
      port: options.port,
      socket: {
        open(socket) {
          if (greeting.length > 0) socket.write(greeting);
          else nextBatch(socket);
        },
        data(socket, chunk) {
          const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : (chunk as Buffer);
          const before = own.responses;
          const end = dialect.count(bytes, 0, bytes.length, own);
          rest = end === bytes.length ? rest.subarray(0, 0) : Buffer.from(bytes.subarray(end));
          const answered = own.responses - before;
          expected -= answered;
          if (measuring) tally.responses += answered;
          if (expected > 0) return;
          if (measuring && sentAt > 0) latenciesMs.push(performance.now() - sentAt);
          nextBatch(socket);
        },
        drain: push,
        close: () => finish(),
        error: () => finish(),
      },
    });
    return done.then(() => {
      tally.errors += own.errors;
    });
  };

  const connections = Array.from({ length: options.connections }, connect);
  await Bun.sleep(options.warmUpMs);
  measuring = true;
  const startedAt = performance.now();
  await Bun.sleep(options.measureMs);
  measuring = false;
  const seconds = (performance.now() - startedAt) / 1000;
  stopping = true;
  await Promise.all(connections);

  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(share * latenciesMs.length))] ?? 0;
  return {
    opsPerSec: tally.responses / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: latenciesMs.at(-1) ?? 0,
    errors: tally.errors,
  };
}
