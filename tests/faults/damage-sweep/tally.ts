import { damageKinds } from "./damages.ts";
import { outcomes } from "./judge.ts";
import type { DamageSweep } from "./sweep.ts";

/** What the sweeps of several stores came to. */
export class Tally {
  /** Of which every single damage was tried. */
  storesSwept = 0;
  readonly #sweeps: DamageSweep[] = [];

  begin(sweep: DamageSweep): void {
    this.#sweeps.push(sweep);
  }

  sum(of: (sweep: DamageSweep) => number): number {
    return this.#sweeps.reduce((total, sweep) => total + of(sweep), 0);
  }

  get stores(): number {
    return this.#sweeps.length;
  }
}

/** A table of kinds and outcomes, and the two lines that count. */
export function linesOf(tally: Tally, seconds: number, seed: number): string[] {
  const damages = tally.sum((sweep) => sweep.damages);
  const wholes = tally.sum((sweep) => sweep.wholes);
  const starts = tally.sum((sweep) => sweep.starts);
  const rows = damageKinds.map((kind) => {
    const counts = outcomes.map((outcome) => tally.sum(({ counts }) => counts.get(kind)?.get(outcome) ?? 0));
    return [kind.padEnd(20), ...counts.map((count, at) => String(count).padStart(outcomes[at]!.length + 2))];
  });
  const bytes = tally.sum(({ subject }) =>
    [...subject.files.values()].reduce((sum, { length }) => sum + length, 0),
  );
  return [
    ["damage".padEnd(20), ...outcomes.map((outcome) => `  ${outcome}`)].join(""),
    ...rows.map((row) => row.join("")),
    `damage sweep: ${damages} damaged stores (${tally.stores} begun, ${tally.storesSwept} swept whole, ${bytes} bytes), ` +
      `${wholes} of them read whole and ${starts} started for good, 0 violations`,
    `${seconds.toFixed(0)} s, ${((1000 * seconds) / Math.max(1, damages)).toFixed(2)} ms each, seed ${seed}`,
  ];
}
