import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { RawStoreClient } from "../../support/raw-store-client.ts";
import type {
  KeyRange,
  ReadPage,
  SizedOperation,
  StoreClient,
  WriteAnswer,
} from "../../support/store-client.ts";
import { TypedStoreClient } from "../../support/typed-store-client.ts";
import type { HistoryRecorder, Outcome } from "./history.ts";

export interface RecordedClientOptions {
  readonly name: string;
  readonly seed: number;
  readonly port: number;
  readonly recorder: HistoryRecorder;
  readonly keys: readonly string[];
  /** Calls in flight at a time. */
  readonly lanes: number;
  /** Through the typed client; else raw. */
  readonly isTyped: boolean;
  readonly tags: { nextTag: number };
}

/** One client of a server, whose every call is recorded. It loses its connection now and then, and comes back. */
export class RecordedClient {
  disconnects = 0;
  readonly #options: RecordedClientOptions;
  readonly #random: Random;
  /** The newest that this client knows, for its conditions. */
  readonly #versions = new Map<string, number>();
  #client: StoreClient | undefined;
  #isStopped = false;

  constructor(options: RecordedClientOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** Calls one thing after the other, until it is stopped or nobody is there any more. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const client = await this.#connect();
      if (client === undefined) return;
      const lanes = Array.from({ length: this.#options.lanes }, () => this.#runLane(client));
      await Promise.all(lanes);
      await client.close();
    }
  }

  /** No new call; those in flight go on. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Ends what is in flight, once the server is gone. */
  async close(): Promise<void> {
    this.stop();
    await this.#client?.close();
  }

  /** Reads everything at one moment, by one call. */
  async readAll(): Promise<void> {
    const client = await this.#connect();
    if (client === undefined) throw new Error("Cannot read what the store holds: nobody listens");
    await this.#scan((range) => client.scan(range), undefined);
    await client.close();
  }

  async #connect(): Promise<StoreClient | undefined> {
    const { port, isTyped } = this.#options;
    try {
      this.#client = await (isTyped ? TypedStoreClient.open(port) : RawStoreClient.open(port));
      return this.#client;
    } catch (error) {
      // The server was killed while this client was away.
      if (this.#isStopped) return undefined;
      throw error;
    }
  }

  async #runLane(client: StoreClient): Promise<void> {
    while (!this.#isStopped && this.#client === client) {
      if (randomBelow(this.#random, disconnectOneIn) === 0) {
        this.disconnects++;
        this.#client = undefined;
        await client.close();
      } else if (!(await this.#act(client))) return;
    }
  }

  /** False: no answer came. */
  #act(client: StoreClient): Promise<boolean> {
    const kind = randomBelow(this.#random, 20);
    if (kind < 11) return this.#write(client, kind < 3);
    if (kind < 14) return this.#get(client);
    if (kind < 16) return this.#getMany(client);
    if (kind < 18) return this.#scan((range) => client.scan(range), undefined);
    return this.#holdSnapshot(client);
  }

  async #write(client: StoreClient, isBatch: boolean): Promise<boolean> {
    const operations = (isBatch ? this.#someKeys() : [this.#key()]).map((key) => this.#operation(key));
    const id = this.#begin({ kind: "write", operations, isBatch });
    const answer = await client.write(operations, isBatch);
    this.#end(id, outcomeOfWrite(answer));
    if (answer.kind === "written") {
      for (const { key, type } of operations) this.#versions.set(key, type === "put" ? answer.version : 0);
    } else if (answer.kind === "conflict") {
      this.#versions.set(operations[answer.operationIndex]!.key, answer.actualVersion);
    }
    return answer.kind === "written" || answer.kind === "conflict";
  }

  async #get(client: Readable, snapshot?: number): Promise<boolean> {
    const key = this.#key();
    const id = this.#begin({ kind: "read", what: `get ${key}`, snapshot });
    const seen = await client.get(key);
    if (seen === undefined) return this.#end(id, { kind: "unknown" });
    return this.#end(id, { kind: "shown", entries: new Map([[key, seen ?? undefined]]) });
  }

  /** The typed client has no getMany that tells versions: it makes gets of it, each of which is a call of its own. */
  async #getMany(client: Readable, snapshot?: number): Promise<boolean> {
    const keys = this.#someKeys();
    const parts = this.#options.isTyped ? keys.map((key) => [key]) : [keys];
    const ids = parts.map((part) => this.#begin({ kind: "read", what: `getMany ${part.join()}`, snapshot }));
    const page = await client.getMany(keys);
    for (const [index, id] of ids.entries()) this.#end(id, outcomeOfPage(page, parts[index]!));
    return page !== undefined;
  }

  async #scan(
    scan: (range: KeyRange) => Promise<ReadPage | undefined>,
    snapshot: number | undefined,
  ): Promise<boolean> {
    const id = this.#begin({ kind: "read", what: "scan", snapshot });
    const page = await scan({ start: "key-", end: "key-~", reverse: randomBelow(this.#random, 2) === 0 });
    return this.#end(id, outcomeOfPage(page, this.#options.keys));
  }

  async #holdSnapshot(client: StoreClient): Promise<boolean> {
    const id = this.#begin({ kind: "snapshot" });
    const snapshot = await client.snapshot();
    if (snapshot === undefined) return this.#end(id, { kind: "unknown" });
    this.#end(id, { kind: "opened", seq: snapshot.seq });
    for (let reads = 1 + randomBelow(this.#random, 3); reads > 0; reads--) {
      const kind = randomBelow(this.#random, 3);
      const isAnswered = await (kind === 0
        ? this.#get(snapshot, id)
        : kind === 1
          ? this.#getMany(snapshot, id)
          : this.#scan((range) => snapshot.scan(range, 1 + randomBelow(this.#random, 4)), id));
      if (!isAnswered) return false;
    }
    await snapshot.close();
    return true;
  }

  #operation(key: string): SizedOperation {
    const ifVersion =
      randomBelow(this.#random, 100) < conditionShare ? (this.#versions.get(key) ?? 0) : undefined;
    if (randomBelow(this.#random, 100) < deleteShare)
      return { key, type: "delete", tag: 0, ifVersion, valueBytes: 0 };
    const valueBytes = randomBelow(this.#random, valueBytesMax);
    return { key, type: "put", tag: this.#options.tags.nextTag++, ifVersion, valueBytes };
  }

  #begin(call: Parameters<HistoryRecorder["begin"]>[1]): number {
    return this.#options.recorder.begin(this.#options.name, call);
  }

  /** Whether an answer came. */
  #end(id: number, outcome: Outcome): boolean {
    this.#options.recorder.end(id, outcome);
    if (outcome.kind === "shown")
      for (const [key, seen] of outcome.entries) this.#versions.set(key, seen?.version ?? 0);
    return outcome.kind !== "unknown";
  }

  #key(): string {
    return this.#options.keys[randomBelow(this.#random, this.#options.keys.length)]!;
  }

  #someKeys(): string[] {
    const keys = this.#options.keys.filter(() => randomBelow(this.#random, 2) === 0);
    return keys.length === 0 ? [this.#key()] : keys;
  }
}

type Readable = Pick<StoreClient, "get" | "getMany">;

function outcomeOfWrite(answer: WriteAnswer): Outcome {
  if (answer.kind === "refused") return { kind: "refused" };
  if (answer.kind === "unknown") return { kind: "unknown" };
  if (answer.kind === "written") return { kind: "written", version: answer.version };
  return { kind: "conflict", operationIndex: answer.operationIndex, actualVersion: answer.actualVersion };
}

function outcomeOfPage(page: ReadPage | undefined, keys: readonly string[]): Outcome {
  if (page === undefined) return { kind: "unknown" };
  const covered = keys.filter((key) => page.covers(key));
  return { kind: "shown", entries: new Map(covered.map((key) => [key, page.entries.get(key)])) };
}

/** About once in so many calls. */
const disconnectOneIn = 150;
/** Out of 100. */
const conditionShare = 25;
const deleteShare = 30;
const valueBytesMax = 120;
