import type { CallKind } from "../../../src/vfs/fault.ts";
import { type Outcome, outcomes } from "./judge.ts";
import type { Case, Judged } from "./sweep.ts";
import { faultNames, type FaultName } from "./ways.ts";

/** How many faults were tried, at which calls, and what came of them. */
export class FaultTally {
  cases = 0;
  restarts = 0;
  readonly calls = new Map<CallKind, number>();
  readonly #counts = new Map<FaultName, Map<Outcome, number>>();

  add({ way, call }: Case, { outcome, restarts }: Judged): void {
    this.cases++;
    this.restarts += restarts;
    const counts = this.#counts.get(way.name) ?? new Map<Outcome, number>();
    this.#counts.set(way.name, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    this.calls.set(call.kind, (this.calls.get(call.kind) ?? 0) + 1);
  }

  count(name: FaultName, outcome: Outcome): number {
    return this.#counts.get(name)?.get(outcome) ?? 0;
  }
}

/** A table of faults and outcomes, one of calls, and the two lines that count. */
export function linesOf(tally: FaultTally, wanted: number, seconds: number, seed: number): string[] {
  const rows = faultNames.map((name) => {
    const counts = outcomes.map((outcome) => String(tally.count(name, outcome)).padStart(outcome.length + 2));
    return name.padEnd(12) + counts.join("");
  });
  const calls = [...tally.calls].sort(([, one], [, other]) => other - one);
  return [
    "fault".padEnd(12) + outcomes.map((outcome) => `  ${outcome}`).join(""),
    ...rows,
    `at calls: ${calls.map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
    `fault sweep: ${tally.cases} of ${wanted} faults tried, ${tally.restarts} restarts after them, 0 violations`,
    `${seconds.toFixed(0)} s, ${((1000 * seconds) / Math.max(1, tally.cases)).toFixed(0)} ms each, seed ${seed}`,
  ];
}
