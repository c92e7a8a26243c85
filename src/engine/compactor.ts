import {
  grandparentTablesMax,
  isSettled,
  pickCompaction,
  pickIdle,
  pickManual,
  type Compaction,
  type PolicyOptions,
} from "../compaction/compaction-policy.ts";
import { tableNumbersFor, type MergeJob } from "../compaction/job.ts";
import { bytesOf, levelsOf } from "../compaction/levels.ts";
import type { HoldfastError } from "../lib/errors.ts";
import type { Timer } from "../lib/clock.ts";
import { idleMergeMs, levelRatio, levelZeroTablesMax, tableLevelMax } from "../lib/limits.ts";
import type { TableEntry } from "../manifest/manifest-state.ts";
import type { LogWriter } from "../wal/log-writer.ts";
import { BackgroundLoop, type BackgroundParts } from "./background.ts";
import { reachOf } from "./reach-notes.ts";

/**
 * Merges tables down the levels, one compaction at a time, as the policy picks them. What goes in leaves the manifest
 * in the edit that adds what came out, so a crash leaves the one or the other, and both hold the same entries.
 */
export class Compactor extends BackgroundLoop {
  compactions = 0;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #log: LogWriter;
  /** For each level the last key of what was last picked there: others have their turn first. */
  readonly #cursors: (Uint8Array | undefined)[] = [];
  /** Nothing will be merged any more. */
  #abandoned: HoldfastError | undefined;
  /** Who asked for everything up to a seq to be merged, and waits for it. What comes later is not their affair. */
  #mergeThrough = 0;
  #idleTimer: Timer | undefined;
  /** What was newest when the timer was set, and the store is idle as long as it still is. */
  #newestThen = 0;
  #isIdle = false;
  #waiters: { resolve: () => void; reject: (reason: HoldfastError) => void }[] = [];

  constructor(parts: BackgroundParts, log: LogWriter) {
    super(parts);
    this.#log = log;
  }

  /** Whether anything is left to do for the sake of sizes, now or if nothing more is written. */
  get isPending(): boolean {
    const levels = this.#levels();
    const options = this.#options(false);
    return this.isRunning || !isSettled(levels, options) || pickIdle(levels, options) !== undefined;
  }

  /** Resolves when everything up to `seq`, which is in tables, is in one level. */
  mergeAll(seq: number): Promise<void> {
    if (this.#abandoned !== undefined) return Promise.reject(this.#abandoned);
    this.#mergeThrough = Math.max(this.#mergeThrough, seq);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ resolve, reject });
    this.wake();
    return promise;
  }

  /** Whoever waits will wait in vain. */
  abandon(reason: HoldfastError): void {
    this.#abandoned ??= reason;
    this.#idleTimer?.cancel();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  protected async step(): Promise<boolean> {
    const compaction = this.#pick();
    if (compaction === undefined) return false;
    if (compaction.isMove) await this.#change(compaction, [moved(compaction)]);
    else await this.#merge(compaction);
    this.#cursors[compaction.level] = compaction.inputs.at(-1)!.lastKey;
    this.compactions++;
    return true;
  }

  protected override idle(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
    this.#isIdle = false;
    if (pickIdle(this.#levels(), this.#options(false)) === undefined) return;
    this.#newestThen = this.parts.tables.coveredSeq;
    this.#idleTimer?.cancel();
    this.#idleTimer = this.parts.clock.schedule(idleMergeMs, () => {
      // Another flush has woken this loop, and set the timer anew.
      if (this.parts.tables.coveredSeq !== this.#newestThen) return;
      this.#isIdle = true;
      this.wake();
    });
  }

  override async stop(): Promise<void> {
    this.#idleTimer?.cancel();
    await super.stop();
  }

  /** Nothing was flushed since the store fell idle. */
  get #isStillIdle(): boolean {
    return this.#isIdle && this.parts.tables.coveredSeq === this.#newestThen;
  }

  #pick(): Compaction<TableEntry> | undefined {
    const levels = this.#levels();
    if (this.#waiters.length > 0) {
      const compaction = pickManual(levels, this.#options(true), this.#mergeThrough);
      if (compaction !== undefined) return compaction;
    }
    const options = this.#options(false);
    return (
      pickCompaction(levels, options, this.#cursors) ??
      (this.#isStillIdle ? pickIdle(levels, options) : undefined)
    );
  }

  async #merge(compaction: Compaction<TableEntry>): Promise<void> {
    const { runner, pressure, diskHeadroomBytes } = this.parts;
    const inputBytes = bytesOf(compaction.inputs) + bytesOf(compaction.overlapping);
    // What goes in is removed only once all that comes out is there, and the log must not run out of room meanwhile.
    const bytesKept = diskHeadroomBytes + pressure.reservedBytes;
    if (!(await this.room(inputBytes + bytesKept))) return;
    this.parts.assertInPlace();
    const result = await runner.run(this.#job(compaction, inputBytes, bytesKept));
    this.bytesRead += result.bytesRead;
    this.bytesWritten += result.bytesWritten;
    const level = compaction.outputLevel;
    const added = result.tables.map((summary) => ({ ...summary, level }));
    await this.#change(compaction, added);
  }

  #change(compaction: Compaction<TableEntry>, added: TableEntry[]): Promise<void> {
    const { pressure, tables } = this.parts;
    const removed = [...compaction.inputs, ...compaction.overlapping].map(({ number }) => number);
    return tables.change(
      () => ({ added, removed, coveredSeq: tables.coveredSeq, ...reachOf(this.#log) }),
      () => (pressure.levelZeroTables = tables.set.levels[0]?.length ?? 0),
    );
  }

  #job(compaction: Compaction<TableEntry>, inputBytes: number, bytesKept: number): MergeJob {
    const { level, inputs, overlapping, deeper, grandparents } = compaction;
    const { tableBytesMax } = this.parts;
    // Level 0 comes sorted by age, and its tables overlap; any other level is one run. Below both lies what is older.
    const upper = level === 0 ? inputs.map((table) => [table]) : [inputs];
    const tableNumbersMax = tableNumbersFor(inputBytes, tableBytesMax, grandparents.length);
    return {
      kind: "merge",
      ...this.output(tableNumbersMax, bytesKept),
      runs: overlapping.length === 0 ? upper : [...upper, overlapping],
      deeper,
      grandparents,
      grandparentBytesMax: grandparentTablesMax * tableBytesMax,
    };
  }

  #levels(): TableEntry[][] {
    return levelsOf(this.parts.tables.state.tables, levelsMax);
  }

  #options(isIdle: boolean): PolicyOptions {
    const { levelBytesBase, snapshots, tableBytesMax } = this.parts;
    const [oldestSnapshotSeq] = snapshots.seqs;
    return {
      levelZeroTablesMax,
      tableBytesMax,
      levelBytesBase,
      levelRatio,
      levelsMax,
      isIdle,
      ...(oldestSnapshotSeq === undefined ? {} : { oldestSnapshotSeq }),
    };
  }
}

const levelsMax = tableLevelMax + 1;

/** One input that overlaps nothing goes down as it is. */
function moved(compaction: Compaction<TableEntry>): TableEntry {
  return { ...compaction.inputs[0]!, level: compaction.outputLevel };
}
