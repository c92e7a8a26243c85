import { inputBytesTotalMax, outputBytesMax, outputBytesTotalMax } from "../../../src/lib/limits.ts";
import type { Pair } from "./pair.ts";

/** The caps that a server was started with. */
export interface Caps {
  readonly inputBytesTotalMax: number;
  readonly outputBytesTotalMax: number;
  readonly outputBytesMax: number;
}

export const defaultCaps: Caps = { inputBytesTotalMax, outputBytesTotalMax, outputBytesMax };

const MiB = 1024 * 1024;

/**
 * What a server may be resident with: the caps, and what it has anyway: the program, the cache of blocks, memtables,
 * and garbage that nobody has collected yet.
 */
export function residentBytesMax(caps: Caps): number {
  return caps.inputBytesTotalMax + caps.outputBytesTotalMax + otherBytesMax;
}

/** What was beyond a cap, in words. */
export function memoryViolations({ peaks }: Pick<Pair, "peaks">, caps: Caps): string[] {
  const violations: string[] = [];
  const check = (what: string, bytes: number, max: number) => {
    if (bytes > max) violations.push(`${what}: ${inMiB(bytes)} MiB, and ${inMiB(max)} are the most`);
  };
  // Looks fall between the work of sessions, where the totals hold; one chunk and one answer may be past them.
  check("input held", peaks.inputBytes, caps.inputBytesTotalMax + MiB);
  check("output held", peaks.outputBytes, caps.outputBytesTotalMax + caps.outputBytesMax);
  check("resident memory", peaks.residentBytes, residentBytesMax(caps));
  return violations;
}

export interface Latencies {
  readonly quietMs: number;
  readonly attackedMs: number;
}

/** Of all requests of the good client, or of a part of them. */
export function p99Of({ quiet, attacked }: Pair, part: "all" | "puts" | "gets"): Latencies {
  const of = (window: Pair["quiet"]) => {
    if (part === "puts") return percentile(window.putsMs, 0.99);
    if (part === "gets") return percentile(window.getsMs, 0.99);
    return percentile([...window.putsMs, ...window.getsMs], 0.99);
  };
  return { quietMs: of(quiet), attackedMs: of(attacked) };
}

export function ratioOf({ quietMs, attackedMs }: Latencies): number {
  return attackedMs / quietMs;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function inMiB(bytes: number): string {
  return (bytes / MiB).toFixed(0);
}

/** So many of a hundred took no longer. What was never answered has no latency: the good client fails by it. */
function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Infinity;
}

const otherBytesMax = 640 * MiB;
