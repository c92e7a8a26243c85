import type { Clock } from "../lib/clock.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import type { PublishTurns } from "./publish-turns.ts";
import type { SpareBuffers } from "./spare-buffers.ts";

/** What a job is given beside its description. */
export interface JobWorld {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  /** Asked between chunks: whether the job is to end with a JobCancelledError. */
  cancelled(): boolean;
  readonly gate: FlushGate;
  readonly publishTurns: PublishTurns;
  readonly spareBuffers: SpareBuffers;
  /** A chunk of output ends when so many bytes wait to be written. */
  readonly chunkBytes: number;
  /** A table is whole: what it was made of is garbage now. */
  tableEnded(): void;
}

/**
 * After a chunk it is written and synced, others get their turn, and whether the job goes on is asked. Larger chunks
 * make the log beside it wait longer for its own syncs, smaller ones cost more of them.
 */
export const chunkBytesDefault = 256 * 1024;

/**
 * Lets flushes pass. Writers may soon wait for a flush, and nobody waits for a merge; so a merge on the same thread
 * stands still at the end of its chunk for as long as an urgent flush runs.
 */
export class FlushGate {
  // Invariant: nobody waits unless a flush runs.
  #flushes = 0;
  #waiting: (() => void)[] = [];

  /** A flush begins. */
  enter(): void {
    this.#flushes++;
  }

  /** A flush has ended, well or not. */
  leave(): void {
    if (--this.#flushes > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when no flush runs. */
  async passed(): Promise<void> {
    while (this.#flushes > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
