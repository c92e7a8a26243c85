import { randomBelow, seededRandom, type Random } from "../../src/lib/random.ts";
import type { Seen } from "../support/oracle-types.ts";
import { RawStoreClient } from "../support/raw-store-client.ts";
import type { SizedOperation } from "../support/store-client.ts";
import { honestPrefix } from "./sent-entries.ts";

/** What one lane knows of its own keys, which nobody else writes. */
export interface LaneKnowledge {
  readonly prefix: string;
  /** Entries as they were acknowledged; deleted ones are left out. */
  readonly entries: Map<string, Seen>;
  /** The write that was sent and not answered when the server ended. */
  readonly unanswered: readonly SizedOperation[] | undefined;
}

export interface HonestReport {
  readonly reads: number;
  readonly writes: number;
  /** How long the requests waited for their answers. */
  readonly waitMsMedian: number;
  readonly waitMs99: number;
  readonly waitMsMax: number;
  readonly violations: readonly string[];
  readonly lanes: readonly LaneKnowledge[];
}

/**
 * A client that does all as it should, on one connection, beside the crowd: a few lanes, each with keys of
 * its own and one request at a time, so that each answer can be told in advance.
 */
export class HonestClient {
  readonly #client: RawStoreClient;
  readonly #lanes: Lane[] = [];
  readonly #running: Promise<void>[];
  readonly #violations: string[] = [];
  readonly #waitsMs: number[] = [];
  readonly #random: Random;
  #reads = 0;
  #writes = 0;
  #nextTag = 1;
  #isEndExpected = false;

  private constructor(client: RawStoreClient, seed: number) {
    this.#client = client;
    this.#random = seededRandom(seed);
    for (let index = 0; index < laneCount; index++) {
      this.#lanes.push({ prefix: `${honestPrefix}${index}/`, entries: new Map(), unanswered: undefined });
    }
    this.#running = this.#lanes.map((lane) => this.#run(lane));
  }

  static async open(port: number, seed: number): Promise<HonestClient> {
    return new HonestClient(await RawStoreClient.open(port), seed);
  }

  /** From here on the server may end at any moment. */
  expectEnd(): void {
    this.#isEndExpected = true;
  }

  /** What there was to tell, once the server has ended. */
  async report(): Promise<HonestReport> {
    await Promise.all(this.#running);
    const waits = Float64Array.from(this.#waitsMs).sort();
    const waitAt = (share: number) => waits[Math.floor((waits.length - 1) * share)] ?? 0;
    return {
      reads: this.#reads,
      writes: this.#writes,
      waitMsMedian: waitAt(0.5),
      waitMs99: waitAt(0.99),
      waitMsMax: waitAt(1),
      violations: this.#violations,
      lanes: this.#lanes,
    };
  }

  async #run(lane: Lane): Promise<void> {
    try {
      while (await this.#step(lane));
    } catch (error) {
      this.#violations.push(
        `the honest client, ${lane.prefix}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  /** One request. False when the connection has ended. */
  async #step(lane: Lane): Promise<boolean> {
    const sentMs = performance.now();
    const kind = randomBelow(this.#random, 100);
    const isAnswered =
      kind < 60 ? await this.#write(lane) : await (kind < 95 ? this.#get(lane) : this.#scan(lane));
    if (isAnswered) this.#waitsMs.push(performance.now() - sentMs);
    else if (!this.#isEndExpected) throw new Error("its connection was closed");
    return isAnswered;
  }

  async #write(lane: Lane): Promise<boolean> {
    const isBatch = randomBelow(this.#random, 6) === 0;
    const keys = new Set(Array.from({ length: isBatch ? 4 : 1 }, () => this.#randomKey(lane)));
    const operations = [...keys].map((key) => this.#operation(lane, key));
    lane.unanswered = operations;
    const answer = await this.#client.write(operations, isBatch);
    if (answer.kind === "unknown") return false;
    if (answer.kind !== "written") throw new Error(`a write was not done: ${JSON.stringify(answer)}`);
    lane.unanswered = undefined;
    for (const { key, type, tag } of operations) {
      const versionBefore = lane.entries.get(key)?.version ?? 0;
      if (answer.version <= versionBefore)
        throw new Error(`${key} went from ${versionBefore} to ${answer.version}`);
      if (type === "put") lane.entries.set(key, { version: answer.version, tag });
      else lane.entries.delete(key);
    }
    this.#writes++;
    return true;
  }

  async #get(lane: Lane): Promise<boolean> {
    const key = this.#randomKey(lane);
    const seen = await this.#client.get(key);
    if (seen === undefined) return false;
    expectSame(key, seen ?? undefined, lane.entries.get(key));
    this.#reads++;
    return true;
  }

  async #scan(lane: Lane): Promise<boolean> {
    const end = `${lane.prefix}~`;
    const page = await this.#client.scan({
      start: lane.prefix,
      end,
      reverse: randomBelow(this.#random, 2) === 0,
    });
    if (page === undefined) return false;
    const keys = new Set([...lane.entries.keys(), ...page.entries.keys()]);
    for (const key of keys)
      if (page.covers(key)) expectSame(key, page.entries.get(key), lane.entries.get(key));
    this.#reads++;
    return true;
  }

  #operation(lane: Lane, key: string): SizedOperation {
    const isConditional = randomBelow(this.#random, 3) === 0;
    const ifVersion = isConditional ? (lane.entries.get(key)?.version ?? 0) : undefined;
    if (randomBelow(this.#random, 8) === 0) return { key, type: "delete", tag: 0, ifVersion, valueBytes: 0 };
    return {
      key,
      type: "put",
      tag: this.#nextTag++,
      ifVersion,
      valueBytes: randomBelow(this.#random, 1_000),
    };
  }

  #randomKey(lane: Lane): string {
    return `${lane.prefix}${randomBelow(this.#random, keysPerLane)}`;
  }
}

type Lane = { -readonly [Name in keyof LaneKnowledge]: LaneKnowledge[Name] };

/** A tag is 0 when a value is not, byte by byte, one that was written. */
function expectSame(key: string, found: Seen | undefined, known: Seen | undefined): void {
  if (found?.version === known?.version && found?.tag === known?.tag) return;
  const text = (seen: Seen | undefined) => (seen === undefined ? "absent" : JSON.stringify(seen));
  throw new Error(`${key} is ${text(found)}, and was acknowledged as ${text(known)}`);
}

const laneCount = 8;
const keysPerLane = 50;
