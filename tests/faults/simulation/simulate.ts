import { parseArgs } from "node:util";
import { failureLines, reportLine, simulateMany } from "./many-simulations.ts";
import { defaultOptions, features, sabotages, type SimulationOptions } from "./simulation-options.ts";
import { simulate } from "./simulation.ts";

const help = `Runs the store in a simulated world that a seed decides.

  bun run simulate --seed N          one run: its hash, and the whole story if it fails, or with --story
  bun run simulate --seeds A..B      many runs, B left out; the first that fails is made smaller and printed

  --clients N  --requests N  --crashes N      at the most, in each run
  --without "${features.slice(0, 2).join(", ")}"           what the world does not have, of: ${features.join(", ")}
  --sabotage "${sabotages[0]}"                 what the store does wrong, of: ${sabotages.join(", ")}`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    clients: { type: "string" },
    requests: { type: "string" },
    crashes: { type: "string" },
    without: { type: "string" },
    sabotage: { type: "string" },
    story: { type: "boolean" },
    help: { type: "boolean" },
  },
});

process.exitCode = main();

function main(): number {
  if (values.help === true) {
    console.log(help);
    return 0;
  }
  const options = givenOptions();
  const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds ?? "");
  const isOne = values.seed !== undefined && values.seeds === undefined;
  if (options === undefined || !(isOne ? /^\d+$/.test(values.seed!) : range !== null)) {
    console.error(help);
    return 2;
  }
  return isOne
    ? runOne(Number(values.seed), options)
    : runMany(Number(range![1]), Number(range![2]), options);
}

function runOne(seed: number, options: SimulationOptions): number {
  const { violation, hash, story, counts } = simulate(seed, options, true);
  if (violation !== undefined || values.story === true) console.log(story.join("\n"));
  const { steps, simulatedMs } = counts;
  console.log(
    `seed ${seed}: ${violation ?? "no violation"}; ${steps} events in ${simulatedMs.toFixed(0)} simulated ms`,
  );
  console.log(`hash ${hash}`);
  return violation === undefined ? 0 : 1;
}

function runMany(firstSeed: number, endSeed: number, options: SimulationOptions): number {
  const startedMs = performance.now();
  const report = simulateMany(firstSeed, options, (run) => firstSeed + run < endSeed);
  console.log(reportLine(report, firstSeed, (performance.now() - startedMs) / 1000));
  if (report.failure === undefined) return 0;
  console.error(failureLines(report.failure));
  return 1;
}

/** Undefined: something makes no sense. */
function givenOptions(): SimulationOptions | undefined {
  const number = (text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : Number(text);
  const named = (values.without ?? "").split(",").map((name) => name.trim());
  const without = features.filter((feature) => named.includes(feature));
  const sabotage = sabotages.find((name) => name === values.sabotage);
  const options = {
    clients: number(values.clients, defaultOptions.clients),
    requests: number(values.requests, defaultOptions.requests),
    crashes: number(values.crashes, defaultOptions.crashes),
    without,
    sabotage,
  };
  const isWhole = [options.clients, options.requests, options.crashes].every((count) =>
    Number.isSafeInteger(count),
  );
  const isNamed = named.every((name) => name === "" || (features as readonly string[]).includes(name));
  const isSane =
    isWhole && options.clients > 0 && isNamed && (values.sabotage === undefined) === (sabotage === undefined);
  return isSane ? options : undefined;
}
