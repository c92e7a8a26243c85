import type { SourceChange } from "../../support/changed-source.ts";
import { allMutants } from "../mutants/all-mutants.ts";
import type { PlacedMutant } from "../mutants/placed-mutant.ts";

/**
 * A bug that lost people's data, or could have, made once more in a copy of our source: the same mistake at the place
 * where we could have made it.
 */
export interface Exhibit extends PlacedMutant {
  readonly system: string;
  /** Where the bug is told of: an issue, a release, a paper. */
  readonly source: string;
  /** What happened there, what would be the same here, and who finds it out. */
  readonly story: string;
  /** What the test says when it fails. */
  readonly says: RegExp;
}

/** Those of a mutant that is in the list already: where a mistake of others is the very safeguard that it takes out. */
export function changesOf(name: string): readonly SourceChange[] {
  const mutant = allMutants.find((each) => each.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant "${name}"`);
  return mutant.changes;
}
