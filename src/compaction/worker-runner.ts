import type { Clock, Timer } from "../lib/clock.ts";
import { jobRunnerCloseMsMax } from "../lib/limits.ts";
import { JobCancelledError, JobFailedError, jobErrorFrom, type JobError } from "./errors.ts";
import type { Job, JobResult } from "./job.ts";
import type { JobRunner, RunnerMemory } from "./job-runner.ts";
import { jobToSend, type FromWorker, type ToWorker } from "./worker-messages.ts";

/**
 * Runs jobs on a thread of their own, on the real disk. Nothing is shared with it: a job names files, and its result
 * names files. The thread is started by `prepare`, or with the first job, and a new one if it died.
 *
 * While jobs run they keep the process alive, because somebody awaits them; an idle runner does not.
 */
export class WorkerRunner implements JobRunner {
  // Invariant: jobs are pending only while there is a worker, which has all of them.
  memory: RunnerMemory | undefined;
  readonly #clock: Clock;
  readonly #script: string;
  readonly #pending = new Map<number, PromiseWithResolvers<JobResult>>();
  #worker: Worker | undefined;
  #lastId = 0;
  #closed = false;

  /** `script` is what the thread runs. */
  constructor(clock: Clock, script = new URL("./worker.ts", import.meta.url).href) {
    this.#clock = clock;
    this.#script = script;
  }

  run(job: Job): Promise<JobResult> {
    if (this.#closed)
      return Promise.reject(new JobCancelledError("Cannot run the job: its runner is closed"));
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<JobResult>();
    this.#pending.set(id, pending);
    worker.ref();
    worker.postMessage({ kind: "run", id, job: jobToSend(job) } satisfies ToWorker);
    return pending.promise;
  }

  prepare(): void {
    if (this.#closed || this.#worker !== undefined) return;
    this.#worker = this.#start();
    this.#worker.unref();
  }

  async cancelAll(): Promise<void> {
    this.#worker?.postMessage({ kind: "cancel" } satisfies ToWorker);
    await Promise.allSettled([...this.#pending.values()].map(({ promise }) => promise));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    if (worker === undefined) return;
    await this.#within(jobRunnerCloseMsMax, this.cancelAll());
    if (this.#worker !== worker) return;
    // A thread that hangs in a call to the disk may take as long as it likes to go, and nobody waits for it.
    const gone = new Promise<void>((resolve) => worker.addEventListener("close", () => resolve()));
    worker.terminate();
    this.#settleAll(new JobCancelledError("Cannot finish the job: its runner was closed"));
    await this.#within(jobRunnerCloseMsMax, gone);
  }

  #start(): Worker {
    const worker = new Worker(this.#script, { name: "holdfast tables" });
    worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => this.#answered(data));
    worker.addEventListener("error", (event) => this.#died(worker, event.message));
    worker.addEventListener("close", () => this.#died(worker, "it ended"));
    return worker;
  }

  #answered(answer: FromWorker): void {
    this.memory = answer.memory;
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#worker?.unref();
    if (answer.kind === "done") pending?.resolve(answer.result);
    else pending?.reject(jobErrorFrom(answer.error));
  }

  /** An error outside of any job, or an end that nobody asked for: what its jobs had done is not known any more. */
  #died(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    worker.terminate();
    this.#settleAll(
      new JobFailedError("JOB_RUNNER_FAILED", `Cannot finish the job: its thread failed: ${reason}`, {}),
    );
  }

  #settleAll(error: JobError): void {
    this.#worker = undefined;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }

  async #within(msMax: number, work: Promise<unknown>): Promise<void> {
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => (timer = this.#clock.schedule(msMax, resolve, true)));
    await Promise.race([work, late]);
    timer?.cancel();
  }
}
