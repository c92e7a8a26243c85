import { join } from "node:path";
import { tableNumbersFor, type FlushJob } from "../compaction/job.ts";
import type { HoldfastError } from "../lib/errors.ts";
import { segmentName } from "../wal/directory.ts";
import type { LogWriter } from "../wal/log-writer.ts";
import type { SegmentSpan } from "../wal/segment-span.ts";
import { BackgroundLoop, type BackgroundParts } from "./background.ts";
import type { MemtableStack } from "./memtable-stack.ts";
import { reachOf } from "./reach-notes.ts";

/**
 * Turns sealed segments into tables of level 0, one by one, the oldest first:
 *
 *   1. a job reads the segment's file again, writes its table, reads that again, and gives it its name;
 *   2. the manifest gets the table and, in the same edit, the seq up to which everything is in tables now;
 *   3. readers go over from the memtable to the table, in one turn;
 *   4. the log's floor rises to that seq, durably, and then the segment's file goes.
 *
 * A crash between any two of these loses nothing: before 2 the table is a stray, and the log still has the records;
 * after 2 the log's records up to the covered seq are passed over, for the tables have them.
 */
export class Flusher extends BackgroundLoop {
  readonly #log: LogWriter;
  readonly #memtables: MemtableStack;
  readonly #recycle: (image: Buffer) => void;
  readonly #compact: () => void;
  readonly #waiting: SegmentSpan[] = [];
  readonly #waiters: { seq: number; resolve: () => void; reject: (reason: HoldfastError) => void }[] = [];
  /** Nothing will be flushed any more. */
  #abandoned: HoldfastError | undefined;
  flushes = 0;
  bytesWritten = 0;

  constructor(
    parts: BackgroundParts,
    own: {
      log: LogWriter;
      memtables: MemtableStack;
      /** Gets the bytes of a memtable that is a table now. */
      recycle: (image: Buffer) => void;
      /** There may be something to compact. */
      compact: () => void;
    },
  ) {
    super(parts);
    this.#log = own.log;
    this.#memtables = own.memtables;
    this.#recycle = own.recycle;
    this.#compact = own.compact;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** A segment is complete: its memtable can become a table. */
  sealed(segment: SegmentSpan): void {
    this.#waiting.push(segment);
    this.#weigh();
    this.wake();
  }

  /** Resolves when everything up to `seq` is in tables. */
  reach(seq: number): Promise<void> {
    if (this.#abandoned !== undefined) return Promise.reject(this.#abandoned);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ seq, resolve, reject });
    this.#tell();
    return promise;
  }

  /** Whoever waits will wait in vain. */
  abandon(reason: HoldfastError): void {
    this.#abandoned ??= reason;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  protected async step(): Promise<boolean> {
    const segment = this.#waiting[0];
    if (segment === undefined) return false;
    const { runner, tables } = this.parts;
    // No headroom is left for the log here: when the table is there, the segment goes, and more is free than before.
    // The manifest may have to be written anew for it.
    const bytesNeeded = flushedBytesMax(segment.bytes) + 2 * tables.manifestBytes;
    if (!(await this.room(bytesNeeded))) return false;
    this.parts.assertInPlace();
    const { tables: added, bytesWritten, durationMs } = await runner.run(this.#job(segment));
    this.parts.pressure.flushed(segment.bytes, durationMs);
    this.bytesWritten += bytesWritten;
    await tables.change(
      () => ({
        added: added.map((summary) => ({ ...summary, level: 0 })),
        removed: [],
        coveredSeq: segment.lastSeq,
        ...reachOf(this.#log),
      }),
      () => {
        this.#recycle(this.#memtables.dropOldest(segment.number));
        this.#waiting.shift();
        this.#weigh();
      },
    );
    this.flushes++;
    this.#tell();
    this.#compact();
    await this.#log.truncate(segment.lastSeq);
    return true;
  }

  #job(segment: SegmentSpan): FlushJob {
    const { number, firstSeq, lastSeq, bytes } = segment;
    const path = join(this.#log.directory, segmentName(number));
    const tableNumbersMax = tableNumbersFor(flushedBytesMax(bytes), this.parts.tableBytesMax);
    // One or two that wait are the normal state under load, and a merge goes on beside their flush: else it would
    // stand still for as long as the load lasts.
    const isUrgent = this.#waiting.length > 2;
    const output = this.output(tableNumbersMax, 0);
    return {
      kind: "flush",
      ...output,
      isUrgent,
      bytesPerSecondMax: isUrgent ? 0 : output.bytesPerSecondMax,
      segment: { path, number, firstSeq, lastSeq, bytes },
    };
  }

  #tell(): void {
    const { coveredSeq } = this.parts.tables;
    for (let index = this.#waiters.length - 1; index >= 0; index--) {
      if (this.#waiters[index]!.seq <= coveredSeq) this.#waiters.splice(index, 1)[0]!.resolve();
    }
  }

  #weigh(): void {
    const { pressure, tables } = this.parts;
    pressure.memtablesWaiting = this.#waiting.length;
    pressure.levelZeroTables = tables.set.levels[0]?.length ?? 0;
    pressure.reservedBytes = this.#waiting.reduce((sum, { bytes }) => sum + flushedBytesMax(bytes), 0);
  }
}

/** A table has what the segment has, less the headers of records and more of its own. */
function flushedBytesMax(segmentBytes: number): number {
  return Math.ceil(segmentBytes * 1.25) + 64 * 1024;
}
