import { join } from "node:path";
import { whyNoStrace } from "../support/strace.ts";
import { killAtExit } from "./bench-directory.ts";
import { closedLoop } from "./closed-loop.ts";
import { delayedSyncs } from "./delayed-syncs.ts";
import { inRounds } from "./in-rounds.ts";
import { uniformKeys } from "./key-source.ts";
import { measure, seriesOf, type Measured } from "./measurement.ts";
import { printCase } from "./print-case.ts";
import { ratioOf, type Latencies, type Ratio, type Row } from "./results.ts";
import type { GetLoad } from "./slow-disk-gets-fixture.ts";
import { checkStored, fillStore } from "./stored-entries.ts";
import { startHoldfast, startRedis, type Subject } from "./subjects.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";

const suite = "slow-disk";
const delaysMs = [1, 5];
const connections = 50;
const pipeline = 20;
const getsPerSecond = 1_000;
const entryCount = 1_000_000;
const valueBytes = 100;
const warmUpMs = 500;

const setCase = (delayMs: number) => `durable set, 1,000 in flight, syncs take ${delayMs} ms longer`;
const getCase = (delayMs: number) => `get meanwhile, 1,000/s, syncs take ${delayMs} ms longer`;

/** Durable sets, and gets beside them, where every sync takes longer: strace holds both subjects up alike. */
export async function runSlowDiskSuite(options: SuiteOptions): Promise<SuiteResults> {
  const bench = new SlowDiskBench(options);
  for (const delayMs of delaysMs) {
    if (!isWanted(setCase(delayMs), options) && !isWanted(getCase(delayMs), options)) continue;
    if (whyNoStrace === undefined) await bench.run(delayMs);
    else console.log(`${setCase(delayMs)}: skipped, because ${whyNoStrace}`);
  }
  return bench.results();
}

class SlowDiskBench {
  readonly #options: SuiteOptions;
  readonly #measured: Measured[] = [];
  readonly #getRows: Row[] = [];
  readonly #ratios: Ratio[] = [];
  #runs = 0;

  constructor(options: SuiteOptions) {
    this.#options = options;
  }

  results(): SuiteResults {
    return { rows: this.#rows, ratios: this.#ratios, goals: [], series: seriesOf(this.#measured) };
  }

  async run(delayMs: number): Promise<void> {
    const { rounds } = this.#options;
    const options = { ...this.#options, under: delayedSyncs(delayMs) };
    await using holdfast = await startHoldfast(options);
    await using redis = await startRedis(options);
    using _ = endWithoutTracer(redis);
    const subjects = redis === undefined ? [holdfast] : [holdfast, redis];
    for (const subject of subjects) {
      await fillStore(subject, entryCount, { valueBytes, stamp: 0 });
      await this.#assertDelayed(subject, delayMs);
    }
    await inRounds(rounds, subjects, async (subject, round) => {
      for (const each of subjects) await each.settle();
      await this.#round(subject, delayMs, round);
    });
    this.#conclude(setCase(delayMs), { what: "rate", goal: 2, relation: ">=" }, (row) => row.opsPerSec);
    this.#conclude(getCase(delayMs), { what: "p99", goal: 0.2, relation: "<=" }, (row) => row.p99Ms);
  }

  async #round(subject: Subject, delayMs: number, round: number): Promise<void> {
    const { seconds } = this.#options;
    const gets = this.#gets(subject, round);
    const stamp = ++this.#runs;
    const [measured, latencies] = await Promise.all([
      measure({ suite, case: setCase(delayMs), subject, round, seconds }, (onSecond) =>
        closedLoop({ ...setLoad(subject, round, stamp), pipeline, measureMs: seconds * 1000, onSecond }),
      ),
      gets,
    ]);
    await checkStored(subject, measured.result.acknowledged, { valueBytes, stamp });
    this.#measured.push(measured);
    this.#getRows.push({ ...measured.row, case: getCase(delayMs), ...latencies });
  }

  /** Begins a little later than the sets, and ends earlier. */
  async #gets({ port, dialect }: Subject, round: number): Promise<Latencies & { opsPerSec: number }> {
    const load: GetLoad = {
      port,
      dialect: dialect.name,
      entryCount,
      perSecond: getsPerSecond,
      warmUpMs: warmUpMs + 100,
      measureMs: this.#options.seconds * 1000 - 400,
      seed: 1_000 + round,
    };
    const path = join(import.meta.dir, "slow-disk-gets-fixture.ts");
    const child = Bun.spawn([process.execPath, path, JSON.stringify(load)], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const keep = killAtExit(child);
    const text = await child.stdout.text();
    keep();
    if ((await child.exited) !== 0) throw new Error("The gets failed");
    return JSON.parse(text);
  }

  /** A subject that made its writes durable by another call than those that are held up would win for nothing. */
  async #assertDelayed(subject: Subject, delayMs: number): Promise<void> {
    const one = { connections: 1, pipeline: 1, warmUpMs: 100, measureMs: 300 };
    const { latencies } = await closedLoop({ ...setLoad(subject, 0, ++this.#runs), ...one });
    const ms = latencies.percentileMs(0.1);
    if (ms < delayMs)
      throw new Error(
        `${subject.name} answers sets after ${ms} ms, though its syncs take ${delayMs} ms at least`,
      );
  }

  #conclude(
    name: string,
    wanted: Pick<Ratio, "what" | "goal" | "relation">,
    numberOf: (row: Row) => number,
  ): void {
    const named = { suite, case: name, subject: "holdfast", against: "redis" };
    const ratio = ratioOf(this.#rows, { ...named, ...wanted }, numberOf);
    if (ratio !== undefined) this.#ratios.push(ratio);
    printCase(
      this.#rows.filter((row) => row.case === name),
      [ratio],
    );
  }

  get #rows(): Row[] {
    return [...this.#measured.map(({ row }) => row), ...this.#getRows];
  }
}

function setLoad({ port, dialect }: Subject, round: number, stamp: number) {
  const keys = uniformKeys(entryCount, round + 1);
  return { port, dialect, connections, setPercent: 100, keys, valueBytes, stamp, warmUpMs };
}

/** Who is killed together with this process is the tracer, and a traced Redis would go on without it. */
function endWithoutTracer(redis: Subject | undefined): Disposable {
  const kill = () => redis !== undefined && process.kill(redis.pid, "SIGKILL");
  process.prependListener("exit", kill);
  return { [Symbol.dispose]: () => process.off("exit", kill) };
}
