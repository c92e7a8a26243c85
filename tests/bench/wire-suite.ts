import { closedLoop } from "./closed-loop.ts";
import { inRounds } from "./in-rounds.ts";
import { uniformKeys, zipfianKeys } from "./key-source.ts";
import { measure, seriesOf, type Measured } from "./measurement.ts";
import { openLoop, type OpenResult } from "./open-loop.ts";
import { printCase } from "./print-case.ts";
import { median, ratioOf, rowsOf, thousands, type Ratio, type Row } from "./results.ts";
import { checkStored, fillStore } from "./stored-entries.ts";
import { startHoldfast, startRedis, type Subject } from "./subjects.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";

/** Durable sets and gets over the wire, side by side with Redis at its strictest durability. */
interface Case {
  name: string;
  setPercent: number;
  connections: number;
  pipeline: number;
  isZipfian?: boolean;
  /** Of our rate to that of Redis. */
  goal: number;
}

const cases: Case[] = [
  { name: "set, 50 connections, pipeline 128", setPercent: 100, connections: 50, pipeline: 128, goal: 2 },
  { name: "set, 50 connections, pipeline 16", setPercent: 100, connections: 50, pipeline: 16, goal: 2 },
  { name: "set, 50 connections, no pipeline", setPercent: 100, connections: 50, pipeline: 1, goal: 1 },
  { name: "set, 1 connection, pipeline 16", setPercent: 100, connections: 1, pipeline: 16, goal: 1.5 },
  { name: "set, 1 connection, no pipeline", setPercent: 100, connections: 1, pipeline: 1, goal: 1.2 },
  { name: "get, 50 connections, pipeline 16", setPercent: 0, connections: 50, pipeline: 16, goal: 2 },
  { name: "get, 50 connections, no pipeline", setPercent: 0, connections: 50, pipeline: 1, goal: 1 },
  {
    name: "95 % get and 5 % set, Zipfian, 50 connections, pipeline 16",
    setPercent: 5,
    connections: 50,
    pipeline: 16,
    isZipfian: true,
    goal: 2,
  },
];
const suite = "wire";
const openCase = "set, open loop at half of Redis's best set rate, 50 connections";
const openGoal = 0.8;
const entryCount = 1_000_000;
const valueBytes = 100;
const warmUpMs = 500;

export async function runWireSuite(options: SuiteOptions): Promise<SuiteResults> {
  if (![...cases.map(({ name }) => name), openCase].some((name) => isWanted(name, options)))
    return { rows: [], ratios: [], goals: [], series: [] };
  await using holdfast = await startHoldfast(options);
  await using redis = await startRedis(options);
  const subjects = redis === undefined ? [holdfast] : [holdfast, redis];
  for (const subject of subjects) {
    const startedAtMs = performance.now();
    await fillStore(subject, entryCount, { valueBytes, stamp: 0 });
    const seconds = (performance.now() - startedAtMs) / 1000;
    console.log(`${subject.name}: ${entryCount.toLocaleString("en")} entries set in ${seconds.toFixed(1)} s`);
  }
  const bench = new WireBench(subjects, options);
  for (const testCase of cases) if (isWanted(testCase.name, options)) await bench.closed(testCase);
  if (isWanted(openCase, options)) await bench.open();
  return bench.results();
}

class WireBench {
  readonly #subjects: Subject[];
  readonly #options: SuiteOptions;
  readonly #measured: Measured[] = [];
  readonly #ratios: Ratio[] = [];
  #runs = 0;

  constructor(subjects: Subject[], options: SuiteOptions) {
    this.#subjects = subjects;
    this.#options = options;
  }

  results(): SuiteResults {
    return { rows: this.#rows, ratios: this.#ratios, goals: [], series: seriesOf(this.#measured) };
  }

  async closed(testCase: Case): Promise<void> {
    const { name, goal } = testCase;
    await this.#rounds(async (subject, round) => {
      this.#measured.push(await this.#closedRun(testCase, subject, round, this.#options.seconds));
    });
    const wanted = { suite, case: name, against: "redis", what: "rate", goal, relation: ">=" } as const;
    this.#conclude(name, ratioOf(this.#rows, { ...wanted, subject: "holdfast" }));
  }

  /** At half of what Redis did at its best in this run, or of what we did where there is no Redis. */
  async open(): Promise<void> {
    const perSecond = (await this.#bestSetRate()) / 2;
    const { seconds } = this.#options;
    await this.#rounds(async (subject, round) => {
      const stamp = ++this.#runs;
      const measured = await measure({ suite, case: openCase, subject, round, seconds }, (onSecond) =>
        openLoop({
          ...this.#load(subject, { setPercent: 100, connections: 50 }, stamp, round),
          perSecond,
          measureMs: seconds * 1000,
          onSecond,
        }),
      );
      await this.#check(subject, measured, stamp);
      this.#measured.push(measured);
      printOpenRun(subject, perSecond, measured.result);
    });
    const wanted = { suite, case: openCase, against: "redis", what: "p99.9", goal: openGoal } as const;
    this.#conclude(
      openCase,
      ratioOf(this.#rows, { ...wanted, relation: "<=", subject: "holdfast" }, (row) => row.p999Ms),
    );
  }

  async #closedRun(testCase: Case, subject: Subject, round: number, seconds: number): Promise<Measured> {
    const stamp = ++this.#runs;
    const measured = await measure({ suite, case: testCase.name, subject, round, seconds }, (onSecond) =>
      closedLoop({
        ...this.#load(subject, testCase, stamp, round),
        pipeline: testCase.pipeline,
        measureMs: seconds * 1000,
        onSecond,
      }),
    );
    await this.#check(subject, measured, stamp);
    return measured;
  }

  #load(
    subject: Subject,
    { setPercent, connections, isZipfian }: Pick<Case, "setPercent" | "connections" | "isZipfian">,
    stamp: number,
    round: number,
  ) {
    const { port, dialect } = subject;
    const keys = (isZipfian === true ? zipfianKeys : uniformKeys)(entryCount, round + 1);
    return { port, dialect, connections, setPercent, keys, valueBytes, stamp, warmUpMs };
  }

  /** After the clock has stopped: every get found its entry, and what was acknowledged is there. */
  async #check(subject: Subject, { result }: Measured, stamp: number): Promise<void> {
    const { missing, acknowledged } = result;
    if (missing > 0) throw new Error(`${subject.name} did not find ${missing} entries that were set`);
    await checkStored(subject, acknowledged, { valueBytes, stamp });
    const others = uniformKeys(entryCount, stamp);
    const sample = Array.from({ length: sampleEntries }, () => others.next());
    await checkStored(subject, sample, { valueBytes, stamp: undefined });
  }

  /** Nobody's flush or rewriting may go on while another one is measured. */
  #rounds(run: (subject: Subject, round: number) => Promise<void>): Promise<void> {
    return inRounds(this.#options.rounds, this.#subjects, async (subject, round) => {
      for (const each of this.#subjects) await each.settle();
      await run(subject, round);
    });
  }

  #conclude(name: string, ratio: Ratio | undefined): void {
    printCase(
      this.#rows.filter((row) => row.case === name),
      [ratio],
    );
    if (ratio !== undefined) this.#ratios.push(ratio);
  }

  async #bestSetRate(): Promise<number> {
    const subject = this.#subjects.at(-1)!;
    const sets = cases.filter(({ setPercent }) => setPercent === 100);
    const rates = sets.map(({ name }) =>
      median(rowsOf(this.#rows, suite, name, subject.name).map((row) => row.opsPerSec)),
    );
    const best = Math.max(...rates);
    // None of them was asked for: then it is measured now.
    return best > 0 ? best : (await this.#closedRun(sets[0]!, subject, 0, 1)).row.opsPerSec;
  }

  get #rows(): Row[] {
    return this.#measured.map(({ row }) => row);
  }
}

function printOpenRun({ name }: Subject, perSecond: number, { lateness, inFlightMax }: OpenResult): void {
  const late = `p50 ${lateness.percentileMs(0.5).toFixed(2)}, p99.9 ${lateness.percentileMs(0.999).toFixed(2)}`;
  console.log(
    `${name}: ${thousands(perSecond)}/s; the generator itself was late by ${late}, max ${lateness.maxMs.toFixed(1)} ms; at most ${thousands(inFlightMax)} in flight`,
  );
}

const sampleEntries = 10_000;
