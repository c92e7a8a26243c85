/** What a suite found, in the shape that `--json` writes. Milliseconds, bytes, percent of one core. */
export interface Results {
  rows: Row[];
  ratios: Ratio[];
  goals: Goal[];
  series: Series[];
}

export interface Row {
  suite: string;
  case: string;
  subject: string;
  opsPerSec: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  maxMs: number;
  rssBytes: number;
  cpuPercent: number;
}

/** Of ours to another's, in the same case. */
export interface Ratio {
  suite: string;
  case: string;
  against: string;
  ratio: number;
}

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

/** Points in the order of time; what they hold, and what else belongs to the series, is the suite's to say. */
export interface Series {
  suite: string;
  case: string;
  subject: string;
  points: Record<string, unknown>[];
  [name: string]: unknown;
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

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** "612k", "6.1k" */
export function thousands(count: number): string {
  return count >= 100_000 ? `${Math.round(count / 1000)}k` : `${(count / 1000).toFixed(1)}k`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
