import { parseArgs } from "node:util";
import { freshSeed } from "../../support/seeds.ts";
import { failureLines, reportLine, simulateMany } from "./many-simulations.ts";
import { defaultOptions } from "./simulation-options.ts";

// Simulations for so many minutes, from a fresh seed or the one that is given.
const { values } = parseArgs({
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string" } },
});
const firstSeed = values.seed === undefined ? freshSeed() : Number(values.seed) >>> 0;
const startedMs = performance.now();
const endMs = startedMs + Number(values.minutes) * 60_000;

const report = simulateMany(firstSeed, defaultOptions, () => performance.now() < endMs);
console.log(`simulation: ${reportLine(report, firstSeed, (performance.now() - startedMs) / 1000)}`);
if (report.failure !== undefined) {
  console.error(failureLines(report.failure));
  process.exitCode = 1;
}
