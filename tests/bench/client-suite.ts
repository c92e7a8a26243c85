import { join } from "node:path";
import { killAtExit } from "./bench-directory.ts";
import type { Answer, Order } from "./client-fixture.ts";
import { inRounds } from "./in-rounds.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import type { LoadResult, LoadSecond } from "./load.ts";
import { measure, seriesOf, type Measured } from "./measurement.ts";
import { printCase } from "./print-case.ts";
import { ratioOf, type Ratio } from "./results.ts";
import { startHoldfast, startRedis, type Subject } from "./subjects.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";

/** The typed client beside Bun's own client of Redis: calls that each wait for their answer, from one process. */
const cases = (["put", "get"] as const).flatMap((operation) =>
  [
    { inFlight: 1, goal: 1.3 },
    { inFlight: 100, goal: 1.5 },
    { inFlight: 1000, goal: 1.5 },
  ].map(({ inFlight, goal }) => {
    const calls = inFlight === 1 ? "1 call" : `${inFlight.toLocaleString("en")} calls`;
    return { name: `${operation}, ${calls} in flight`, operation, inFlight, goal };
  }),
);
const suite = "client";
const entryCount = 1_000_000;

export async function runClientSuite(options: SuiteOptions): Promise<SuiteResults> {
  const wantedCases = cases.filter(({ name }) => isWanted(name, options));
  if (wantedCases.length === 0) return { rows: [], ratios: [], goals: [], series: [] };
  await using holdfast = await startHoldfast(options);
  await using redis = await startRedis(options);
  await using callers = new AsyncDisposableStack();
  const pairs: { subject: Subject; caller: Caller }[] = [];
  for (const subject of [holdfast, redis]) {
    if (subject === undefined) continue;
    const caller = callers.use(new Caller());
    const startedAtMs = performance.now();
    const client = subject === holdfast ? "holdfast" : "redis";
    await caller.ask({ type: "open", client, port: subject.port, entryCount });
    const seconds = (performance.now() - startedAtMs) / 1000;
    console.log(
      `${subject.name}: ${entryCount.toLocaleString("en")} entries put through its client in ${seconds.toFixed(1)} s`,
    );
    pairs.push({ subject, caller });
  }

  const measured: Measured[] = [];
  const ratios: Ratio[] = [];
  let stamp = 0;
  for (const { name, operation, inFlight, goal } of wantedCases) {
    await inRounds(options.rounds, pairs, async ({ subject, caller }, round) => {
      for (const pair of pairs) await pair.subject.settle();
      const { seconds } = options;
      const order = { type: "run", operation, inFlight, stamp: ++stamp, seed: round + 1 } as const;
      const measurement = { suite, case: name, subject, round, seconds, generatorPid: caller.pid };
      const run = (onSecond: (second: LoadSecond) => void) =>
        caller.ask({ ...order, measureMs: seconds * 1000 }, onSecond);
      measured.push(await measure(measurement, run));
    });
    const rows = measured.map(({ row }) => row).filter((row) => row.case === name);
    const wanted = { suite, case: name, against: "redis", what: "rate", goal, relation: ">=" } as const;
    const ratio = ratioOf(rows, { ...wanted, subject: "holdfast" });
    printCase(rows, [ratio]);
    if (ratio !== undefined) ratios.push(ratio);
  }
  return { rows: measured.map(({ row }) => row), ratios, goals: [], series: seriesOf(measured) };
}

/** The process that calls a client. */
class Caller implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #keep: () => void;
  #onAnswer: (answer: Answer) => void = () => {};

  constructor() {
    this.#child = Bun.spawn([process.execPath, join(import.meta.dir, "client-fixture.ts")], {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (answer: Answer) => this.#onAnswer(answer),
      onExit: (_, code) =>
        this.#onAnswer({ type: "failed", message: `the process of a client ended with ${code}` }),
    });
    this.#keep = killAtExit(this.#child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  ask(order: Order, onSecond: (second: LoadSecond) => void = () => {}): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = (answer) => {
        if (answer.type === "second") onSecond(answer.second);
        else if (answer.type === "failed") reject(new Error(answer.message));
        else {
          const latencies = new LatencyHistogram();
          if (answer.type === "ran") latencies.addParts(answer.latencies);
          const opsPerSec = answer.type === "ran" ? answer.opsPerSec : 0;
          resolve({ opsPerSec, latencies, missing: 0, acknowledged: [] });
        }
      };
      this.#child.send(order);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#keep();
  }
}
