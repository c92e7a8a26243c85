import { JobCancelledError, JobDiskFullError } from "../compaction/errors.ts";
import type { JobOutput } from "../compaction/job.ts";
import type { JobRunner } from "../compaction/job-runner.ts";
import type { Clock } from "../lib/clock.ts";
import { jobBytesPerSecondMax, roomRetryMs } from "../lib/limits.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import type { BackPressure } from "./back-pressure.ts";
import type { Snapshots } from "./snapshots.ts";
import type { TableStore } from "./table-store.ts";

/** What flushes and compactions work with. */
export interface BackgroundParts {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly tables: TableStore;
  readonly snapshots: Snapshots;
  readonly runner: JobRunner;
  readonly pressure: BackPressure;
  readonly tableBytesMax: number;
  /** What level 1 may hold; each deeper one ten times as much. */
  readonly levelBytesBase: number;
  /** What stays free for the log, whatever happens here. */
  readonly diskHeadroomBytes: number;
  /** Throws unless the directory is still where it was opened: files are named by their path. */
  assertInPlace(): void;
  /** A fault of the disk, or a bug: the store cannot go on. */
  failed(error: unknown): void;
}

/**
 * One line of background work: it runs while there is something to do, waits while the disk is full, and ends with
 * the store. What goes wrong in any other way is a fault, and the store stops.
 */
export abstract class BackgroundLoop {
  protected readonly parts: BackgroundParts;
  /** The disk has no room for what should be done next. */
  isBlocked = false;
  /** Whoever wakes it while this is true will be heard. The promise of the run ends a little later. */
  isRunning = false;
  #wasWoken = false;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #wakeUp: (() => void) | undefined;

  constructor(parts: BackgroundParts) {
    this.parts = parts;
  }

  /** Does one piece of work; false if there was none. */
  protected abstract step(): Promise<boolean>;

  /** What every job is told of where its tables go. */
  protected output(tableNumbersMax: number, diskFreeBytesMin: number): JobOutput {
    const { snapshots, tables, tableBytesMax } = this.parts;
    const { storeId, hashSeed } = tables.state;
    return {
      directory: tables.directory,
      storeId,
      hashSeed,
      firstTableNumber: tables.reserveNumbers(tableNumbersMax),
      tableNumbersMax,
      tableBytesMax,
      snapshots: snapshots.seqs,
      bytesPerSecondMax: jobBytesPerSecondMax,
      diskFreeBytesMin,
    };
  }

  /** Everything is done that was to be done. */
  protected idle(): void {}

  protected get isStopped(): boolean {
    return this.#isStopped;
  }

  /** There may be something to do. */
  wake(): void {
    this.#wasWoken = true;
    if (this.#isStopped || this.isRunning) return;
    this.isRunning = true;
    this.#running = this.#run();
  }

  /** Resolves when the piece of work at hand has ended. The runner was told to end its jobs before. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wakeUp?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#wasWoken = false;
      try {
        if ((await this.step()) || this.#wasWoken) continue;
        this.isBlocked = false;
        break;
      } catch (error) {
        if (this.#isStopped || error instanceof JobCancelledError) break;
        if (!(error instanceof JobDiskFullError)) return this.#fail(error);
        await this.#waitForRoom();
      }
    }
    this.isRunning = false;
    if (!this.#isStopped) this.idle();
  }

  #fail(error: unknown): void {
    this.#isStopped = true;
    this.parts.failed(error);
  }

  /** Waits until the disk has so much to spare beside the headroom. False: the store is closing. */
  protected async room(bytesNeeded: number): Promise<boolean> {
    const { fileSystem, tables } = this.parts;
    while (!this.#isStopped && fileSystem.freeBytes(tables.directory) < bytesNeeded)
      await this.#waitForRoom();
    this.isBlocked = false;
    return !this.#isStopped;
  }

  async #waitForRoom(): Promise<void> {
    this.isBlocked = true;
    await new Promise<void>((resolve) => {
      const timer = this.parts.clock.schedule(roomRetryMs, resolve);
      this.#wakeUp = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }
}
