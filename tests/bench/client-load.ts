import { writeKey } from "./numbered-entries.ts";
import type { KeySource } from "./key-source.ts";
import { LoadMeter, type LoadResult, type LoadSecond } from "./load.ts";

/** What both clients can do, with the same keys and values. */
export interface TextClient {
  put(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | null | undefined>;
  close(): unknown;
}

export interface ClientLoad {
  operation: "put" | "get";
  /** So many callers each wait for their answer before they call again. */
  inFlight: number;
  keys: KeySource;
  /** Goes into every value that is put. */
  stamp: number;
  warmUpMs: number;
  measureMs: number;
  onSecond: (second: LoadSecond) => void;
}

/** Texts as keys and values: they exist before the clock runs. */
export class TextEntries {
  readonly keys: string[] = [];

  constructor(entryCount: number) {
    const view = new DataView(new ArrayBuffer(16));
    const bytes = Buffer.from(view.buffer);
    for (let number = 0; number < entryCount; number++) {
      writeKey(view, 0, number);
      this.keys.push(bytes.toString("hex", 0, 8));
    }
  }

  /** One of a thousand, in which the stamp stands. */
  values(stamp: number): string[] {
    return Array.from({ length: valueCount }, (_, index) =>
      `stamp ${stamp}, value ${index} `.padEnd(textBytes, "abcdefghijklmnopqrstuvwxyz"),
    );
  }
}

export const textBytes = 100;
const valueCount = 1024;

/** Puts every entry once, a thousand at a time. */
export async function fillThrough(client: TextClient, entries: TextEntries): Promise<void> {
  const { keys } = entries;
  const values = entries.values(0);
  let next = 0;
  const call = async () => {
    while (next < keys.length) {
      const number = next++;
      await client.put(keys[number]!, values[number % valueCount]!);
    }
  };
  await Promise.all(Array.from({ length: 1000 }, call));
}

/** Calls for as long as it is told. Each call that fails, and each get that finds nothing, ends it with an error. */
export async function callInLoops(
  client: TextClient,
  entries: TextEntries,
  load: ClientLoad,
): Promise<LoadResult> {
  const { operation, inFlight, stamp } = load;
  const { keys } = entries;
  const values = entries.values(stamp);
  const meter = new LoadMeter(load.onSecond);
  let isStopping = false;

  const put = async () => {
    for (let count = 0; !isStopping; count++) {
      const number = load.keys.next();
      const startedAtMs = performance.now();
      await client.put(keys[number]!, values[number % valueCount]!);
      if (meter.isMeasuring) meter.record(performance.now() - startedAtMs);
      if (count % 16 === 0) meter.acknowledge(number);
    }
  };
  const get = async () => {
    while (!isStopping) {
      const number = load.keys.next();
      const startedAtMs = performance.now();
      const value = await client.get(keys[number]!);
      if (meter.isMeasuring) meter.record(performance.now() - startedAtMs);
      if (value?.length !== textBytes) throw new Error(`${keys[number]} has the value ${value}`);
    }
  };
  const all = Promise.all(Array.from({ length: inFlight }, operation === "put" ? put : get));
  // A call that fails ends all of it, at whatever moment that is.
  const pause = (ms: number) => Promise.race([all, Bun.sleep(ms)]);
  await pause(load.warmUpMs);
  const { seconds, count } = await meter.during(pause(load.measureMs));
  isStopping = true;
  await all;
  return {
    opsPerSec: count / seconds,
    latencies: meter.latencies,
    missing: 0,
    acknowledged: meter.acknowledged,
  };
}

/** Every put that was acknowledged is there, with the stamp of its run. */
export async function checkThrough(
  client: TextClient,
  entries: TextEntries,
  entryNumbers: readonly number[],
  stamp: number,
): Promise<void> {
  const values = entries.values(stamp);
  const check = async (number: number) => {
    const key = entries.keys[number]!;
    const value = await client.get(key);
    if (value !== values[number % valueCount])
      throw new Error(`A write is lost: ${key} has the value ${JSON.stringify(value)}`);
  };
  await Promise.all(entryNumbers.map(check));
}
