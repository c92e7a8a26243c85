import { systemClock } from "../lib/clock.ts";
import { lowerThreadPriority } from "../vfs/libc.ts";
import { realFileSystem } from "../vfs/real.ts";
import { describeError } from "./errors.ts";
import { InlineRunner } from "./inline-runner.ts";
import type { RunnerMemory } from "./job-runner.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** The other end of worker-runner.ts: a thread that runs jobs on the real disk, and nothing else. */
declare const self: Worker;

/**
 * Below everybody who answers requests, where they want the same processor: a quarter of its time against one of
 * them. A greater number would starve flushes, for which writers wait in the end.
 */
const niceness = 5;

lowerThreadPriority(niceness);
const runner = new InlineRunner(realFileSystem, systemClock);

// A table leaves some 10 MB of garbage, and a merge of 2 GiB makes 70 of them: the collector let 500 MB pile up. This
// takes 5 ms.
runner.onTableEnd = () => Bun.gc(true);

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "cancel") void runner.cancelAll();
  else void run(data.id, data.job);
};

async function run(id: number, job: (ToWorker & { kind: "run" })["job"]): Promise<void> {
  const outcome = await runner.run(job).then(
    (result) => ({ kind: "done", result }) as const,
    (error: unknown) => ({ kind: "failed", error: describeError(error) }) as const,
  );
  Bun.gc(true);
  postMessage({ ...outcome, id, memory: memory() } satisfies FromWorker);
}

function memory(): RunnerMemory {
  return { heapBytes: process.memoryUsage().heapUsed, spareBytes: runner.spareBytes };
}
