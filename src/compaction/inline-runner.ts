import type { Clock } from "../lib/clock.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { describeError, jobErrorFrom, JobCancelledError } from "./errors.ts";
import type { Job, JobResult } from "./job.ts";
import { runJob, type JobRunner } from "./job-runner.ts";
import { chunkBytesDefault, FlushGate } from "./job-world.ts";
import { PublishTurns } from "./publish-turns.ts";
import { SpareBuffers } from "./spare-buffers.ts";

/**
 * Runs jobs on the caller's own thread, a chunk at a time: for tests, and for file systems that other threads can't
 * reach. A merge holds up everything else for milliseconds at a time, and for longer when it verifies a table.
 */
export class InlineRunner implements JobRunner {
  readonly memory = undefined;
  readonly #fileSystem: FileSystem;
  readonly #clock: Clock;
  readonly #chunkBytes: number;
  /** Called after every table, for whoever looks after the thread's memory. */
  onTableEnd: () => void = () => {};
  readonly #gate = new FlushGate();
  readonly #publishTurns = new PublishTurns();
  readonly #spareBuffers = new SpareBuffers();
  readonly #running = new Set<Promise<unknown>>();
  /** One for all jobs that were begun since the last cancellation. */
  #cancellation = { isCancelled: false };
  #closed = false;

  constructor(fileSystem: FileSystem, clock: Clock, chunkBytes = chunkBytesDefault) {
    this.#fileSystem = fileSystem;
    this.#clock = clock;
    this.#chunkBytes = chunkBytes;
  }

  /** Buffers that are kept for the next job. */
  get spareBytes(): number {
    return this.#spareBuffers.memoryBytes;
  }

  prepare(): void {}

  run(job: Job): Promise<JobResult> {
    if (this.#closed)
      return Promise.reject(new JobCancelledError("Cannot run the job: its runner is closed"));
    const running = this.#run(job).finally(() => this.#running.delete(settled));
    const settled = running.catch(() => undefined);
    this.#running.add(settled);
    return running;
  }

  async cancelAll(): Promise<void> {
    this.#cancellation.isCancelled = true;
    this.#cancellation = { isCancelled: false };
    await Promise.all(this.#running);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.cancelAll();
  }

  async #run(job: Job): Promise<JobResult> {
    const cancellation = this.#cancellation;
    try {
      return await runJob(
        {
          fileSystem: this.#fileSystem,
          clock: this.#clock,
          cancelled: () => cancellation.isCancelled,
          gate: this.#gate,
          publishTurns: this.#publishTurns,
          spareBuffers: this.#spareBuffers,
          chunkBytes: this.#chunkBytes,
          tableEnded: () => this.onTableEnd(),
        },
        job,
      );
    } catch (error) {
      throw jobErrorFrom(describeError(error), error);
    }
  }
}
