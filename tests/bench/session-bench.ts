import type {
  AdvanceWaiter,
  KeyCursor,
  OperationCursor,
  Replies,
  Store,
  Write,
} from "../../src/engine/store.ts";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { encodeGet, encodeHello, encodePing, encodePut } from "../../src/protocol/request-encoder.ts";
import { silentLogger } from "../../src/server/logger.ts";
import { resolveLimits } from "../../src/server/server-limits.ts";
import { RunningServer } from "../../src/server/server.ts";
import type { Session } from "../../src/server/session.ts";
import type { Wire } from "../../src/server/wire.ts";

/**
 * What a request costs between the socket and the store: `bun tests/bench/session-bench.ts [REQUESTS]`.
 *
 * Chunks of pipelined requests go into sessions, whose answers a wire takes at once. The store only counts: a
 * write gets the next number, and becomes durable when every connection has been read once, as a group does.
 * BUN_JSC_logGC=1 shows whether a request leaves garbage: then there are collections between the figures.
 */
const requests = Number(process.argv[2] ?? 2_000_000);
const connections = 50;
const runs = 5;
const key = Buffer.from("users/000123");
const value = Buffer.alloc(100, 1);

class CountingStore implements Store {
  readonly syncMode = "always";
  readonly storeId = Buffer.alloc(16);
  readonly pendingBytes = 0;
  currentSeq = 0;
  ackableSeq = 0;
  #waiters: AdvanceWaiter[] = [];
  #called: AdvanceWaiter[] = [];

  advance(): void {
    this.ackableSeq = this.currentSeq;
    const round = this.#waiters;
    this.#waiters = this.#called;
    this.#called = round;
    for (let index = 0; index < round.length; index++) round[index]!.advanced();
    round.length = 0;
  }

  get(id: number, _key: Buffer, _start: number, _end: number, _snapshotId: number, replies: Replies): void {
    replies.entry(id, 1, value, 0, value.length, 0);
  }

  put(id: number, _write: Write, replies: Replies): void {
    this.currentSeq++;
    replies.written(id, this.currentSeq, this.currentSeq);
  }

  delete(): void {}
  batch(_id: number, _operations: OperationCursor): void {}
  getMany(_id: number, _keys: KeyCursor): void {}
  scan(): void {}
  openSnapshot(): void {}
  renewSnapshot(): void {}
  closeSnapshot(): void {}
  checkpoint(): void {}
  compact(): void {}
  stats(): Record<string, unknown> {
    return {};
  }
  awaitAdvance(waiter: AdvanceWaiter): void {
    this.#waiters.push(waiter);
  }
  onFault(): void {}
  async close(): Promise<void> {}
}

const wire: Wire = {
  write: (_bytes, _start, count) => count,
  pause() {},
  resume() {},
  shutdown() {},
  end() {},
  terminate() {},
};

type Encode = (writer: ByteWriter, id: number) => void;

function chunkOf(pipelined: number, encode: Encode): Buffer {
  const writer = new ByteWriter();
  for (let id = 1; id <= pipelined; id++) encode(writer, 100_000 + id);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

/** The turns of the event loop are the bench's own. */
const ends: (() => void)[] = [];
const clock: Clock = { ...systemClock, afterPoll: (action) => void ends.push(action) };

/** Turns pass until nobody waits for one. */
function endTurns(): void {
  while (ends.length > 0) for (const end of ends.splice(0)) end();
}

/** Nanoseconds a request, the best of some runs, because the machine's other work only ever adds. */
function measure(name: string, pipelined: number, encode: Encode): void {
  const store = new CountingStore();
  let accept!: (wire: Wire) => Session | undefined;
  new RunningServer({
    store,
    listen(acceptSession) {
      accept = acceptSession;
      return { hostname: "bench", port: 1, stop() {} };
    },
    limits: resolveLimits(),
    logger: silentLogger,
    clock,
    random: systemRandom,
  });
  const sessions = Array.from({ length: connections }, () => accept(wire)!);
  const hello = chunkOf(1, (writer, id) => encodeHello(writer, id));
  for (const session of sessions) session.receive(hello);
  const chunk = chunkOf(pipelined, encode);
  const rounds = Math.ceil(requests / (pipelined * connections));

  let nanosecondsBest = Infinity;
  for (let run = 0; run < runs; run++) {
    const startNs = Bun.nanoseconds();
    for (let round = 0; round < rounds; round++) {
      for (const session of sessions) session.receive(chunk);
      endTurns();
      store.advance();
    }
    const nanoseconds = (Bun.nanoseconds() - startNs) / (rounds * pipelined * connections);
    nanosecondsBest = Math.min(nanosecondsBest, nanoseconds);
  }
  console.log(`${name.padEnd(24)} ${nanosecondsBest.toFixed(0).padStart(6)} ns`);
}

const put: Encode = (writer, id) => encodePut(writer, id, key, value);
const get: Encode = (writer, id) => encodeGet(writer, id, key);
measure("put, 16 pipelined", 16, put);
measure("put, 128 pipelined", 128, put);
measure("put, one at a time", 1, put);
measure("get, 16 pipelined", 16, get);
measure("get, 128 pipelined", 128, get);
measure("ping, 16 pipelined", 16, encodePing);
process.exit(0);
