import { mutants as crashMutants } from "../../crash/mutants.ts";
import { mutants as manifestMutants } from "../../manifest/mutants.ts";
import { mutants as writeAheadMutants } from "../../wal/mutants.ts";
import { compactionMutants } from "./compaction-mutants.ts";
import { engineMutants } from "./engine-mutants.ts";
import { offlineMutants } from "./offline-mutants.ts";
import { killedIn, type PlacedMutant } from "./placed-mutant.ts";
import { serverMutants } from "./server-mutants.ts";
import { storeMutants } from "./store-mutants.ts";
import { tableMutants } from "./table-mutants.ts";
import { walMutants } from "./wal-mutants.ts";

/** Those of this folder: no other test runs them. */
export const ownMutants: readonly PlacedMutant[] = [
  ...walMutants,
  ...tableMutants,
  ...engineMutants,
  ...storeMutants,
  ...compactionMutants,
  ...offlineMutants,
  ...serverMutants,
];

/** Every safeguard that is taken out anywhere. The log's and the flush's are proved by every run of the tests. */
export const allMutants: readonly PlacedMutant[] = [
  ...killedIn("tests/wal", writeAheadMutants),
  ...killedIn("tests/manifest", manifestMutants),
  ...killedIn("tests/crash", crashMutants),
  ...ownMutants,
];
