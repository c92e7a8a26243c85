import type { Timer } from "../lib/clock.ts";
import { reachNoteMs } from "../lib/limits.ts";
import type { LogReach } from "../manifest/manifest-state.ts";
import type { LogWriter } from "../wal/log-writer.ts";
import type { BackgroundParts } from "./background.ts";

/** How far the log has come, durably, which never goes back. Every edit of the manifest says it. */
export function reachOf(log: LogWriter): LogReach {
  return { segmentNumber: log.active.number, durableSeq: log.durableSeq };
}

/**
 * Has the manifest note how far the log has come, once the log has stood still for one to two times `reachNoteMs`.
 *
 * A seal vouches for the last group, but it lies right behind it, mostly in the same sector: damage that takes both
 * looks like a write that a crash tore, and so does a file that was cut short. The manifest lies elsewhere. From its
 * note on a start refuses a log that ends before it, instead of going on without what was acknowledged.
 *
 * Under load nothing is written for it: every flush, every merge and every start notes the same.
 */
export class ReachNotes {
  readonly #parts: BackgroundParts;
  readonly #log: LogWriter;
  #timer: Timer | undefined;
  /** Notes are written one after the other; the last of them. */
  #writing: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: BackgroundParts, log: LogWriter) {
    this.#parts = parts;
    this.#log = log;
  }

  /** The log has come further. Called with every group, so it costs next to nothing. */
  advanced(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    // A seal tells nothing new.
    if (this.#log.durableSeq > this.#parts.tables.state.durableSeq) this.#watch();
  }

  /** Notes how far the log has come now. Not where the disk is nearly full: the log itself is whole without. */
  async note(): Promise<void> {
    const { tables, fileSystem, diskHeadroomBytes } = this.#parts;
    const bytesNeeded = diskHeadroomBytes + 2 * tables.manifestBytes;
    if (fileSystem.freeBytes(tables.directory) < bytesNeeded) return;
    await tables.noteReach(() => reachOf(this.#log));
  }

  /** Resolves when no edit of the manifest is under way for it any more, and none will be. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#writing;
  }

  #watch(): void {
    const { durableSeq } = this.#log;
    this.#timer = this.#parts.clock.schedule(reachNoteMs, () => {
      this.#timer = undefined;
      if (this.#log.stopped !== undefined) return;
      if (this.#log.durableSeq > durableSeq) return this.#watch();
      this.#writing = this.#writing
        .then(() => this.note())
        // Whatever was written meanwhile, and what could not be noted for want of room.
        .then(() => this.advanced(), this.#parts.failed);
    });
  }
}
