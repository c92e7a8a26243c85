import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { sourceRoot } from "../support/server-process.ts";
import { runClientSuite } from "./client-suite.ts";
import { runEmbeddedSuite } from "./embedded-suite.ts";
import { runEtcdSuite } from "./etcd-suite.ts";
import { runGeneratorSuite } from "./generator-suite.ts";
import { describeHost, printHost, type Host } from "./host.ts";
import { htmlReport } from "./html-report.ts";
import { runLimitSuite } from "./limit-suite.ts";
import { printGoals } from "./print-case.ts";
import { runRedisScale } from "./redis-scale-suite.ts";
import type { Results } from "./results.ts";
import { runScaleSuite } from "./scale-suite.ts";
import { runSlowDiskSuite } from "./slow-disk-suite.ts";
import type { Suite, SuiteOptions, SuiteResults } from "./suite.ts";
import { runWireSuite } from "./wire-suite.ts";

/** How large the stores of `scale` are, unless somebody says so. Above all that runs: a suite may use it at once. */
const growthKeys = "1000000,5000000";

const { values: flags, positionals } = parsedArguments();

/** What `bench` knows, in the order of `bench all`. */
const suites: Record<string, { what: string; run: Suite }> = {
  wire: { what: "durable sets and gets over the wire, beside Redis", run: runWireSuite },
  client: { what: "calls of the typed client, beside Bun.RedisClient", run: runClientSuite },
  limit: { what: "what durability costs, beside what the machine allows", run: runLimitSuite },
  "slow-disk": { what: "durable sets and gets where syncs take milliseconds", run: runSlowDiskSuite },
  embedded: {
    what: "the log and the engine in one's own process, beside SQLite and LMDB",
    run: runEmbeddedSuite,
  },
  etcd: { what: "durable puts and ranges, beside etcd", run: runEtcdSuite },
  scale: { what: "one store as it grows, and ten million entries beside Redis", run: runScaleSuites },
};
/** Those that measure the bench itself: `bench all` leaves them out. */
const own: typeof suites = {
  generator: { what: "what a request costs the generator of the scale suite", run: runGeneratorSuite },
};

const usage = `bun run bench <SUITE|SUITE,SUITE|all|list> [--seconds N] [--rounds N] [--json FILE] [--html FILE]
               [--cases TEXT] [--data DIRECTORY] [--server DIRECTORY]
bun run bench report --json FILE --html FILE     # the page of an earlier run
The suites: ${Object.keys(suites).join(", ")}; and ${Object.keys(own).join(", ")}, which all leaves out.
What they measure, and how, is in tests/bench/README.md.`;

// An interrupted bench ends as a finished one does: servers go with it, and directories are removed.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const [wanted, ...more] = positionals;
if (wanted === undefined || more.length > 0) refuse(usage);
if (wanted === "list") list();
else if (wanted === "report") report();
else await runSuites(wanted === "all" ? Object.keys(suites) : wanted.split(","));
process.exit();

async function runSuites(names: string[]): Promise<void> {
  const all = { ...suites, ...own };
  const unknown = names.find((name) => !Object.hasOwn(all, name));
  if (unknown !== undefined) refuse(`There is no suite "${unknown}".\n${usage}`);
  const options: SuiteOptions = {
    seconds: count("seconds", flags.seconds),
    rounds: count("rounds", flags.rounds),
    // Another version of the server than the one that the bench came with: so two can be compared.
    root: resolve(flags.server ?? sourceRoot),
    dataDirectory: flags.data,
    ...(flags.cases === undefined ? {} : { cases: flags.cases }),
  };
  const directory = resolve(flags.data ?? tmpdir());
  const results = { host: describeHost(directory) as Host, rows: [], ratios: [], goals: [], series: [] };
  for (const name of names) {
    const startedAtMs = performance.now();
    const { what, run } = all[name]!;
    console.log(`\n== ${name}: ${what}`);
    const host = describeHost(directory);
    printHost(host, directory);
    const { syncUs, syncP99Us, syncMaxUs } = host;
    results.host.syncs = { ...results.host.syncs, [name]: { syncUs, syncP99Us, syncMaxUs } };
    try {
      addTo(results, await run(options));
    } catch (error) {
      // The others still have their numbers to tell; this one has none.
      console.error(`${name} failed: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = 1;
    }
    console.log(`\n${name} took ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s`);
    // After each suite: who interrupts a long run has what it found by then.
    write(results);
  }
  console.log("");
  printGoals(results.ratios, results.goals);
}

function addTo(results: SuiteResults, found: SuiteResults): void {
  results.rows.push(...found.rows);
  results.ratios.push(...found.ratios);
  results.goals.push(...found.goals);
  results.series.push(...found.series);
}

function write(results: Results): void {
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, null, 1)}\n`);
  if (flags.html !== undefined) writeFileSync(flags.html, htmlReport(results));
}

function report(): void {
  const { json, html } = flags;
  if (json === undefined || html === undefined)
    refuse("A report needs --json FILE, to read, and --html FILE");
  writeFileSync(html, htmlReport(JSON.parse(readFileSync(json, "utf8")) as Results));
}

function list(): void {
  for (const [name, { what }] of Object.entries({ ...suites, ...own }))
    console.log(`${name.padEnd(10)} ${what}`);
}

/** Who says how many keys wants to see stores of these sizes, and not to wait for Redis. */
async function runScaleSuites(options: SuiteOptions): Promise<SuiteResults> {
  const found: SuiteResults = { rows: [], ratios: [], goals: [], series: [] };
  if (options.cases === undefined) addTo(found, await runGrowth(options, flags.keys ?? growthKeys));
  if (flags.keys === undefined) addTo(found, await runRedisScale(options));
  return found;
}

function runGrowth({ root, seconds, dataDirectory }: SuiteOptions, keys: string): Promise<SuiteResults> {
  return runScaleSuite({
    entryCounts: keys.split(",").map((text) => count("keys", text)),
    data: dataDirectory,
    root,
    subject: flags.server === undefined ? "holdfast" : `holdfast in ${basename(root)}`,
    connections: count("connections", flags.connections),
    pipeline: count("pipeline", flags.pipeline),
    seconds,
    settleSecondsMax: count("settle-seconds", flags["settle-seconds"]),
  });
}

function parsedArguments() {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { ...text, default: "3" },
        rounds: { ...text, default: "3" },
        cases: text,
        data: text,
        server: text,
        json: text,
        html: text,
        keys: text,
        connections: { ...text, default: "16" },
        pipeline: { ...text, default: "256" },
        "settle-seconds": { ...text, default: "600" },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

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
