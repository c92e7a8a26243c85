import { join } from "node:path";
import { parseArgs } from "node:util";
import { eventually, within } from "../support/eventually.ts";
import { RawStoreClient } from "../support/raw-store-client.ts";
import { freshSeed } from "../support/seeds.ts";
import { sourceRoot, startServer, type RunningServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { audit } from "./audit.ts";
import { Crowd } from "./crowd.ts";
import { reportText, type FuzzReport } from "./fuzz-report.ts";
import { HonestThread } from "./honest-thread.ts";
import { residentMemoryOf } from "./resident-memory.ts";
import { SentEntries } from "./sent-entries.ts";

export interface FuzzOptions {
  /** Goes on until the crowd has so many of them answered. */
  readonly frames: number;
  readonly seed: number;
  /** Visitors at a time. Default: 96. */
  readonly connections?: number;
  /**
   * The project whose server is tested: a changed copy, to see the fuzz find what was broken. Default: this
   * one.
   */
  readonly root?: string;
}

/**
 * Sets a crowd that sends garbage, and an honest client beside it, on a real server; kills that while the
 * honest client is at work, and judges what a restart finds.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { frames: framesMin, seed, connections = 96, root = sourceRoot } = options;
  using directory = temporaryDirectory();
  const dataDirectory = directory.path;
  const sent = new SentEntries();
  const program = root === sourceRoot ? "tests/fuzz/hasty-server-fixture.ts" : "src/main.ts";
  await using server = await startServer({ dataDirectory, root, program });
  const { pid, port } = server;
  using honestThread = await HonestThread.start(port, seed);
  const observer = await RawStoreClient.open(port);
  const crowd = new Crowd({ port, seed, connections, framesMin, sent });

  const startedMs = performance.now();
  crowd.start();
  using memory = watchMemory(pid);
  const ending = await Promise.race([crowd.enough, memory.exhausted, describeExit(server)]);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { bytesMax: residentBytesMax } = residentMemoryOf(pid);
  crowd.stop();
  const violations = [...crowd.violations];
  if (typeof ending === "string") violations.push(ending);
  const last = await lastLook(observer, pid).catch((error: Error) => {
    violations.push(error.message);
    return undefined;
  });
  await honestThread.expectEnd();
  await server.kill();
  const honest = await honestThread.report();

  const verdict = await verify(root, dataDirectory);
  await using restarted = await startServer({ dataDirectory, root });
  const found = await audit(restarted.port, honest.lanes, sent);

  violations.push(...honest.violations, ...found.violations.slice(0, 10), ...errorsIn(await server.stderr));
  if (verdict !== "clean" && verdict !== "torn") violations.push(`the log is ${verdict} after the kill`);
  if (honest.reads === 0 || honest.writes === 0) violations.push("the honest client got nothing done");
  if (honest.waitMsMax > waitMsMax)
    violations.push(`the honest client waited ${Math.round(honest.waitMsMax)} ms`);
  const { logBytes = 0, eventLoopDelayMsMax = NaN, residentBytesAtRest } = last ?? {};
  const residentBytesBound = residentBytesBase + 2 * logBytes;
  if (residentBytesMax !== undefined && residentBytesMax > residentBytesBound)
    violations.push(
      `the server had ${residentBytesMax} bytes resident, and ${residentBytesBound} are the bound`,
    );

  const { frames, framesByRole, answers, visits, bytesSent } = crowd;
  const ofCrowd = { frames, framesByRole, answers, visits, bytesSent };
  const ofServer = {
    residentBytesMax,
    residentBytesAtRest,
    residentBytesBound,
    eventLoopDelayMsMax,
    logBytes,
  };
  const entriesAfterRestart = found.entries;
  return { seed, seconds, ...ofCrowd, ...ofServer, honest, verdict, entriesAfterRestart, violations };
}

/**
 * What the server may have resident beside its log, of which it keeps in memory what no table holds yet, with
 * an index. Each of the crowd's deaf ones may leave 8 MiB unread, in buffers that double as they grow; giants of
 * 33 MiB are under way; and the collector takes its time. Without its limits the server would hold the 300 MB
 * that some of the deaf ask for, each.
 */
const residentBytesBase = 1024 * 1024 * 1024;

/** Longer than any client of ours would wait. */
const waitMsMax = 5_000;

/** Resolves when the process takes much more than it may: before it takes all that the machine has. */
function watchMemory(pid: number): Disposable & { readonly exhausted: Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setInterval(() => {
    const bytes = residentMemoryOf(pid).bytes ?? 0;
    if (bytes > 4 * residentBytesBase)
      resolve(`the server has ${bytes} bytes resident, and takes more and more`);
  }, 100);
  return { exhausted: promise, [Symbol.dispose]: () => clearInterval(timer) };
}

async function describeExit(server: RunningServerProcess): Promise<string> {
  const exitCode = await server.exited;
  const lastLines = (await server.stderr).trimEnd().split("\n").slice(-3).join("\n");
  return `the server ended with ${exitCode}: ${lastLines}`;
}

/** The server by itself, and that it has let go of everything that was the crowd's. */
async function lastLook(observer: RawStoreClient, pid: number) {
  const stats = await eventually("the server had forgotten the crowd", async () => {
    const now = await within("the server's stats", observer.stats());
    // What is left are the honest client, whose answers are small, and the observer.
    return now["connections"] === 2 && Number(now["outputBytes"]) < 1_000_000 && now;
  });
  const { logBytes } = stats["store"] as { logBytes: number };
  const eventLoopDelayMsMax = Number(stats["eventLoopDelayMsMax"]);
  return { residentBytesAtRest: residentMemoryOf(pid).bytes, logBytes, eventLoopDelayMsMax };
}

async function verify(root: string, dataDirectory: string): Promise<string> {
  const command = [process.execPath, join(root, "src/main.ts"), "wal", "verify", "--json", dataDirectory];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  return (JSON.parse(await new Response(child.stdout).text()) as { verdict: string }).verdict;
}

/** A server logs an error only when something is wrong with itself. */
function errorsIn(log: string): string[] {
  const lines = log.split("\n").filter((line) => line.includes('"level":"error"'));
  return lines.slice(0, 3);
}

if (import.meta.main) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { frames: text, seed: text, connections: text, root: text } });
  const report = await fuzz({
    frames: Number(values.frames ?? 1_000_000),
    seed: values.seed === undefined ? freshSeed() : Number(values.seed) >>> 0,
    ...(values.connections !== undefined && { connections: Number(values.connections) }),
    ...(values.root !== undefined && { root: values.root }),
  });
  console.log(reportText(report));
  process.exit(report.violations.length === 0 ? 0 : 1);
}
