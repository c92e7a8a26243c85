import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { RawStoreClient } from "../../support/raw-store-client.ts";
import { Schedule } from "../../bench/schedule.ts";

export interface GoodClientOptions {
  readonly port: number;
  readonly seed: number;
  /** Requests a second, half of them durable puts, half gets. */
  readonly perSecond: number;
}

/**
 * What one window of time brought: latencies in milliseconds, from the moment at which each request was sent. Requests
 * are sent when they are due, whether or not the server keeps up; what the machine makes the client late with sending,
 * on processors that it shares with the attackers, is not the server's doing, and is told apart.
 */
export interface GoodWindow {
  readonly putsMs: number[];
  readonly getsMs: number[];
  /** The most by which the client itself was late with sending, in 99 of 100 ticks. */
  readonly lateMs99: number;
}

/**
 * A client that asks for little, at a fixed rate whether or not the server keeps up, over a few connections, and checks
 * every answer: each key has one writer, and is asked for only once its last put was answered.
 */
export class GoodClient {
  /** For each key the number of its last acknowledged put, which its value holds. */
  readonly acknowledged = new Map<string, number>();
  failure: Error | undefined;
  readonly #options: GoodClientOptions;
  readonly #connections: RawStoreClient[];
  readonly #random: Random;
  readonly #busy = new Set<string>();
  #schedule: Schedule | undefined;
  #sent = 0;
  #tag = 0;
  #inFlight = 0;
  #window = newWindow();

  private constructor(options: GoodClientOptions, connections: RawStoreClient[]) {
    this.#options = options;
    this.#connections = connections;
    this.#random = seededRandom(options.seed);
  }

  static async open(options: GoodClientOptions): Promise<GoodClient> {
    const connections: RawStoreClient[] = [];
    for (let count = 0; count < connectionCount; count++)
      connections.push(await RawStoreClient.open(options.port));
    return new GoodClient(options, connections);
  }

  /** Sends what is due. */
  tick(nowMs: number): void {
    this.#schedule ??= new Schedule(nowMs, this.#options.perSecond);
    const due = this.#schedule.dueBy(nowMs);
    if (due > this.#sent) this.#window.late.push(nowMs - this.#schedule.intendedMs(this.#sent));
    for (; this.#sent < due; this.#sent++) void this.#send();
  }

  /** Ends a window and begins the next; what is in flight counts where its answer comes. */
  takeWindow(): GoodWindow {
    const { putsMs, getsMs, late } = this.#window;
    this.#window = newWindow();
    late.sort((one, other) => one - other);
    return { putsMs, getsMs, lateMs99: late[Math.floor(late.length * 0.99)] ?? 0 };
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  async #send(): Promise<void> {
    this.#inFlight++;
    const sentMs = performance.now();
    try {
      const connection = this.#connections[this.#sent % connectionCount]!;
      const key = this.#idleKey();
      if (this.#sent % 2 === 0 || !this.acknowledged.has(key)) {
        await this.#put(connection, key);
        this.#window.putsMs.push(performance.now() - sentMs);
      } else {
        await this.#get(connection, key);
        this.#window.getsMs.push(performance.now() - sentMs);
      }
    } catch (error) {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#inFlight--;
    }
  }

  async #put(connection: RawStoreClient, key: string): Promise<void> {
    const tag = ++this.#tag;
    this.#busy.add(key);
    const answer = await connection.write(
      [{ key, type: "put", tag, ifVersion: undefined, valueBytes: 100 }],
      false,
    );
    this.#busy.delete(key);
    if (answer.kind !== "written") throw new Error(`A put of the good client: ${JSON.stringify(answer)}`);
    this.acknowledged.set(key, tag);
  }

  async #get(connection: RawStoreClient, key: string): Promise<void> {
    const tag = this.acknowledged.get(key);
    this.#busy.add(key);
    const seen = await connection.get(key);
    this.#busy.delete(key);
    if (seen?.tag !== tag)
      throw new Error(`${key} is ${JSON.stringify(seen)} and was acknowledged as ${tag}`);
  }

  /** Some key that no request is about now. */
  #idleKey(): string {
    for (;;) {
      const key = `good/${randomBelow(this.#random, keyCount)}`;
      if (!this.#busy.has(key)) return key;
    }
  }
}

function newWindow() {
  return { putsMs: [] as number[], getsMs: [] as number[], late: [] as number[] };
}

const connectionCount = 4;
/** Far more than are ever in flight. */
const keyCount = 100_000;
