import type { Case, Judged } from "./sweep.ts";
import { faultNames, outcomes, type FaultName, type Outcome } from "./ways.ts";

/** How many faults were tried, at which calls, and what came of them. */
export class RealFaultTally {
  /** How often a case was tried: more than once where its call was missed. */
  tried = 0;
  met = 0;
  restarts = 0;
  violations = 0;
  /** Cases whose call was not met, however often it was aimed at. */
  readonly missed: string[] = [];
  readonly calls = new Map<string, number>();
  readonly #counts = new Map<FaultName, Map<Outcome, number>>();

  add({ way, cell }: Case, { outcome, restarts }: Judged): void {
    this.tried++;
    this.restarts += restarts;
    if (outcome === undefined) return;
    this.met++;
    const counts = this.#counts.get(way.name) ?? new Map<Outcome, number>();
    this.#counts.set(way.name, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    this.calls.set(cell.kind, (this.calls.get(cell.kind) ?? 0) + 1);
  }

  count(name: FaultName, outcome: Outcome): number {
    return this.#counts.get(name)?.get(outcome) ?? 0;
  }
}

/** A table of faults and outcomes, one of calls, what was not met, and the two lines that count. */
export function linesOf(tally: RealFaultTally, wanted: number, seconds: number, seed: number): string[] {
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
    `fault sweep of the real server: ${tally.met} of ${wanted} calls × faults met; ` +
      `${tally.restarts} restarts after them, ${tally.violations} violations`,
    `${seconds.toFixed(0)} s, ${perCaseMs.toFixed(0)} ms each, seed ${seed}`,
  ];
}
