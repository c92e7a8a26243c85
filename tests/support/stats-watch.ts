import { RawStoreClient, type StoreStats } from "./raw-store-client.ts";
import type { WorkDone } from "./snapshot-reader.ts";

/** Asks a server for its stats over and over, so that the last answer before a kill tells how far it had come. */
export class StatsWatch {
  stats: StoreStats | undefined;
  readonly #client: RawStoreClient;
  readonly #watching: Promise<void>;
  #isStopped = false;

  private constructor(client: RawStoreClient) {
    this.#client = client;
    this.#watching = this.#watch();
  }

  static async begin(port: number): Promise<StatsWatch> {
    return new StatsWatch(await RawStoreClient.open(port));
  }

  /** As of the last answer. */
  get workDone(): WorkDone {
    return this.stats ?? { flushes: 0, compactions: 0 };
  }

  /** Once the server is dead, or nobody wants to know any more. */
  async end(): Promise<void> {
    this.#isStopped = true;
    await this.#client.close();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      const stats = await this.#client.statsIfAnswered();
      if (stats === undefined) return;
      this.stats = stats.store;
      await Bun.sleep(pollMs);
    }
  }
}

const pollMs = 10;
