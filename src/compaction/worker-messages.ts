import type { JobErrorDescription } from "./errors.ts";
import type { Job, JobOutput, JobResult } from "./job.ts";
import type { RunnerMemory } from "./job-runner.ts";
import type { KeyRange } from "./levels.ts";

/** What a worker runner tells its worker. */
export type ToWorker = { kind: "run"; id: number; job: Job } | { kind: "cancel" };

/** What the worker answers: once for each job. */
export type FromWorker = { id: number; memory: RunnerMemory } & (
  { kind: "done"; result: JobResult } | { kind: "failed"; error: JobErrorDescription }
);

/**
 * The job without anything that is not needed, and with bytes of its own: a message takes along the whole buffer
 * that a view looks into.
 */
export function jobToSend(job: Job): Job {
  const output: JobOutput = { ...job, storeId: new Uint8Array(job.storeId), snapshots: [...job.snapshots] };
  if (job.kind === "flush") {
    return { ...output, kind: job.kind, isUrgent: job.isUrgent, segment: { ...job.segment } };
  }
  return {
    ...output,
    kind: job.kind,
    runs: job.runs.map((run) =>
      run.map(({ number, bytes, versionMin, ...range }) => ({
        number,
        bytes,
        versionMin,
        ...rangeToSend(range),
      })),
    ),
    deeper: job.deeper.map((ranges) => ranges.map(rangeToSend)),
    grandparents: job.grandparents.map(({ bytes, ...range }) => ({ bytes, ...rangeToSend(range) })),
    grandparentBytesMax: job.grandparentBytesMax,
  };
}

function rangeToSend({ firstKey, lastKey }: KeyRange): KeyRange {
  return { firstKey: new Uint8Array(firstKey), lastKey: new Uint8Array(lastKey) };
}
