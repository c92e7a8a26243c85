import { randomBelow, type Random } from "../../src/lib/random.ts";
import type { Oracle } from "./oracle.ts";
import type { Seen } from "./oracle-types.ts";
import type { ReadPage, StoreClient, StoreSnapshot } from "./store-client.ts";

/** How much the store has done behind the requests, as far as anybody has heard. */
export interface WorkDone {
  readonly flushes: number;
  readonly compactions: number;
}

export interface SnapshotReaderOptions {
  readonly oracle: Oracle;
  readonly client: StoreClient;
  readonly random: Random;
  /** All keys that anybody writes, in order. */
  readonly keys: readonly string[];
  /** Asked when a snapshot is opened, and when it is let go. */
  readonly workDone: () => WorkDone;
}

/**
 * Holds one snapshot after the other while others write, and reads each over and over, in every way there is. What it
 * shows must be what the store held at the snapshot's seq, and must never change, whatever is flushed and merged.
 */
export class SnapshotReader {
  reads = 0;
  snapshots = 0;
  /** Of these, those that were still read after a flush, and after a compaction. */
  outlivedFlushes = 0;
  outlivedCompactions = 0;
  #isStopped = false;
  readonly #options: SnapshotReaderOptions;

  constructor(options: SnapshotReaderOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Until it is stopped, or nobody answers any more. */
  async run(): Promise<void> {
    while (!this.#isStopped && (await this.#hold()));
  }

  /** False: an answer did not come. */
  async #hold(): Promise<boolean> {
    const { oracle, client, keys, random, workDone } = this.#options;
    const since = oracle.beginRead();
    const snapshot = await client.snapshot();
    if (snapshot === undefined) return false;
    oracle.sawSeq(snapshot.seq);
    const before = workDone();
    const page = await snapshot.scan(everything, 0);
    if (page === undefined) return false;
    const shown = new Map<string, Seen | undefined>(keys.map((key) => [key, undefined]));
    for (const [key, seen] of page.entries) shown.set(key, seen);
    oracle.sawPage(since, shown, snapshot.seq);
    this.snapshots++;
    for (let reads = 1 + randomBelow(random, readsMax); reads > 0 && !this.#isStopped; reads--) {
      // Long enough for others to overwrite what it shows, to fill segments and to merge tables.
      await Bun.sleep(randomBelow(random, pauseMsMax));
      if (!(await this.#readAgain(snapshot, shown))) return false;
    }
    const after = workDone();
    if (after.flushes > before.flushes) this.outlivedFlushes++;
    if (after.compactions > before.compactions) this.outlivedCompactions++;
    await snapshot.close();
    return true;
  }

  async #readAgain(snapshot: StoreSnapshot, shown: ReadonlyMap<string, Seen | undefined>): Promise<boolean> {
    const { keys, random } = this.#options;
    const key = () => keys[randomBelow(random, keys.length)]!;
    const kind = randomBelow(random, 4);
    if (kind === 0) {
      const name = key();
      const seen = await snapshot.get(name);
      if (seen === undefined) return false;
      this.#compare(snapshot, name, shown.get(name), seen ?? undefined);
    } else {
      const page = await (kind === 1
        ? snapshot.getMany(Array.from({ length: 1 + randomBelow(random, 8) }, key))
        : snapshot.scan({ ...everything, reverse: kind === 2 }, randomBelow(random, 2 * keys.length)));
      if (page === undefined) return false;
      this.#comparePage(snapshot, shown, page);
    }
    this.reads++;
    return true;
  }

  #comparePage(snapshot: StoreSnapshot, shown: ReadonlyMap<string, Seen | undefined>, page: ReadPage): void {
    for (const [key, seen] of shown) {
      if (page.covers(key)) this.#compare(snapshot, key, seen, page.entries.get(key));
    }
  }

  #compare({ seq }: StoreSnapshot, key: string, before: Seen | undefined, after: Seen | undefined): void {
    if (before?.version === after?.version && before?.tag === after?.tag) return;
    this.#options.oracle.snapshotChanged(seq, key, before, after);
  }
}

/** All keys of a workload begin alike. */
const everything = { start: "key-", end: "key-~", reverse: false };
const readsMax = 12;
const pauseMsMax = 25;
