import { writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { sourceRoot } from "../support/server-process.ts";
import { runGeneratorSuite } from "./generator-suite.ts";
import { runScaleSuite } from "./scale-suite.ts";
import { runWireSuite } from "./wire-suite.ts";

/**
 * `bun run bench [wire|scale|generator] [--json FILE] …`: the flags of each suite, and the method, are in README.md
 * beside this file.
 */
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    rounds: { type: "string", default: "3" },
    keys: { type: "string", default: "1000000" },
    data: { type: "string" },
    server: { type: "string" },
    connections: { type: "string", default: "16" },
    pipeline: { type: "string", default: "256" },
    "settle-seconds": { type: "string", default: "600" },
    json: { type: "string" },
  },
});

// Another version of the server than the one that the bench came with: so two can be compared.
const root = resolve(flags.server ?? sourceRoot);

// An interrupted bench ends as a finished one does: servers go with it, and directories are removed.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const suites = {
  wire: () =>
    runWireSuite({
      seconds: count("seconds", flags.seconds ?? "3"),
      rounds: count("rounds", flags.rounds),
      root,
    }),
  scale: () =>
    runScaleSuite({
      entryCounts: flags.keys.split(",").map((text) => count("keys", text)),
      data: flags.data,
      root,
      subject: flags.server === undefined ? "holdfast" : `holdfast in ${basename(root)}`,
      connections: count("connections", flags.connections),
      pipeline: count("pipeline", flags.pipeline),
      seconds: count("seconds", flags.seconds ?? "5"),
      settleSecondsMax: count("settle-seconds", flags["settle-seconds"]),
    }),
  generator: runGeneratorSuite,
};

const suite = positionals[0] ?? "wire";
if (!Object.hasOwn(suites, suite))
  refuse(`There is no suite "${suite}"; there are: ${Object.keys(suites).join(", ")}`);
const results = await suites[suite as keyof typeof suites]();
if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(results, null, 2));
process.exit();

function count(flag: string, text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(number) || number < 1)
    refuse(`Cannot use --${flag} ${text}: it must be a whole number of at least 1`);
  return number;
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
