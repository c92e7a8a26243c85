import { codecs, connect } from "../../client/client.ts";
import { callInLoops, checkThrough, fillThrough, TextEntries, type TextClient } from "./client-load.ts";
import { uniformKeys } from "./key-source.ts";
import type { HistogramParts } from "./latency-histogram.ts";
import type { LoadSecond } from "./load.ts";

/**
 * A process that calls one client, as its parent says: so neither client works on the other's heap, or on code that the
 * other one has shaped.
 */
export type Order =
  | { type: "open"; client: "holdfast" | "redis"; port: number; entryCount: number }
  | {
      type: "run";
      operation: "put" | "get";
      inFlight: number;
      stamp: number;
      seed: number;
      measureMs: number;
    };

export type Answer =
  | { type: "opened" }
  | { type: "second"; second: LoadSecond }
  | { type: "ran"; opsPerSec: number; latencies: HistogramParts }
  | { type: "failed"; message: string };

const warmUpMs = 500;
let client: TextClient;
let entries: TextEntries;

process.on("disconnect", () => process.exit());
process.on("message", (order: Order) => {
  act(order).then(tell, (error: unknown) =>
    tell({ type: "failed", message: error instanceof Error ? `${error.stack}` : String(error) }),
  );
});

async function act(order: Order): Promise<Answer> {
  if (order.type === "open") {
    entries = new TextEntries(order.entryCount);
    client = await (order.client === "holdfast" ? holdfastClient(order.port) : redisClient(order.port));
    await fillThrough(client, entries);
    return { type: "opened" };
  }
  const { stamp, seed } = order;
  const result = await callInLoops(client, entries, {
    ...order,
    keys: uniformKeys(entries.keys.length, seed),
    warmUpMs,
    onSecond: (second) => tell({ type: "second", second }),
  });
  await checkThrough(client, entries, result.acknowledged, stamp);
  return { type: "ran", opsPerSec: result.opsPerSec, latencies: result.latencies.parts() };
}

function tell(answer: Answer): void {
  process.send!(answer);
}

async function holdfastClient(port: number): Promise<TextClient> {
  return connect(`holdfast://127.0.0.1:${port}?timeout=60s`, { codec: codecs.string });
}

async function redisClient(port: number): Promise<TextClient> {
  const redis = new Bun.RedisClient(`redis://127.0.0.1:${port}`);
  await redis.connect();
  return {
    put: (key, value) => redis.set(key, value),
    get: (key) => redis.get(key),
    close: () => redis.close(),
  };
}
