import type { Host } from "./host.ts";
import type { LatencyHistogram } from "./latency-histogram.ts";

/** What `--json` writes. Milliseconds, bytes, percent of one core. */
export interface Results {
  host: Host;
  rows: Row[];
  ratios: Ratio[];
  goals: Goal[];
  series: Series[];
}

/** One case, one subject, one round. */
export interface Row extends Latencies {
  suite: string;
  case: string;
  subject: string;
  /** From 0. Rows of one round are compared with each other. */
  round?: number;
  opsPerSec: number;
  bytesPerSec?: number;
  rssBytes: number;
  /** Of these, what only the server has: its heap and its buffers, not pages of files. */
  rssAnonBytes?: number;
  cpuPercent: number;
  /** Of the process that made the load. */
  generatorCpuPercent?: number;
}

export interface Latencies {
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  p9999Ms: number;
  maxMs: number;
  /** Shares and milliseconds: the latency curve. */
  percentiles?: [share: number, ms: number][];
}

/** Of ours to another's, in the same case. */
export interface Ratio {
  suite: string;
  case: string;
  against: string;
  /** What it is a ratio of: "rate", "p99.9", "RSS" … */
  what: string;
  /** The median of the rounds' own ratios: rounds are pairs that the machine treated alike. */
  ratio: number;
  least: number;
  greatest: number;
  rounds: number;
  goal: number;
  relation: ">=" | "<=";
  met: boolean;
  unit?: string;
}

/** A bound on a number of ours alone. */
export interface Goal {
  suite: string;
  case: string;
  subject: string;
  what: string;
  actual: number;
  relation: "<" | "<=" | ">=" | "=";
  bound: number;
  unit: string;
  met: boolean;
}

/** Points in the order of time; what else belongs to the series is the suite's to say. */
export interface Series {
  suite: string;
  case: string;
  subject: string;
  points: object[];
  [name: string]: unknown;
}

/** What the points of a series over time hold, so that all of them are drawn alike. */
export interface SecondPoint {
  /** When it ended, since the measurement began; further rounds go on where the last one ended. */
  second: number;
  round?: number;
  opsPerSec: number;
  p99Ms: number;
  maxMs: number;
  cpuPercent: number;
  generatorCpuPercent?: number;
  rssBytes: number;
  rssAnonBytes?: number;
  /** How many there were so far; with rounds, since the round began. The page marks where the number grew. */
  flushes?: number;
  compactions?: number;
}

/** A ratio's name and goal, without its numbers. */
export type RatioWanted = Pick<Ratio, "suite" | "case" | "against" | "what" | "goal" | "relation"> & {
  unit?: string;
};

/** From the ratios of the rounds; undefined if there was no round, as when the other is not installed. */
export function ratioOfRounds(wanted: RatioWanted, ratios: readonly number[]): Ratio | undefined {
  if (ratios.length === 0) return undefined;
  const ratio = median(ratios);
  return {
    ...wanted,
    ratio,
    least: Math.min(...ratios),
    greatest: Math.max(...ratios),
    rounds: ratios.length,
    met: isMet(ratio, wanted.relation, wanted.goal),
  };
}

/**
 * `subject`'s number to that of `against`, round by round. A round in which one of the two has no row is left out.
 * `caseOfOther` is for the rare one that is compared with another case.
 */
export function ratioOf(
  rows: readonly Row[],
  wanted: RatioWanted & { subject: string; caseOfOther?: string },
  numberOf: (row: Row) => number = (row) => row.opsPerSec,
): Ratio | undefined {
  const { subject, caseOfOther = wanted.case, ...named } = wanted;
  const ratios: number[] = [];
  for (const row of rowsOf(rows, wanted.suite, wanted.case, subject)) {
    const others = rowsOf(rows, wanted.suite, caseOfOther, wanted.against);
    const other = others.find(({ round }) => round === row.round);
    if (other !== undefined) ratios.push(numberOf(row) / numberOf(other));
  }
  return ratioOfRounds(named, ratios);
}

export function rowsOf(rows: readonly Row[], suite: string, name: string, subject: string): Row[] {
  return rows.filter((row) => row.suite === suite && row.case === name && row.subject === subject);
}

/** The part of a row that a histogram knows. */
export function latenciesOf(histogram: LatencyHistogram): Latencies {
  return {
    p50Ms: histogram.percentileMs(0.5),
    p99Ms: histogram.percentileMs(0.99),
    p999Ms: histogram.percentileMs(0.999),
    p9999Ms: histogram.percentileMs(0.9999),
    maxMs: histogram.maxMs,
    percentiles: histogram.curve(),
  };
}

export function isMet(actual: number, relation: Goal["relation"], bound: number): boolean {
  switch (relation) {
    case "<":
      return actual < bound;
    case "<=":
      return actual <= bound;
    case ">=":
      return actual >= bound;
    case "=":
      return actual === bound;
  }
}

/** Of an even count the mean of the two in the middle. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** "612k", "6.1k", "87" */
export function thousands(count: number): string {
  if (count >= 100_000) return `${Math.round(count / 1000)}k`;
  return count >= 1000 ? `${(count / 1000).toFixed(1)}k` : String(Math.round(count));
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
