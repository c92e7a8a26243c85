import type { Case, Judged } from "./sweep.ts";
import { faultNames, outcomes, type FaultName, type Outcome } from "./ways.ts";

/** How many faults were tried, at which calls, and what came of them. */
export class RealFaultTally {
  /** How often a case was tried: more than once where its call was missed. */
  tried = 0;
  met = 0;
  restarts = 0;
  violations = 0;
  /** Faults of calls that every run makes: so many were met. */
  steadyMet = 0;
  /** Cases whose call no server made when it was to fail, however often. */
  readonly missed: string[] = [];
  readonly calls = new Map<string, number>();
  readonly #counts = new Map<FaultName, Map<Outcome, number>>();

  add(each: Case, { outcome, restarts }: Judged): void {
    this.tried++;
    this.restarts += restarts;
    if (outcome === undefined) return;
    this.met++;
    if (each.isSteady) this.steadyMet++;
    const { way, cell } = each;
    const counts = this.#counts.get(way.name) ?? new Map<Outcome, number>();
    this.#counts.set(way.name, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    this.calls.set(cell.kind, (this.calls.get(cell.kind) ?? 0) + 1);
  }

  count(name: FaultName, outcome: Outcome): number {
    return this.#counts.get(name)?.get(outcome) ?? 0;
  }
}

/** Faults of calls that every run makes, and of a seal more that only some make. */
export interface Wanted {
  readonly steady: number;
  readonly unsteady: number;
}

/** A table of faults and outcomes, one of calls, what was not met, and the two lines that count. */
export function linesOf(tally: RealFaultTally, wanted: Wanted, seconds: number, seed: number): string[] {
  const rows = faultNames.map((name) => {
    const counts = outcomes.map((outcome) => String(tally.count(name, outcome)).padStart(outcome.length + 2));
    return name.padEnd(12) + counts.join("");
  });
  const calls = [...tally.calls].sort(([, one], [, other]) => other - one);
  const perCaseMs = (1000 * seconds) / Math.max(1, tally.tried);
  return [
    "fault".padEnd(12) + outcomes.map((outcome) => `  ${outcome}`).join(""),
    ...rows,
    `at calls: ${calls.map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    ...tally.missed.map((name) => `not met: ${name}`),
    `fault sweep of the real server: ${tally.steadyMet} of ${wanted.steady} calls × faults met, and ` +
      `${tally.met - tally.steadyMet} of ${wanted.unsteady} at calls that only some runs make; ` +
      `${tally.restarts} restarts after them, ${tally.violations} violations`,
    `${seconds.toFixed(0)} s, ${perCaseMs.toFixed(0)} ms each, seed ${seed}`,
  ];
}
