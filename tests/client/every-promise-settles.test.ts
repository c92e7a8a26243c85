import { expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import type { Database } from "../../client/database.ts";
import type { CallOptions } from "../../client/options.ts";
import { type Random, randomBelow, randomBytes, seededRandom } from "../../src/lib/random.ts";
import { MemoryNetwork, type MemoryConnection } from "./support/memory-network.ts";
import { ScriptedStore, type StoredOperation } from "./support/scripted-store.ts";
import { connectedClient, watch, type Settlement } from "./support/test-client.ts";
import { settle } from "./support/test-clock.ts";

/**
 * Whatever the network, the server and the caller do, every promise settles, once and within its time; what is reported
 * as done was done once, and what is reported as certainly not done was not done and will not be. What is read of one
 * scan, or in one snapshot, was so at one moment.
 *
 * Each run is made from a seed: SEED=… repeats one, RUNS=… makes more.
 */
test("every promise settles, and says no more than what is true", async () => {
  const runs = Number(process.env["RUNS"] ?? 150);
  const first = Number(process.env["SEED"] ?? Math.floor(Math.random() * 0x1_0000_0000));
  const seeds = process.env["SEED"]
    ? [first]
    : Array.from({ length: runs }, (_, index) => (first + index) >>> 0);
  const seen = new Map<string, number>();
  for (const seed of seeds) {
    try {
      await run(seed, seen);
    } catch (error) {
      throw new Error(`failed with SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  if (seeds.length < 100) return;
  // The runs are worth something only if they went everywhere.
  for (const end of [
    "fulfilled",
    "ABORTED",
    "TIMEOUT",
    "UNKNOWN_OUTCOME",
    "CLOSED",
    "QUEUE_FULL",
    "CONFLICT",
    "SNAPSHOT_EXPIRED",
    "one moment",
  ])
    expect(seen.get(end) ?? 0).toBeGreaterThan(0);
});

/** Knows what was applied: every write carries a token of its own. */
class RecordingStore extends ScriptedStore {
  readonly applied = new Map<string, number>();

  override apply(operations: readonly StoredOperation[]): ReturnType<ScriptedStore["apply"]> {
    const result = super.apply(operations);
    if (typeof result !== "number") return result;
    for (const { key, value } of operations) {
      const token = value === undefined ? tokenOfKey(key) : tokenOfValue(value);
      this.applied.set(token, (this.applied.get(token) ?? 0) + 1);
    }
    return result;
  }
}

interface Write {
  readonly tokens: readonly string[];
  readonly settlement: Settlement;
}

async function run(seed: number, seen: Map<string, number>): Promise<void> {
  const random = seededRandom(seed);
  const store = new RecordingStore();
  const network = new MemoryNetwork(store);
  network.script.pageEntriesMax = 3;
  network.script.limits = { ...network.script.limits, inFlightRequestsMax: 2 + randomBelow(random, 40) };
  const options = { timeoutMs: 1_000, keepAliveMs: 500, keepAliveTimeoutMs: 200, queueBytesMax: 8_000 };
  const { db, clock } = await connectedClient(options, network, seed);

  const writes: Write[] = [];
  const reads: { key: string; settlement: Settlement }[] = [];
  const others: Settlement[] = [];
  /** What batches wrote, as one scan shows it, or the reads in one snapshot. */
  const views: Settlement[] = [];
  const controllers: AbortController[] = [];
  let tokens = 0;

  const call = (): void => {
    const signal = randomBelow(random, 3) === 0 ? controllerOf(random, controllers).signal : undefined;
    const callOptions = {
      signal,
      ...(randomBelow(random, 4) === 0 && { timeoutMs: 1 + randomBelow(random, 500) }),
    };
    const key = `k${randomBelow(random, 8)}`;
    const token = () => `${key}#${tokens++}`;
    switch (randomBelow(random, 10)) {
      case 0:
      case 1: {
        const own = token();
        const condition = randomBelow(random, 4) === 0 ? { ifVersion: randomBelow(random, 5) } : {};
        writes.push({ tokens: [own], settlement: watch(db.put(key, own, { ...callOptions, ...condition })) });
        return;
      }
      case 2: {
        const own = `delete ${token()}`;
        writes.push({ tokens: [own], settlement: watch(db.delete(own, callOptions)) });
        return;
      }
      case 3: {
        const own = [token(), token(), token()];
        const batch = db.batch();
        for (const [index, value] of own.entries()) batch.put(`batch${index}`, value);
        writes.push({ tokens: own, settlement: watch(batch.commit(callOptions)) });
        return;
      }
      case 4:
        others.push(watch(db.getMany(["k1", "k2", "k3", "k4", "k5"], callOptions)));
        return;
      case 5:
        views.push(watch(batchesOf(db.scan({ ...callOptions, reverse: randomBelow(random, 2) === 0 }))));
        return;
      case 6:
        others.push(watch(db.ping(callOptions)));
        return;
      case 7:
        views.push(watch(batchesInSnapshot(db, randomBelow(random, 2_000), callOptions)));
        return;
      case 8:
        others.push(
          watch(randomBelow(random, 2) === 0 ? db.checkpoint(callOptions) : db.compact(callOptions)),
        );
        return;
      default:
        reads.push({ key, settlement: watch(db.get(key, callOptions)) });
    }
  };

  const steps = 100 + randomBelow(random, 200);
  for (let step = 0; step < steps; step++) {
    for (let calls = randomBelow(random, 6); calls > 0; calls--) call();
    if (randomBelow(random, 4) > 0) await settle();
    misbehave(random, network);
    if (randomBelow(random, 6) === 0) controllers.splice(0, 1)[0]?.abort("the test says so");
    if (randomBelow(random, 3) === 0) await clock.advance(randomBelow(random, 60));
  }

  const closed = watch(db.close());
  for (let turn = 0; turn < 20; turn++) {
    misbehave(random, network);
    await clock.advance(randomBelow(random, 100));
  }
  await clock.advance(6_000);
  expect(closed.state).toBe("fulfilled");
  // What was under way reaches the server after all: nothing that was reported as not done may be done by it.
  for (const connection of network.connections) connection.serve();

  const settlements = [...writes, ...reads].map(({ settlement }) => settlement).concat(others, views);
  for (const { state, error } of settlements) {
    expect(state).not.toBe("pending");
    if (state === "rejected") expect(error.code, String(error?.stack)).toBeString();
    const end = state === "rejected" ? error.code : state;
    seen.set(end, (seen.get(end) ?? 0) + 1);
  }
  for (const { tokens, settlement } of writes) {
    const counts = tokens.map((token) => store.applied.get(token) ?? 0);
    expect(new Set(counts).size).toBe(1);
    expect(counts[0]).toBeLessThanOrEqual(1);
    if (settlement.state === "fulfilled") expect(counts[0]).toBe(1);
    if (settlement.error?.outcome === "not-applied") expect(counts[0]).toBe(0);
    if (settlement.state === "rejected")
      expect(settlement.error.outcome).toBeOneOf(["not-applied", "unknown"]);
  }
  for (const { value } of views as { value: unknown[] | undefined }[]) {
    if (value === undefined || value.length === 0) continue;
    expect(value).toSatisfy(isOneMoment);
    seen.set("one moment", (seen.get("one moment") ?? 0) + 1);
  }
  for (const { key, settlement } of reads) {
    if (settlement.state !== "fulfilled" || settlement.value === undefined) continue;
    expect(settlement.value).toStartWith(`${key}#`);
    expect(store.applied.get(settlement.value as string)).toBe(1);
  }
}

/** What a scan shows of the keys that batches write. */
async function batchesOf(scan: AsyncIterable<{ key: string; value: unknown }>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { key, value } of scan) if (key.startsWith("batch")) values.push(value);
  return values;
}

/** The same keys, read by different calls in one snapshot. */
async function batchesInSnapshot(db: Database, leaseMs: number, options: CallOptions): Promise<unknown[]> {
  await using snapshot = await db.snapshot({ ...options, leaseMs: leaseMs + 1 });
  const scanned = await batchesOf(snapshot.scan(options));
  const one = await snapshot.get("batch0", options);
  const many = await snapshot.getMany(["batch1", "batch2", "batch0"], options);
  return [...scanned, ...[one, ...many].filter((value) => value !== undefined)];
}

/** Each batch writes three tokens, one behind the other. So what there was at one moment is all of one batch. */
function isOneMoment(values: unknown[]): boolean {
  const numbers = new Set(values.map((value) => Number(String(value).split("#")[1])));
  return numbers.size === 3 && Math.max(...numbers) - Math.min(...numbers) === 2;
}

/** One thing that a network or a server may do to a connection. Bytes of dead ones may still be under way. */
function misbehave(random: Random, network: MemoryNetwork): void {
  const recent = network.connections.slice(-3);
  const connection = recent[randomBelow(random, recent.length)]!;
  switch (randomBelow(random, 25)) {
    case 0:
      return connection.close(new Error("cut"));
    case 1:
      return connection.close();
    case 2:
      // Between frames only: bytes that end up inside a value are a lie that no client could see through.
      if (cutInFrames.has(connection)) return connection.close();
      return connection.deliver(Buffer.from(randomBytes(random, 1 + randomBelow(random, 40))));
    case 3:
      connection.isWritable = false;
      return;
    case 4:
    case 5:
      return connection.drain();
    case 6:
    case 7:
    case 8:
    case 9:
      return connection.accept();
    case 10:
    case 11:
    case 12:
      return connection.serve();
    case 13:
      if (cutInFrames.has(connection)) return;
      shuffle(random, connection.outbox);
      return;
    case 14:
      return deliverPart(random, connection);
    case 15:
      // The server loses answers for good: only deadlines and keepalive find out.
      if (!cutInFrames.has(connection)) connection.outbox.length = 0;
      return;
    case 16:
      // Leases run out, or the server was restarted.
      if (randomBelow(random, 8) === 0) network.store.snapshots.clear();
      return;
    default:
      return connection.exchange();
  }
}

/** Connections on which the client may be in the middle of a frame. */
const cutInFrames = new WeakSet<MemoryConnection>();

/** Some of the bytes that wait for the client, cut anywhere. */
function deliverPart(random: Random, connection: MemoryConnection): void {
  connection.serve();
  const waiting = Buffer.concat(connection.outbox);
  const cut = randomBelow(random, waiting.length + 1);
  connection.outbox = [waiting.subarray(cut)];
  if (cut > 0) cutInFrames.add(connection);
  if (cut > 0) connection.deliver(waiting.subarray(0, cut));
}

/** Answers come in any order, hello's first. */
function shuffle(random: Random, frames: Buffer[]): void {
  for (let index = frames.length - 1; index > 1; index--) {
    const other = 1 + randomBelow(random, index);
    [frames[index], frames[other]] = [frames[other]!, frames[index]!];
  }
}

function controllerOf(random: Random, controllers: AbortController[]): AbortController {
  if (controllers.length === 0 || randomBelow(random, 2) === 0) controllers.push(new AbortController());
  return controllers[randomBelow(random, controllers.length)]!;
}

/** Keys of deletes are their tokens. */
function tokenOfKey(key: Buffer): string {
  return key.toString();
}

/** Values are short texts in msgpack: one byte of head. */
function tokenOfValue(value: Buffer): string {
  return value.subarray(1).toString();
}
