import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeSegmentHeader } from "../../../src/wal/segment-header.ts";
import { walkSegment } from "../../../src/wal/segment-walk.ts";
import { eventually } from "../../support/eventually.ts";
import type { Oracle } from "../../support/oracle.ts";
import type { Seen } from "../../support/oracle-types.ts";
import { segmentNamesOf } from "../../support/recovered-store.ts";
import { RawStoreClient } from "../../support/raw-store-client.ts";
import type { SizedOperation } from "../../support/store-client.ts";
import type { TagSource } from "../../support/workload.ts";

/** A store on an empty disk, and one that a kill has left with all that a start has to mend. */
export const lifeNames = ["first", "second"] as const;

export type LifeName = (typeof lifeNames)[number];

/** What a life is played to, and what its client knows of it. */
export interface LivingStore {
  readonly port: number;
  readonly dataDirectory: string;
  readonly oracle: Oracle;
  readonly tags: TagSource;
  /** A flush that finds no room waits for it, and nobody makes any: whoever waits for the flush gives up then. */
  readonly patienceMs: number;
  /** Where the tracer leaves holes in the log, no seal can be found behind them. */
  readonly sealPatienceMs: number;
}

export interface Played {
  /** Everything was answered. */
  readonly end: "complete" | "cut off" | "still waiting";
  /** With which status, and words, the server refused a write. */
  readonly refusals: readonly Refusal[];
  /** The newest version that was acknowledged, or shown by a conflict or a read: that much has to be durable. */
  readonly vouchedSeq: number;
}

export interface Refusal {
  readonly status: number | undefined;
  readonly reason: string;
}

/**
 * As short as a life can be that makes every kind of call: one request at a time, so that its calls are the same each
 * time. Records are as large as a segment, so that each second one begins another.
 */
export async function playLife(name: LifeName, store: LivingStore): Promise<Played> {
  const life = new Life(store);
  const late = Bun.sleep(store.patienceMs).then(() => "still waiting" as const);
  const end = await Promise.race([life.play(name), late]);
  life.end();
  return { end, refusals: life.refusals, vouchedSeq: life.vouchedSeq };
}

class Life {
  readonly refusals: Refusal[] = [];
  vouchedSeq = 0;
  readonly #store: LivingStore;
  #client: RawStoreClient | undefined;
  #isOver = false;

  constructor(store: LivingStore) {
    this.#store = store;
  }

  async play(name: LifeName): Promise<Played["end"]> {
    try {
      const client = (this.#client = await RawStoreClient.open(this.#store.port));
      const { put, remove } = this;
      const steps: (() => Promise<boolean>)[] =
        name === "first"
          ? [
              () => this.#write([put("a")]),
              () => this.#write([put("b"), remove("a"), put("c", 300)]),
              () => this.#write([put("d", 40, 1_000)]),
              // One after the other: else the numbers of tables would be others each time.
              () => this.#settled(),
              () => this.#write([put("e", 700)]),
              () => this.#settled(),
              async () => (await client.checkpoint()) !== undefined,
              () => this.#settled(),
              () => client.compact(),
              () => this.#write([remove("b")]),
            ]
          : [
              // What the start flushes would else be flushed before the first write in some runs only.
              () => this.#settled(),
              () => this.#write([put("a")]),
              async () => (await client.checkpoint()) !== undefined,
            ];
      for (const step of [...steps, () => this.#readAll(), () => this.#settled()]) {
        if (!(await this.#sealed()) || !(await step())) return "cut off";
      }
      return "complete";
    } catch (error) {
      // The server may be gone before the connection was made.
      if ((error as { code?: string }).code === "ECONNREFUSED" || /did not say hello/.test(String(error)))
        return "cut off";
      throw error;
    }
  }

  /** Nobody asks for anything any more. */
  end(): void {
    this.#isOver = true;
    void this.#client?.close();
  }

  readonly put = (key: string, valueBytes = 40, ifVersion?: number): SizedOperation => {
    return { key, type: "put", tag: this.#store.tags.nextTag++, ifVersion, valueBytes };
  };

  readonly remove = (key: string): SizedOperation => ({ key, type: "delete", tag: 0, valueBytes: 0 });

  async #write(given: readonly SizedOperation[]): Promise<boolean> {
    const { oracle, tags } = this.#store;
    let operations = given;
    while (!this.#isOver) {
      const isBatch = operations.length > 1;
      const write = oracle.send(0, operations, isBatch);
      const answer = await this.#client!.write(operations, isBatch);
      if (answer.kind === "unknown") return false;
      if (answer.kind === "written") {
        oracle.acknowledged(write, answer.version);
        this.vouchedSeq = Math.max(this.vouchedSeq, answer.version);
        return true;
      }
      if (answer.kind === "conflict") {
        oracle.conflicted(write, answer.operationIndex, answer.actualVersion);
        this.vouchedSeq = Math.max(this.vouchedSeq, answer.actualVersion);
        return true;
      }
      oracle.refused(write);
      this.refusals.push({ status: answer.status, reason: answer.reason });
      await Bun.sleep(attemptPauseMs);
      // A value that was refused is never seen: what is sent anew is another one.
      operations = operations.map(({ tag, ...rest }) => ({ ...rest, tag: tag && tags.nextTag++ }));
    }
    return false;
  }

  async #readAll(): Promise<boolean> {
    const { oracle } = this.#store;
    const since = oracle.beginRead();
    const entries = await this.#client!.scanAll({});
    if (entries === undefined) return false;
    const page = new Map<string, Seen | undefined>(keys.map((key) => [key, undefined]));
    for (const [key, seen] of entries) page.set(key, seen);
    oracle.sawPage(since, page);
    return true;
  }

  /** Waits for the seal behind the last group: it comes by the clock, and else would be there in some runs only. */
  async #sealed(): Promise<boolean> {
    const { dataDirectory, sealPatienceMs } = this.#store;
    const givesUpMs = performance.now() + sealPatienceMs;
    const outcome = await eventually("the log is sealed", async () => {
      const stats = this.#isOver ? undefined : await this.#client!.statsIfAnswered();
      if (stats === undefined) return "cut off";
      return (endsWithSeal(dataDirectory) || performance.now() > givesUpMs) && "sealed";
    });
    return outcome === "sealed";
  }

  /** Waits until nothing is left to be flushed, and nothing of what was merged: files go after their last reader. */
  async #settled(): Promise<boolean> {
    const { dataDirectory } = this.#store;
    const outcome = await eventually("what was merged is deleted", async () => {
      const stats = this.#isOver ? undefined : await this.#client!.statsIfAnswered();
      if (stats === undefined) return "cut off";
      const { segments, tables, pendingFlushes, compactionPending } = stats.store;
      const isSettled =
        pendingFlushes === 0 &&
        !compactionPending &&
        count(dataDirectory, "wal", ".wal") === segments &&
        count(dataDirectory, "tables", "") === tables;
      return isSettled && "settled";
    });
    return outcome === "settled";
  }
}

const keys = ["a", "b", "c", "d", "e", "f"];
const attemptPauseMs = 10;

function count(dataDirectory: string, folder: string, ending: string): number {
  return readdirSync(join(dataDirectory, folder)).filter((name) => name.endsWith(ending)).length;
}

function endsWithSeal(dataDirectory: string): boolean {
  const last = readFileSync(join(dataDirectory, "wal", segmentNamesOf(dataDirectory).at(-1)!));
  const decoded = decodeSegmentHeader(last);
  if ("problem" in decoded) return false;
  const { groupCount, recordsEnd, end } = walkSegment(last, decoded.header, decoded.checksum);
  return groupCount === 0 || recordsEnd < end;
}
