import { RawStoreClient } from "../../support/raw-store-client.ts";
import { residentMemoryOf } from "../../fuzz/resident-memory.ts";

/** The most that was seen of a server's memory, and of what it says that it holds for its peers. */
export interface ServerPeaks {
  residentBytes: number;
  inputBytes: number;
  outputBytes: number;
  connections: number;
  /** Since the watch began. */
  evicted: number;
  turnedAway: number;
}

/** Looks at a server ten times a second, over a connection of its own and in the kernel's books. */
export class ServerWatch implements Disposable {
  readonly #pid: number;
  readonly #client: RawStoreClient;
  #peaks = noPeaks();
  #evicted = 0;
  #turnedAway = 0;
  #isAsking = false;
  readonly #timer: Timer;

  private constructor(pid: number, client: RawStoreClient) {
    this.#pid = pid;
    this.#client = client;
    this.#timer = setInterval(() => void this.look(), lookIntervalMs);
  }

  static async start(server: { readonly pid: number; readonly port: number }): Promise<ServerWatch> {
    const watch = new ServerWatch(server.pid, await RawStoreClient.open(server.port));
    await watch.look();
    watch.takePeaks();
    return watch;
  }

  /** What was seen since the last call. */
  takePeaks(): ServerPeaks {
    const peaks = this.#peaks;
    this.#peaks = noPeaks();
    return peaks;
  }

  get residentBytes(): number {
    return residentMemoryOf(this.#pid).bytes ?? 0;
  }

  async look(): Promise<void> {
    const peaks = this.#peaks;
    peaks.residentBytes = Math.max(peaks.residentBytes, this.residentBytes);
    if (this.#isAsking) return;
    this.#isAsking = true;
    const stats = (await this.#client.statsIfAnswered()) as Record<string, number> | undefined;
    this.#isAsking = false;
    if (stats === undefined) return;
    for (const name of ["inputBytes", "outputBytes", "connections"] as const)
      peaks[name] = Math.max(peaks[name], stats[name]!);
    peaks.evicted += stats["connectionsEvicted"]! - this.#evicted;
    peaks.turnedAway += stats["connectionsRefused"]! - this.#turnedAway;
    this.#evicted = stats["connectionsEvicted"]!;
    this.#turnedAway = stats["connectionsRefused"]!;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    void this.#client.close();
  }
}

function noPeaks(): ServerPeaks {
  return { residentBytes: 0, inputBytes: 0, outputBytes: 0, connections: 0, evicted: 0, turnedAway: 0 };
}

const lookIntervalMs = 100;
