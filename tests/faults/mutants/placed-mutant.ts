import { join } from "node:path";
import type { SourceChange } from "../../support/changed-source.ts";

/** A safeguard that is taken out of a copy of the source, or moved, and the test that must notice. */
export interface PlacedMutant {
  readonly name: string;
  readonly changes: readonly SourceChange[];
  /** The test's file, from the root of the project, and the beginning of its full name. */
  readonly killer: readonly [file: string, test: string];
  /** Only the long version has the time for it: its test takes several seconds. */
  readonly isSlow?: true;
  /** Why no test can notice, where that is so; the killer is then the test that is nearest to it. */
  readonly survives?: string;
}

/** `from` lies exactly once in `src/<file>`, and is replaced by `to`. */
export function change(file: string, from: string, to: string): SourceChange {
  return { file: `src/${file}`, from, to };
}

/** Mutants of one folder of tests: what they have in common is said once. */
export function killedIn(folder: string, mutants: readonly PlacedMutant[]): PlacedMutant[] {
  return mutants.map((mutant) => ({ ...mutant, killer: [join(folder, mutant.killer[0]), mutant.killer[1]] }));
}
