import type { Memtable } from "../memtable/memtable.ts";
import type { MemtableCursor } from "../memtable/memtable-cursor.ts";
import type { FlushJob, JobResult } from "./job.ts";
import type { JobWorld } from "./job-world.ts";
import { replaySegment, type ReplayedSegment } from "./sealed-segment.ts";
import { TableOutputs } from "./table-outputs.ts";
import { VersionStripes } from "./version-stripes.ts";

/**
 * Makes level-0 tables of a sealed segment: what a start would replay from it, sorted. Overwritten versions stay
 * only where a snapshot sees them, tombstones always: older tables may hold their keys.
 */
export async function runFlush(world: JobWorld, job: FlushJob): Promise<JobResult> {
  const startMs = world.clock.monotonicMs();
  const { gate, spareBuffers } = world;
  const { segment } = job;
  const outputs = new TableOutputs(world, job, segment.firstSeq, false);
  const stripes = new VersionStripes(job.snapshots);
  const buffer = spareBuffers.take(segment.bytes);
  if (job.isUrgent) gate.enter();
  try {
    const bytes = buffer.subarray(0, segment.bytes);
    const replayed = replaySegment(world.fileSystem, segment, job, stripes.snapshotMax, bytes);
    const flush = new Flush(outputs, stripes, replayed);
    for (let stop = flush.run(); stop !== "end"; stop = flush.run()) {
      if (stop === "table") await outputs.endTable();
      await outputs.endChunk();
    }
    const tables = await outputs.publish();
    return {
      tables,
      bytesRead: segment.bytes,
      bytesWritten: outputs.bytesWritten,
      entriesIn: replayed.operationCount,
      entriesOut: outputs.entryCount,
      droppedVersions: replayed.operationCount - outputs.entryCount,
      droppedTombstones: 0,
      durationMs: world.clock.monotonicMs() - startMs,
    };
  } catch (error) {
    outputs.discard();
    throw error;
  } finally {
    spareBuffers.giveBack(buffer);
    if (job.isUrgent) gate.leave();
  }
}

/** The part that runs from one stop to the next without waiting for anything. */
class Flush {
  readonly #outputs: TableOutputs;
  readonly #stripes: VersionStripes;
  readonly #memtable: Memtable;
  readonly #cursor: MemtableCursor;
  #hasEntry: boolean;
  /** Entries whose keys were touched already; those from `next` on are still to be added. */
  readonly #touched = new Int32Array(touchedAhead);
  #touchedCount = 0;
  #next = 0;
  #touchSum = 0;

  constructor(outputs: TableOutputs, stripes: VersionStripes, { memtable }: ReplayedSegment) {
    this.#outputs = outputs;
    this.#stripes = stripes;
    this.#memtable = memtable;
    this.#cursor = memtable.cursor();
    this.#hasEntry = this.#cursor.seekStart(false);
  }

  /** Goes on until a chunk or a table is to be ended, or all is written. */
  run(): "chunk" | "table" | "end" {
    const outputs = this.#outputs;
    while (this.#next < this.#touchedCount || this.#touchAhead()) {
      if (outputs.isTableFull) return "table";
      this.#addVersions(this.#touched[this.#next++]!);
      if (outputs.isChunkFull) return "chunk";
    }
    return "end";
  }

  /**
   * In the order of their keys the records lie anywhere in 32 MiB, and each costs a wait for memory. Touched in a row,
   * with nothing that depends on what is read, they wait at the same time. Whether there are more entries.
   */
  #touchAhead(): boolean {
    const touched = this.#touched;
    const memtable = this.#memtable;
    const { bytes } = memtable;
    const cursor = this.#cursor;
    let count = 0;
    let sum = 0;
    while (this.#hasEntry && count < touchedAhead) {
      const { entry } = cursor;
      touched[count++] = entry;
      const at = memtable.keyStart(entry);
      // The line of the key, and the next one, where most of a small value is.
      sum += bytes[at]! + (bytes[at + cacheLineBytes] ?? 0);
      this.#hasEntry = cursor.next();
    }
    // Kept, so that nobody finds the reading superfluous.
    this.#touchSum = (this.#touchSum + sum) | 0;
    this.#touchedCount = count;
    this.#next = 0;
    return count > 0;
  }

  /** Of the versions of a key, newest first, the newest of each stripe. */
  #addVersions(newest: number): void {
    const memtable = this.#memtable;
    const { bytes } = memtable;
    let stripeBefore = -1;
    for (let entry = newest; entry !== -1; entry = memtable.older(entry)) {
      const version = memtable.version(entry);
      const stripe = this.#stripes.of(version);
      if (stripe === stripeBefore) continue;
      stripeBefore = stripe;
      this.#outputs.writer.add(
        bytes,
        memtable.keyStart(entry),
        memtable.keyEnd(entry),
        version,
        memtable.isTombstone(entry),
        bytes,
        memtable.valueStart(entry),
        memtable.valueEnd(entry),
      );
    }
  }
}

/** What fits into the innermost cache together with the blocks that are being written. */
const touchedAhead = 64;
const cacheLineBytes = 64;
