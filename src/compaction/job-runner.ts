import type { Job, JobResult } from "./job.ts";
import { runFlush } from "./flush-job.ts";
import type { JobWorld } from "./job-world.ts";
import { runMerge } from "./merge-job.ts";

/**
 * Where jobs run. Each call of `run` begins its job at once, beside those that run already; usually one flush and
 * one merge, of which the flush goes first.
 */
export interface JobRunner {
  /** There will be jobs: what takes time to begin is begun now, and not when somebody waits for the first one. */
  prepare(): void;
  /** Rejects with a JobError (errors.ts), and with nothing else. */
  run(job: Job): Promise<JobResult>;
  /** Has all jobs end at their next chunk. Resolves when all have; each of their promises is settled by then. */
  cancelAll(): Promise<void>;
  /** The same, and then it takes no more jobs. Takes a bounded time, whatever the disk does. */
  close(): Promise<void>;
  /** What the runner's thread held when its last job ended; undefined before, and where it is the caller's own. */
  readonly memory: RunnerMemory | undefined;
}

export interface RunnerMemory {
  /** The heap of the thread. */
  heapBytes: number;
  /** Buffers that are kept for the next job. */
  spareBytes: number;
}

export function runJob(world: JobWorld, job: Job): Promise<JobResult> {
  return job.kind === "flush" ? runFlush(world, job) : runMerge(world, job);
}
