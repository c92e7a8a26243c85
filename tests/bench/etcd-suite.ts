import { AnswerMeter } from "./answer-meter.ts";
import { startOurs, startTheirs, type RangeSubject } from "./etcd-subjects.ts";
import { usageOf } from "./host.ts";
import { inRounds } from "./in-rounds.ts";
import { uniformKeys } from "./key-source.ts";
import { OrderedEntries } from "./ordered-entries.ts";
import { printCase } from "./print-case.ts";
import type { EntrySource } from "./request-window.ts";
import { latenciesOf, ratioOf, type Ratio, type Row } from "./results.ts";
import { isInstalled } from "./subjects.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";
import { timedSource } from "./timed-source.ts";

const suite = "etcd";
const connections = 4;
const putPipeline = 16;
const rangePipeline = 2;
const rangeEntries = 1_000;
/** etcd takes seconds for these; ranges are as long in any larger store. */
const rangedEntries = 50_000;
const putEntries = 1_000_000;
const warmUpMs = 500;

interface Case {
  name: string;
  kind: "put" | "range";
  goal: number;
}

/** Ranges first: then the store holds nothing but the entries whose ranks they go by. */
const cases: Case[] = [
  { name: `range of 1,000 entries, ${connections * rangePipeline} in flight`, kind: "range", goal: 10 },
  { name: `durable put, ${connections * putPipeline} in flight`, kind: "put", goal: 20 },
];

/** Durable puts and ranges, side by side with one node of etcd. */
export async function runEtcdSuite(options: SuiteOptions): Promise<SuiteResults> {
  const results: SuiteResults = { rows: [], ratios: [], goals: [], series: [] };
  const wanted = cases.filter(({ name }) => isWanted(name, options));
  if (wanted.length === 0) return results;
  const entries = new OrderedEntries(rangedEntries);
  const subjectOptions = { ...options, entries, rangeEntries, connections, putPipeline, rangePipeline };
  await using stack = new AsyncDisposableStack();
  const subjects = [new Audited(stack.use(await startOurs(subjectOptions)))];
  if (isInstalled("etcd")) subjects.push(new Audited(stack.use(await startTheirs(subjectOptions))));
  for (const subject of subjects) await subject.fill();

  for (const testCase of wanted) {
    const rows: Row[] = [];
    await inRounds(options.rounds, subjects, async (subject, round) => {
      rows.push(await subject.measure(testCase, round, options.seconds));
    });
    if (testCase.kind === "range") for (const subject of subjects) await subject.checkRanges();
    const ratio = ratioOfCase(testCase, rows);
    printCase(rows, [ratio]);
    results.rows.push(...rows);
    if (ratio !== undefined) results.ratios.push(ratio);
  }
  for (const subject of subjects) await subject.checkPuts();
  return results;
}

function ratioOfCase({ name, goal }: Case, rows: Row[]): Ratio | undefined {
  const wanted = { suite, case: name, against: "etcd", what: "rate", goal, relation: ">=" } as const;
  return ratioOf(rows, { ...wanted, subject: "holdfast" });
}

/** A subject, and what it acknowledged. */
class Audited {
  readonly #subject: RangeSubject;
  readonly #isPut = new Uint8Array(putEntries);
  #putCount = 0;

  constructor(subject: RangeSubject) {
    this.#subject = subject;
  }

  async fill(): Promise<void> {
    let next = 0;
    const numbers = { next: () => (next < rangedEntries ? next++ : -1) };
    await this.#subject.put(this.#noted(numbers), new AnswerMeter());
    await this.#subject.settle();
  }

  async measure({ name, kind }: Case, round: number, seconds: number): Promise<Row> {
    const subject = this.#subject;
    const meter = new AnswerMeter();
    const measureMs = seconds * 1000;
    const before = usageOf(subject.pid).cpuSeconds;
    const startedAtMs = performance.now();
    const keys = uniformKeys(kind === "put" ? putEntries : rangedEntries - rangeEntries, round + 1);
    const source = timedSource(keys, meter, { warmUpMs, measureMs });
    if (kind === "put") await subject.put(this.#noted(source), meter);
    else await subject.range(source, meter);
    const { cpuSeconds, rssBytes, rssAnonBytes } = usageOf(subject.pid);
    const cpuPercent = ((cpuSeconds - before) / (performance.now() - startedAtMs)) * 100_000;
    await subject.settle();
    return {
      suite,
      case: name,
      subject: subject.name,
      round,
      opsPerSec: meter.perSecond,
      ...latenciesOf(meter.latencies),
      rssBytes,
      rssAnonBytes,
      cpuPercent,
    };
  }

  /** A hundred ranges all over the store, with every entry looked at. */
  async checkRanges(): Promise<void> {
    const ranks = uniformKeys(rangedEntries - rangeEntries, 0);
    let left = 100;
    const source = { next: () => (left-- > 0 ? ranks.next() : -1) };
    await this.#subject.checkRanges(source, new AnswerMeter());
  }

  async checkPuts(): Promise<void> {
    const numbers = [...this.#isPut.keys()].filter((number) => this.#isPut[number] === 1);
    const step = Math.ceil(numbers.length / 10_000);
    const sample = numbers.filter((_, index) => index % step === 0);
    await this.#subject.checkPuts(sample, this.#putCount);
  }

  /** A run ends when all of its puts are acknowledged, or fails: so what was asked for is what must be there. */
  #noted(source: EntrySource): EntrySource {
    return {
      next: () => {
        const number = source.next();
        if (number < 0) return number;
        this.#isPut[number] = 1;
        this.#putCount++;
        return number;
      },
    };
  }
}
