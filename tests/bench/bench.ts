import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { closedLoop, type Measured } from "./closed-loop.ts";
import { startHoldfast, startRedis, type Subject } from "./subjects.ts";

/**
 * `bun run bench [wire] [--seconds N] [--rounds N] [--json FILE]`: durable sets and gets, side by side with Redis at
 * its strictest durability. The method is in README.md beside this file.
 */
interface Case {
  name: string;
  kind: "set" | "get";
  connections: number;
  pipeline: number;
}

interface Row extends Measured {
  suite: string;
  case: string;
  subject: string;
  rssBytes: number;
  cpuPercent: number;
}

const suites: Record<string, Case[]> = {
  wire: [
    { name: "set, 50 connections, pipeline 128", kind: "set", connections: 50, pipeline: 128 },
    { name: "set, 50 connections, pipeline 16", kind: "set", connections: 50, pipeline: 16 },
    { name: "set, 50 connections, no pipeline", kind: "set", connections: 50, pipeline: 1 },
    { name: "set, 1 connection, pipeline 16", kind: "set", connections: 1, pipeline: 16 },
    { name: "set, 1 connection, no pipeline", kind: "set", connections: 1, pipeline: 1 },
    { name: "get, 50 connections, pipeline 16", kind: "get", connections: 50, pipeline: 16 },
    { name: "get, 50 connections, no pipeline", kind: "get", connections: 50, pipeline: 1 },
  ],
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    json: { type: "string" },
  },
});
const suite = positionals[0] ?? "wire";
const cases = suites[suite];
if (cases === undefined) {
  console.error(`There is no suite "${suite}"; there are: ${Object.keys(suites).join(", ")}`);
  process.exit(2);
}

const rows: Row[] = [];
const host = describeHost();
console.log(
  `${host.cpu}, ${host.cores} cores, ${host.kernel}; fdatasync of an appended 4 KiB: ${host.syncUs} µs`,
);
{
  await using holdfast = await startHoldfast();
  await using redis = (await startRedis()) ?? nobody();
  if (redis.port === 0) console.log("redis-server is not installed: its column is skipped");
  const subjects = [holdfast, redis].filter(({ port }) => port > 0);
  for (const testCase of cases) {
    for (let round = 0; round < Number(flags.rounds); round++) {
      // Who goes first changes every round: the machine's mood must not favour one.
      for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
        rows.push(await measure(testCase, subject, round));
      }
    }
    printCase(testCase, subjects);
  }
}
if (flags.json !== undefined)
  writeFileSync(flags.json, JSON.stringify({ host, rows, ratios: ratios() }, null, 2));

async function measure(testCase: Case, subject: Subject, round: number): Promise<Row> {
  const before = cpuSeconds(subject.pid);
  const measureMs = Number(flags.seconds) * 1000;
  const warmUpMs = 500;
  const result = await closedLoop({
    ...testCase,
    port: subject.port,
    dialect: subject.dialect,
    valueBytes: 100,
    keys: 1_000_000,
    warmUpMs,
    measureMs,
    seed: round + 1,
  });
  if (result.errors > 0)
    throw new Error(`${subject.name} answered ${result.errors} errors: no number is printed`);
  const cpuPercent = ((cpuSeconds(subject.pid) - before) / ((measureMs + warmUpMs) / 1000)) * 100;
  return {
    suite,
    case: testCase.name,
    subject: subject.name,
    ...result,
    rssBytes: rssBytes(subject.pid),
    cpuPercent,
  };
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function rowsOf(testCase: Case, subject: string): Row[] {
  return rows.filter((row) => row.case === testCase.name && row.subject === subject);
}

function printCase(testCase: Case, subjects: Subject[]): void {
  const parts = subjects.map(({ name }) => {
    const own = rowsOf(testCase, name);
    const rates = own.map((row) => row.opsPerSec);
    const spread = `${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))}`;
    return `${name} ${thousands(median(rates))}/s (${spread}), p99 ${median(own.map((row) => row.p99Ms)).toFixed(2)} ms`;
  });
  const ratio = ratios().find((candidate) => candidate.case === testCase.name);
  console.log(
    `${testCase.name.padEnd(36)} ${parts.join(" | ")}${ratio ? ` | ratio ${ratio.ratio.toFixed(2)}` : ""}`,
  );
}

/** Of each round by itself, then the median: rounds are pairs that the machine treated alike. */
function ratios() {
  return cases!.flatMap((testCase) => {
    const ours = rowsOf(testCase, "holdfast");
    const theirs = rowsOf(testCase, "redis");
    if (theirs.length === 0) return [];
    const ratio = median(ours.map((row, round) => row.opsPerSec / theirs[round]!.opsPerSec));
    return [{ suite, case: testCase.name, against: "redis", ratio }];
  });
}

function thousands(rate: number): string {
  return rate >= 100_000 ? `${Math.round(rate / 1000)}k` : `${(rate / 1000).toFixed(1)}k`;
}

function describeHost() {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-sync-"));
  const file = openSync(join(directory, "probe"), "w");
  const block = Buffer.alloc(4096, 1);
  const syncsUs: number[] = [];
  for (let index = 0; index < 200; index++) {
    const startedAt = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    syncsUs.push((performance.now() - startedAt) * 1000);
  }
  closeSync(file);
  rmSync(directory, { recursive: true });
  const { length: cores, 0: cpu } = cpus();
  return {
    cpu: cpu?.model ?? "unknown processor",
    cores,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release()}`,
    bun: Bun.version,
    syncUs: Math.round(median(syncsUs)),
  };
}

function cpuSeconds(pid: number): number {
  const fields = procFile(pid, "stat")?.split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(procFile(pid, "status") ?? "")?.[1] ?? 0) * 1024;
}

function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined; // No /proc: another system; these columns stay 0.
  }
}

function nobody(): Subject {
  return { name: "nobody", port: 0, pid: 0, dialect: undefined!, async [Symbol.asyncDispose]() {} };
}
