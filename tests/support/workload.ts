import { randomBelow, seededRandom, type Random } from "../../src/lib/random.ts";
import type { Oracle } from "./oracle.ts";
import type { Seen } from "./oracle-types.ts";
import { RawStoreClient } from "./raw-store-client.ts";
import { SnapshotReader, type WorkDone } from "./snapshot-reader.ts";
import type { ReadPage, SizedOperation, StoreClient } from "./store-client.ts";
import { valueBytesMin } from "./tagged-value.ts";
import { TypedStoreClient } from "./typed-store-client.ts";
import type { WorkloadShape } from "./workload-shape.ts";

/** Numbers for values, none of them twice as long as a store lives. */
export interface TagSource {
  nextTag: number;
}

/**
 * Writers and readers that keep a server busy, each on a connection of its own, and tell the oracle everything. The
 * choices of each come from the seed; their interleaving is the machine's affair.
 */
export class Workload {
  reads = 0;
  /** Refusals other than conflicts: a healthy server has no reason for any. */
  readonly refusals: string[] = [];
  readonly #oracle: Oracle;
  readonly #shape: WorkloadShape;
  readonly #seed: number;
  readonly #keys: readonly string[];
  readonly #tags: TagSource;
  /** What was last heard of each key's version, from anybody: what conditions are made of. */
  readonly #versions = new Map<string, number>();
  /** Those who hold snapshots. */
  readonly snapshotReaders: SnapshotReader[] = [];
  readonly #workDone: () => WorkDone;
  readonly #clients: StoreClient[] = [];
  readonly #lanes: Promise<void>[] = [];
  #isStopped = false;

  constructor(options: WorkloadOptions) {
    this.#oracle = options.oracle;
    this.#shape = options.shape;
    this.#seed = options.seed;
    this.#tags = options.tags;
    this.#workDone = options.workDone ?? (() => ({ flushes: 0, compactions: 0 }));
    this.#keys = keysOf(options.shape.keyCount);
  }

  /** Connects everybody and lets them begin. */
  async start(port: number): Promise<void> {
    const { writers, readers, snapshotReaders, typedWriters, depth } = this.#shape;
    const clients = await Promise.all(
      Array.from({ length: writers + readers + snapshotReaders }, (_, index) => {
        const isTyped = index < typedWriters || (index >= writers + readers && index % 2 === 0);
        return isTyped ? TypedStoreClient.open(port) : RawStoreClient.open(port);
      }),
    );
    this.#clients.push(...clients);
    for (const [connection, client] of clients.entries()) {
      const random = seededRandom(this.#seed + connection * 0x9e37_79b9);
      if (connection < writers) {
        for (let lane = 0; lane < depth; lane++) this.#lanes.push(this.#write(client, connection, random));
      } else if (connection < writers + readers) {
        for (let lane = 0; lane < readerDepth; lane++) this.#lanes.push(this.#read(client, random));
      } else {
        const [oracle, keys, workDone] = [this.#oracle, this.#keys, this.#workDone];
        const reader = new SnapshotReader({ oracle, client, random, keys, workDone });
        this.snapshotReaders.push(reader);
        this.#lanes.push(reader.run());
      }
    }
  }

  /** No new request; resolves when every one that was sent is answered, or its connection is gone. */
  async finish(): Promise<void> {
    this.#stop();
    await Promise.all(this.#lanes);
    await this.close();
  }

  /** Ends everything, once the server is dead. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.#lanes);
  }

  #stop(): void {
    this.#isStopped = true;
    for (const reader of this.snapshotReaders) reader.stop();
  }

  async #write(client: StoreClient, connection: number, random: Random): Promise<void> {
    while (!this.#isStopped) {
      const isBatch = randomBelow(random, 100) < this.#shape.batchShare;
      const operations = isBatch
        ? this.#randomBatch(random)
        : [this.#randomOperation(random, this.#randomKey(random))];
      const write = this.#oracle.send(connection, operations, isBatch);
      const answer = await client.write(operations, isBatch);
      if (answer.kind === "written") {
        this.#oracle.acknowledged(write, answer.version);
        for (const { key, type } of operations) this.#versions.set(key, type === "put" ? answer.version : 0);
      } else if (answer.kind === "conflict") {
        this.#oracle.conflicted(write, answer.operationIndex, answer.actualVersion);
        this.#versions.set(operations[answer.operationIndex]!.key, answer.actualVersion);
      } else if (answer.kind === "refused") {
        this.#oracle.refused(write);
        // A client that lost its connection may say of what it had not sent that it certainly did not happen.
        if (!this.#isStopped) this.refusals.push(answer.reason);
        return;
      } else return;
    }
  }

  async #read(client: StoreClient, random: Random): Promise<void> {
    while (!this.#isStopped) {
      const since = this.#oracle.beginRead();
      const kind = randomBelow(random, 3);
      if (kind === 0) {
        const key = this.#randomKey(random);
        const seen = await client.get(key);
        if (seen === undefined) return;
        this.#saw(since, key, seen ?? undefined);
      } else {
        const page = await (kind === 1 ? this.#getMany(client, random) : this.#scan(client, random));
        if (page === undefined) return;
        this.#sawPage(since, page);
      }
      this.reads++;
    }
  }

  #saw(since: number, key: string, seen: Seen | undefined): void {
    if (seen === undefined) this.#oracle.sawAbsence(since, key);
    else this.#oracle.sawEntry(since, key, seen);
    this.#versions.set(key, seen?.version ?? 0);
  }

  #sawPage(since: number, { entries, covers, isOneInstant }: ReadPage): void {
    const page = new Map<string, Seen | undefined>(entries);
    for (const key of this.#keys) if (!page.has(key) && covers(key)) page.set(key, undefined);
    if (isOneInstant) this.#oracle.sawPage(since, page);
    else for (const [key, seen] of page) this.#saw(since, key, seen);
  }

  #getMany(client: StoreClient, random: Random): Promise<ReadPage | undefined> {
    const keys = new Set(Array.from({ length: 1 + randomBelow(random, 16) }, () => this.#randomKey(random)));
    return client.getMany([...keys]);
  }

  #scan(client: StoreClient, random: Random): Promise<ReadPage | undefined> {
    const [one, other] = [this.#randomKey(random), this.#randomKey(random)];
    const [start, end] = one < other ? [one, other] : [other, one];
    return client.scan({ start, end: `${end}~`, reverse: randomBelow(random, 2) === 0 });
  }

  #randomBatch(random: Random): SizedOperation[] {
    const count = 1 + randomBelow(random, this.#shape.batchOperationsMax);
    const keys = new Set(Array.from({ length: count }, () => this.#randomKey(random)));
    return [...keys].map((key) => this.#randomOperation(random, key));
  }

  #randomOperation(random: Random, key: string): SizedOperation {
    const { deleteShare, conditionShare, valueBytesMax } = this.#shape;
    const isConditional = randomBelow(random, 100) < conditionShare;
    const ifVersion = isConditional ? (this.#versions.get(key) ?? 0) : undefined;
    if (randomBelow(random, 100) < deleteShare)
      return { key, type: "delete", tag: 0, ifVersion, valueBytes: 0 };
    const valueBytes = valueBytesMin + randomBelow(random, valueBytesMax);
    return { key, type: "put", tag: this.#tags.nextTag++, ifVersion, valueBytes };
  }

  #randomKey(random: Random): string {
    return this.#keys[randomBelow(random, this.#keys.length)]!;
  }
}

export interface WorkloadOptions {
  readonly oracle: Oracle;
  readonly shape: WorkloadShape;
  readonly seed: number;
  readonly tags: TagSource;
  /** What the server has done so far, as far as anybody has heard. */
  readonly workDone?: () => WorkDone;
}

/** Requests that a reader keeps in flight. */
const readerDepth = 4;

function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key-${String(index).padStart(4, "0")}`);
}
