import { parseArgs } from "node:util";
import { Workbench } from "../mutants/workbench.ts";
import { exhibits } from "./exhibits.ts";
import { failureOf } from "./failure.ts";

/**
 * `bun tests/faults/museum/long.ts [--minutes N] [--only WORD] [--verbose]`: makes each historical bug once more in a copy
 * of our source, and has its test find it. Exits with 1 at the first that is not caught, or not with the words that its
 * story names. Nothing is drawn, so there is no seed.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    only: { type: "string", default: "" },
    verbose: { type: "boolean", default: false },
  },
});

const chosen = exhibits.filter(({ name, system }) => `${system}: ${name}`.includes(values.only));
const startMs = performance.now();
const endMs = values.minutes === undefined ? Infinity : startMs + Number(values.minutes) * 60_000;
let tried = 0;
let caught = 0;
{
  using workbench = new Workbench();
  for (const exhibit of chosen) {
    if (performance.now() >= endMs) break;
    const proof = await workbench.prove(exhibit);
    tried++;
    const failure = failureOf(exhibit, proof);
    if (values.verbose) {
      const { system, name, source, story } = exhibit;
      console.log(`${system}: ${name}\n  ${source}\n  ${story}\n  ${proof.outcome}: ${proof.message}\n`);
    }
    if (failure === undefined) {
      caught++;
      continue;
    }
    console.error(
      `${failure}\nRepeat it with bun tests/faults/museum/long.ts --verbose --only ${JSON.stringify(exhibit.name)}`,
    );
    process.exitCode = 1;
    break;
  }
}
const systems = new Set(chosen.map(({ system }) => system)).size;
const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
console.log(
  `${caught} of ${tried} exhibits caught, of ${systems} systems; ${chosen.length - tried} not tried; ${seconds} s`,
);
