import { parseArgs } from "node:util";
import { allMutants, ownMutants } from "./all-mutants.ts";
import { Workbench, type Proof } from "./workbench.ts";

/**
 * `bun tests/faults/mutants/long.ts [--minutes N] [--only WORD] [--own] [--verbose]`: takes every safeguard out of a copy
 * of the source, one at a time, and runs the test that should notice. Exits with 1 if one survives without a reason, is
 * killed in spite of its reason, or proves nothing. Nothing is drawn, so there is no seed.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    only: { type: "string", default: "" },
    own: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

const chosen = (values.own ? ownMutants : allMutants).filter(({ name }) => name.includes(values.only));
const startMs = performance.now();
const endMs = values.minutes === undefined ? Infinity : startMs + Number(values.minutes) * 60_000;
const tried: Proof[] = [];
{
  using workbench = new Workbench();
  for (const mutant of chosen) {
    if (performance.now() >= endMs) break;
    const proof = await workbench.prove(mutant);
    tried.push(proof);
    if (values.verbose)
      console.log(
        `${proof.outcome.padEnd(9)} ${proof.seconds.toFixed(1)} s  ${mutant.name}: ${proof.message}`,
      );
    if (isAsExpected(proof)) continue;
    console.error(
      `${mutant.name}: ${problemOf(proof)}\nRepeat it with bun tests/faults/mutants/long.ts --verbose --only ${JSON.stringify(mutant.name)}`,
    );
    process.exitCode = 1;
    break;
  }
}

const killed = tried.filter(({ outcome }) => outcome === "killed").length;
const explained = tried.filter(
  ({ outcome, mutant }) => outcome === "survived" && mutant.survives !== undefined,
).length;
const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
console.log(
  `${killed} of ${tried.length} mutants killed (${((100 * killed) / tried.length).toFixed(1)} %), ${explained} survivors ` +
    `explained, ${tried.length - killed - explained} not; ${chosen.length - tried.length} not tried; ${seconds} s`,
);

function isAsExpected({ outcome, mutant }: Proof): boolean {
  return outcome === (mutant.survives === undefined ? "killed" : "survived");
}

function problemOf({ outcome, mutant, message }: Proof): string {
  const [file, test] = mutant.killer;
  if (outcome === "not run") return `"${test}" of ${file} proved nothing: ${message}`;
  if (outcome === "survived") return `"${test}" of ${file} passed all the same`;
  return `it was to survive, because ${mutant.survives}; but it is killed: ${message}`;
}
