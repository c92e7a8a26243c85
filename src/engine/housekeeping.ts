import type { Timer } from "../lib/clock.ts";
import type { HoldfastError } from "../lib/errors.ts";
import type { LogWriter } from "../wal/log-writer.ts";
import type { SegmentSpan } from "../wal/segment-span.ts";
import type { BackgroundParts } from "./background.ts";
import { Compactor } from "./compactor.ts";
import { Flusher } from "./flusher.ts";
import type { MemtableStack } from "./memtable-stack.ts";
import { ReachNotes } from "./reach-notes.ts";

export interface HousekeepingOptions {
  parts: BackgroundParts;
  log: LogWriter;
  memtables: MemtableStack;
  checkpointIntervalMs: number;
  recycle: (image: Buffer) => void;
}

/**
 * All that happens behind the requests: flushes, compactions, notes of how far the log has come, and checkpoints, which
 * are flushes that somebody asked for, or that the clock did.
 */
export class Housekeeping {
  readonly #parts: BackgroundParts;
  readonly #log: LogWriter;
  readonly #memtables: MemtableStack;
  readonly #flusher: Flusher;
  readonly #compactor: Compactor;
  readonly #notes: ReachNotes;
  readonly #checkpointIntervalMs: number;
  #timer: Timer | undefined;
  #checkpoints = 0;

  constructor(options: HousekeepingOptions) {
    const { parts, log, memtables, recycle } = options;
    this.#parts = parts;
    this.#log = log;
    this.#memtables = memtables;
    this.#checkpointIntervalMs = options.checkpointIntervalMs;
    this.#compactor = new Compactor(parts, log);
    const compact = () => this.#compactor.wake();
    this.#notes = new ReachNotes(parts, log);
    this.#flusher = new Flusher(parts, { log, memtables, recycle, compact });
  }

  /** Takes up what the last run of the store left: sealed segments that no table holds, unmerged tables. */
  start(): void {
    this.#parts.runner.prepare();
    const { coveredSeq } = this.#parts.tables;
    for (const segment of this.#log.sealed) {
      // One without a record has no memtable either, and goes with the segment before it.
      const isEmpty = segment.lastSeq < segment.firstSeq;
      if (segment.lastSeq > coveredSeq && !isEmpty) this.#flusher.sealed(segment);
    }
    // A crash may have come between the manifest's edit and the end of the segments that it covers.
    if (this.#log.sealed.some(({ lastSeq }) => lastSeq <= coveredSeq)) {
      this.#log.truncate(coveredSeq).catch((error) => this.#parts.failed(error));
    }
    this.#compactor.wake();
    this.#watchAge();
  }

  /** The log has come further. */
  advanced(): void {
    this.#notes.advanced();
  }

  /** The log is closed: nothing comes behind what it has. */
  ended(): Promise<void> {
    return this.#notes.note();
  }

  sealed(segment: SegmentSpan): void {
    this.#flusher.sealed(segment);
  }

  /** So far behind that nothing more may come, and the disk has no room to catch up. */
  get isStuck(): boolean {
    const isBlocked = this.#flusher.isBlocked || this.#compactor.isBlocked;
    return isBlocked && this.#parts.pressure.pressure === 1;
  }

  /** Resolves when everything that was written before the call is in tables, with the seq up to which it is. */
  async checkpoint(): Promise<number> {
    const { newest } = this.#memtables;
    const { builder } = this.#log;
    const seq = newest.entryCount > 0 ? builder.appendedSeq : newest.seqBefore;
    if (newest.entryCount > 0) {
      this.#checkpoints++;
      builder.beginSegment(0);
      this.#log.wake();
    }
    await this.#flusher.reach(seq);
    return seq;
  }

  /** A checkpoint, and then everything is merged until each key is in one table only. */
  async compact(): Promise<void> {
    await this.#compactor.mergeAll(await this.checkpoint());
  }

  /** Ends what runs; it is taken up again by the next start. */
  async close(reason: HoldfastError): Promise<void> {
    this.#timer?.cancel();
    this.#parts.pressure.isReleased = true;
    this.#parts.snapshots.closeAll();
    this.abandon(reason);
    const { runner } = this.#parts;
    await Promise.all([this.#flusher.stop(), this.#compactor.stop(), this.#notes.stop(), runner.close()]);
  }

  /** Whoever waits for a checkpoint or a compaction waits in vain, and so does who comes later. */
  abandon(reason: HoldfastError): void {
    this.#flusher.abandon(reason);
    this.#compactor.abandon(reason);
  }

  stats(): Record<string, unknown> {
    const { pressure, tables, snapshots } = this.#parts;
    return {
      pendingFlushes: this.#flusher.waitingCount,
      // Until the files that went in are gone, too.
      compactionPending: this.#compactor.isPending || tables.doomedCount > 0,
      flushes: this.#flusher.flushes,
      compactions: this.#compactor.compactions,
      checkpoints: this.#checkpoints,
      checkpointSeq: tables.coveredSeq,
      tableBytesWritten: this.#flusher.bytesWritten + this.#compactor.bytesWritten,
      compactionBytesRead: this.#compactor.bytesRead,
      writesSlowedMs: Math.round(pressure.waitedMs),
      writesSlowed: pressure.waits,
      waitsForDisk: this.#flusher.isBlocked || this.#compactor.isBlocked,
      snapshots: snapshots.count,
    };
  }

  /** A memtable that was written to through a whole interval is old enough, however small it is. */
  #watchAge(): void {
    const { newest } = this.#memtables;
    const hadEntries = newest.entryCount > 0;
    this.#timer = this.#parts.clock.schedule(this.#checkpointIntervalMs, () => {
      if (hadEntries && this.#memtables.newest === newest && this.#log.stopped === undefined) {
        // Whatever keeps it from being done is told where it happens.
        this.checkpoint().catch(() => {});
      }
      this.#watchAge();
    });
  }
}
