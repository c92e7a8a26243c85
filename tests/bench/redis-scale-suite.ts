import { inRounds } from "./in-rounds.ts";
import { uniformKeys } from "./key-source.ts";
import { printCase } from "./print-case.ts";
import {
  median,
  ratioOf,
  ratioOfRounds,
  thousands,
  type Ratio,
  type RatioWanted,
  type Row,
} from "./results.ts";
import { scaledHoldfast } from "./scaled-holdfast.ts";
import { putInBursts, putTheRest } from "./scaled-load.ts";
import { scaledRedis } from "./scaled-redis.ts";
import type { ScaledSubject } from "./scaled-subject.ts";
import { isInstalled } from "./subjects.ts";
import { isWanted, type SuiteOptions, type SuiteResults } from "./suite.ts";

export interface RedisScaleOptions extends SuiteOptions {
  /** Default: ten million. */
  entryCount?: number;
}

const suite = "scale";
const entryCountDefault = 10_000_000;
const sampleEntries = 10_000;
const memoryGoal = 0.4;
const restartGoal = 0.1;
const sustainedGoal = 0.6;

/**
 * Ten million entries: what they take of memory and how long a restart takes, each to what Redis needs for the same
 * ones; and how fast they are put while the store flushes and compacts, to its own rate without.
 */
export async function runRedisScale(options: RedisScaleOptions): Promise<SuiteResults> {
  const { entryCount = entryCountDefault } = options;
  const name = `${entryCount.toLocaleString("en")} keys, 16 connections with 256 unanswered each`;
  if (!isWanted(name, options)) return { rows: [], ratios: [], goals: [], series: [] };
  await using stack = new AsyncDisposableStack();
  const holdfast = stack.use(scaledHoldfast(options));
  const redis = isInstalled("redis-server") ? stack.use(scaledRedis(options)) : undefined;
  const subjects: ScaledSubject[] = redis === undefined ? [holdfast] : [holdfast, redis];
  for (const subject of subjects) await subject.start();

  const bursts = await putInBursts(holdfast, entryCount);
  const loads = [];
  for (const subject of subjects) {
    const from = subject === holdfast ? bursts.entries : 0;
    loads.push(await putTheRest(subject, { suite, case: name }, from, entryCount));
  }
  const rows = loads.map(({ row }) => row);
  const restarts = await restartInRounds(subjects, options.rounds);
  for (const subject of subjects) await check(subject, entryCount);

  const ratios = [
    sustained(name, rows[0]!.opsPerSec, bursts.perSecond),
    ...memory(name, rows),
    restart(name, restarts.get(holdfast)!, redis && restarts.get(redis)),
  ].flatMap((ratio) => ratio ?? []);
  printBursts(bursts.perSecond);
  for (const [subject, readyMs] of restarts) printRestarts(subject, readyMs);
  printCase(rows, ratios);
  const series = loads.map(({ row, points }, index) => ({
    suite,
    case: name,
    subject: row.subject,
    points,
    restartsMs: restarts.get(subjects[index]!)!,
    ...(index === 0 ? { burstsPerSecond: bursts.perSecond } : {}),
  }));
  return { rows, ratios, goals: [], series };
}

/** Ended as their owners end them, and started until they answer. */
async function restartInRounds(
  subjects: ScaledSubject[],
  rounds: number,
): Promise<Map<ScaledSubject, number[]>> {
  const readyMs = new Map(subjects.map((subject) => [subject, [] as number[]]));
  await inRounds(rounds, subjects, async (subject) => {
    await subject.stop();
    readyMs.get(subject)!.push(await subject.start());
  });
  return readyMs;
}

async function check(subject: ScaledSubject, entryCount: number): Promise<void> {
  const keys = uniformKeys(entryCount, 1);
  const missing = await subject.missing(Array.from({ length: sampleEntries }, () => keys.next()));
  if (missing > 0) throw new Error(`${subject.name} lost ${missing} of ${sampleEntries} entries`);
}

function sustained(name: string, perSecond: number, bursts: number[]): Ratio | undefined {
  const what = "rate while flushing and compacting";
  const wanted = { suite, case: name, against: "its own before", what, goal: sustainedGoal } as const;
  return ratioOfRounds(
    { ...wanted, relation: ">=" },
    bursts.length === 0 ? [] : [perSecond / median(bursts)],
  );
}

/** The most that was seen from the beginning until all was settled. */
function memory(name: string, rows: Row[]): (Ratio | undefined)[] {
  const wanted = { suite, case: name, against: "redis", goal: memoryGoal, relation: "<=" } as const;
  const ratio = (what: string, bytesOf: (row: Row) => number) =>
    ratioOf(rows, { ...wanted, what, subject: "holdfast" }, bytesOf);
  return [
    ratio("RSS", ({ rssBytes }) => rssBytes),
    ratio("RSS of its own", ({ rssAnonBytes = 0 }) => rssAnonBytes),
  ];
}

function restart(name: string, ours: number[], theirs: number[] | undefined): Ratio | undefined {
  const wanted: RatioWanted = {
    suite,
    case: name,
    against: "redis",
    what: "restart to ready",
    goal: restartGoal,
    relation: "<=",
  };
  return ratioOfRounds(wanted, theirs === undefined ? [] : ours.map((ms, round) => ms / theirs[round]!));
}

function printBursts(perSecond: number[]): void {
  if (perSecond.length === 0) return;
  const spread = `${thousands(Math.min(...perSecond))}–${thousands(Math.max(...perSecond))}`;
  console.log(`holdfast, while nothing is flushed: ${thousands(median(perSecond))}/s (${spread})`);
}

function printRestarts({ name }: ScaledSubject, readyMs: number[]): void {
  const spread = `${Math.min(...readyMs).toFixed(0)}–${Math.max(...readyMs).toFixed(0)}`;
  console.log(`${name}, restart to ready: ${median(readyMs).toFixed(0)} ms (${spread})`);
}
