import { closedLoop } from "./closed-loop.ts";
import { describeHost, usageOf, type Host } from "./host.ts";
import { median, thousands, type Ratio, type Results, type Row } from "./results.ts";
import { startHoldfast, startRedis, type Subject } from "./subjects.ts";

/** Durable sets and gets, side by side with Redis at its strictest durability. */
interface Case {
  name: string;
  kind: "set" | "get";
  connections: number;
  pipeline: number;
}

const cases: Case[] = [
  { name: "set, 50 connections, pipeline 128", kind: "set", connections: 50, pipeline: 128 },
  { name: "set, 50 connections, pipeline 16", kind: "set", connections: 50, pipeline: 16 },
  { name: "set, 50 connections, no pipeline", kind: "set", connections: 50, pipeline: 1 },
  { name: "set, 1 connection, pipeline 16", kind: "set", connections: 1, pipeline: 16 },
  { name: "set, 1 connection, no pipeline", kind: "set", connections: 1, pipeline: 1 },
  { name: "get, 50 connections, pipeline 16", kind: "get", connections: 50, pipeline: 16 },
  { name: "get, 50 connections, no pipeline", kind: "get", connections: 50, pipeline: 1 },
];

export interface WireOptions {
  /** How long each case is measured, in each round. */
  seconds: number;
  rounds: number;
  /** Where the source of the server is. */
  root: string;
}

export async function runWireSuite(options: WireOptions): Promise<Results & { host: Host }> {
  const host = describeHost();
  console.log(
    `${host.cpu}, ${host.cores} cores, ${host.kernel}; fdatasync of an appended 4 KiB: ${host.syncUs} µs`,
  );
  const rows: Row[] = [];
  await using holdfast = await startHoldfast(options.root);
  await using redis = (await startRedis()) ?? nobody();
  if (redis.port === 0) console.log("redis-server is not installed: its column is skipped");
  const subjects = [holdfast, redis].filter(({ port }) => port > 0);
  for (const testCase of cases) {
    for (let round = 0; round < options.rounds; round++) {
      // Who goes first changes every round: the machine's mood must not favour one.
      for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
        rows.push(await measure(testCase, subject, round, options.seconds));
      }
    }
    printCase(testCase, subjects, rows);
  }
  return { host, rows, ratios: cases.flatMap((testCase) => ratioOf(testCase, rows)), goals: [], series: [] };
}

async function measure(testCase: Case, subject: Subject, round: number, seconds: number): Promise<Row> {
  const before = usageOf(subject.pid).cpuSeconds;
  const measureMs = seconds * 1000;
  const warmUpMs = 500;
  const { errors, ...measured } = await closedLoop({
    ...testCase,
    port: subject.port,
    dialect: subject.dialect,
    valueBytes: 100,
    keys: 1_000_000,
    warmUpMs,
    measureMs,
    seed: round + 1,
  });
  if (errors > 0) throw new Error(`${subject.name} answered ${errors} errors: no number is printed`);
  const { cpuSeconds, rssBytes } = usageOf(subject.pid);
  const cpuPercent = ((cpuSeconds - before) / ((measureMs + warmUpMs) / 1000)) * 100;
  return { suite: "wire", case: testCase.name, subject: subject.name, ...measured, rssBytes, cpuPercent };
}

function rowsOf(testCase: Case, subject: string, rows: Row[]): Row[] {
  return rows.filter((row) => row.case === testCase.name && row.subject === subject);
}

function printCase(testCase: Case, subjects: Subject[], rows: Row[]): void {
  const parts = subjects.map(({ name }) => {
    const own = rowsOf(testCase, name, rows);
    const rates = own.map((row) => row.opsPerSec);
    const spread = `${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))}`;
    return `${name} ${thousands(median(rates))}/s (${spread}), p99 ${median(own.map((row) => row.p99Ms)).toFixed(2)} ms`;
  });
  const [found] = ratioOf(testCase, rows);
  console.log(
    `${testCase.name.padEnd(36)} ${parts.join(" | ")}${found ? ` | ratio ${found.ratio.toFixed(2)}` : ""}`,
  );
}

/** Of each round by itself, then the median: rounds are pairs that the machine treated alike. */
function ratioOf(testCase: Case, rows: Row[]): Ratio[] {
  const ours = rowsOf(testCase, "holdfast", rows);
  const theirs = rowsOf(testCase, "redis", rows);
  if (theirs.length === 0) return [];
  const ratio = median(ours.map((row, round) => row.opsPerSec / theirs[round]!.opsPerSec));
  return [{ suite: "wire", case: testCase.name, against: "redis", ratio }];
}

function nobody(): Subject {
  return { name: "nobody", port: 0, pid: 0, dialect: undefined!, async [Symbol.asyncDispose]() {} };
}
