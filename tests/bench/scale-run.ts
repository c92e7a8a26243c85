import type { AnswerMeter } from "./answer-meter.ts";
import { scanRaw, scanTyped } from "./full-scan.ts";
import { usageOf } from "./host.ts";
import { LatencyHistogram } from "./latency-histogram.ts";
import { entryBytes } from "./numbered-entries.ts";
import { latenciesOf, megabytes, thousands, type Row } from "./results.ts";
import { killDuringLoad, type CrashFindings } from "./scale-crash.ts";
import { load, type LoadPoint } from "./scale-load.ts";
import { findEntries, randomNumbers, readRandomly } from "./scale-reads.ts";
import { ScaleServer } from "./scale-server.ts";
import { knowsSnapshots, storeStats, tellsWork, untilSettled, type StoreStats } from "./store-stats.ts";

export interface ScaleOptions {
  /** Where the directory of the data is made. */
  parentDirectory: string;
  /** The source under test. */
  root: string;
  subject: string;
  connections: number;
  /** Writes that each connection keeps unanswered; reads are fewer, so that their latency means something. */
  pipeline: number;
  /** How long each kind of get is measured. */
  seconds: number;
  settleSecondsMax: number;
}

/** What a store of one size showed. */
export interface Findings {
  entryCount: number;
  rows: Row[];
  points: LoadPoint[];
  load: AnswerMeter;
  settledMs: number | undefined;
  diskBytes: Record<string, number>;
  statsSettled: StoreStats;
  /** After the gets: caches and filters have something to tell. */
  statsRead: StoreStats;
  /** By the store's own account, and by the kernel's; undefined where nobody keeps one. */
  writtenBytes: number | undefined;
  writtenBytesByKernel: number;
  /** Of the server's own memory, through load, gets and scans. */
  rssAnonPeakBytes: number;
  rssPeakBytes: number;
  stopMs: number;
  readyMs: number;
  crash: CrashFindings;
}

/** All phases on a fresh store of this size. Whatever is wrong, apart from lost writes, ends it with an error. */
export async function runScale(entryCount: number, options: ScaleOptions): Promise<Findings> {
  await using server = new ScaleServer(options.parentDirectory, options.root);
  const rows: Row[] = [];
  /** Measures a phase, and keeps it as a row. */
  const measured = async (name: string, run: () => Promise<{ perSecond: number; meter?: AnswerMeter }>) => {
    const before = { server: server.usage(), own: usageOf(process.pid), atMs: performance.now() };
    const { perSecond, meter } = await run();
    const usage = server.usage();
    const seconds = (performance.now() - before.atMs) / 1000;
    const percent = (now: number, then: number) => ((now - then) / seconds) * 100;
    const row: Row = {
      suite: "scale",
      case: `${entryCount} keys: ${name}`,
      subject: options.subject,
      opsPerSec: perSecond,
      ...latenciesOf(meter?.latencies ?? new LatencyHistogram()),
      rssBytes: usage.rssBytes,
      rssAnonBytes: usage.rssAnonBytes,
      cpuPercent: percent(usage.cpuSeconds, before.server.cpuSeconds),
    };
    rows.push(row);
    const own = percent(usageOf(process.pid).cpuSeconds, before.own.cpuSeconds);
    const latency = meter === undefined ? "" : `, ${percentiles(row)}`;
    const cpu = `cpu ${row.cpuPercent.toFixed(0)} %, generator ${own.toFixed(0)} %`;
    console.log(
      `  ${name}: ${thousands(perSecond)}/s${latency}; ${cpu}; own ${megabytes(usage.rssAnonBytes)}, files ${megabytes(usage.rssFileBytes)}`,
    );
    return meter;
  };

  console.log(`\n${entryCount.toLocaleString("en")} keys, in ${server.directory}`);
  await server.start();
  const { connections, pipeline } = options;
  let points: LoadPoint[] = [];
  const total = await measured("load", async () => {
    const loaded = await load({ server, entryCount, connections, pipeline, onPoint: printPoint });
    ({ points } = loaded);
    return { perSecond: loaded.total.perSecond, meter: loaded.total };
  });

  printPauses(total!);
  const settledMs = tellsWork(await storeStats(server.port))
    ? await untilSettled(server.port, options.settleSecondsMax * 1000)
    : undefined;
  const statsSettled = await storeStats(server.port);
  const diskBytes = server.diskBytes();
  const writtenBytesByKernel = server.usage().writtenBytes;
  const { walBytesWritten, tableBytesWritten } = statsSettled;
  const writtenBytes = walBytesWritten === undefined ? undefined : walBytesWritten + (tableBytesWritten ?? 0);
  const took = !tellsWork(statsSettled)
    ? "does not say whether it has settled"
    : settledMs === undefined
      ? `NOT SETTLED after ${options.settleSecondsMax} s`
      : `settled after ${seconds(settledMs)}`;
  const disk = Object.entries(diskBytes).map(([folder, bytes]) => `${folder} ${megabytes(bytes)}`);
  console.log(`  ${took}; on disk: ${disk.join(", ")}, for ${megabytes(entryCount * entryBytes)} of entries`);

  const reads = {
    port: server.port,
    connections,
    pipeline: readPipeline,
    entryCount,
    seconds: options.seconds,
  };
  for (const absentPercent of [0, 10]) {
    const name = absentPercent === 0 ? "get, existing keys" : `get, ${absentPercent} % absent keys`;
    await measured(name, async () => {
      const meter = await readRandomly({ ...reads, absentPercent });
      return { perSecond: meter.perSecond, meter };
    });
  }
  const statsRead = await storeStats(server.port);
  const hasSnapshots = await knowsSnapshots(server.port);
  await measured(scanRawCase, async () => {
    const meter = await scanRaw(server.port, entryCount, hasSnapshots);
    return { perSecond: (entryCount / meter.elapsedMs) * 1000, meter };
  });
  await measured("scan, typed client", async () => ({
    perSecond: await scanTyped(server.port, entryCount, options.root),
  }));

  const { rssPeakBytes } = server.usage();
  const { rssAnonPeakBytes } = server;
  const stopMs = await server.stop();
  const readyMs = await server.start();
  console.log(`  SIGTERM: ended after ${seconds(stopMs)}; started again: ready after ${seconds(readyMs)}`);
  const sample = await findEntries(server.port, randomNumbers(10_000, entryCount, 1));
  if (sample.missingCount > 0) throw new Error(`${sample.missingCount} of 10,000 entries are gone`);

  const crash = await killDuringLoad({ server, entryCount, connections, pipeline });
  printCrash(crash);
  return {
    entryCount,
    rows,
    points,
    load: total!,
    settledMs,
    diskBytes,
    statsSettled,
    statsRead,
    writtenBytes,
    writtenBytesByKernel,
    rssAnonPeakBytes,
    rssPeakBytes,
    stopMs,
    readyMs,
    crash,
  };
}

export const scanRawCase = "scan, raw protocol";

/** The gets that each connection keeps unanswered: as in the wire suite. */
const readPipeline = 16;

/** What the store tells of its work behind the scenes, as far as a line has room for it. */
const workNames = [
  "pendingFlushes",
  "compactionPending",
  "flushes",
  "compactions",
  "levelTables",
  "writesSlowedMs",
];

function printPoint(point: LoadPoint): void {
  const { entries, perSecond, pauseMsMax, rssAnonBytes, rssFileBytes, cpuPercent, generatorCpuPercent } =
    point;
  const { store } = point;
  const told = workNames.flatMap((name) => (store[name] === undefined ? [] : [`${name} ${store[name]}`]));
  console.log(
    [
      `  ${(entries / 1e6).toFixed(entries % 1_000_000 === 0 ? 0 : 2).padStart(5)} M`,
      `${thousands(perSecond).padStart(5)}/s`,
      percentiles(point),
      `longest without an ack ${pauseMsMax.toFixed(1)} ms`,
      `own ${megabytes(rssAnonBytes)}, files ${megabytes(rssFileBytes)}`,
      `cpu ${cpuPercent.toFixed(0)} %, generator ${generatorCpuPercent.toFixed(0)} %`,
      ...told,
    ].join("; "),
  );
}

/** Where the time went in the generator is told as well: it may be the one that paused. */
function printPauses({ pauses, pauseMsMax, ownTurnMsMax }: AnswerMeter): void {
  const long = pauses.map(({ atMs, pauseMs }) => `${pauseMs.toFixed(0)} ms at ${seconds(atMs)}`);
  const listed = long.length > 10 ? [...long.slice(0, 10), `… ${long.length} in all`] : long;
  const list = listed.length === 0 ? "" : `, of 20 ms or more: ${listed.join(", ")}`;
  console.log(
    `  longest without an ack ${pauseMsMax.toFixed(1)} ms${list}; generator busy for at most ${ownTurnMsMax.toFixed(1)} ms at once`,
  );
}

function printCrash(crash: CrashFindings): void {
  const { wasAtWork, readyMs, acknowledged, lost, unanswered, unansweredApplied } = crash;
  console.log(
    `  SIGKILL after ${thousands(acknowledged)} further writes${wasAtWork ? ", during a flush or a merge" : ""}: ready after ${seconds(readyMs)}; ` +
      `acknowledged and lost: ${lost}; unanswered: ${unanswered}, of which ${unansweredApplied} were applied`,
  );
}

function percentiles(row: Pick<Row, "p50Ms" | "p99Ms" | "p999Ms" | "maxMs">): string {
  const { p50Ms, p99Ms, p999Ms, maxMs } = row;
  return `p50 ${p50Ms.toFixed(2)}, p99 ${p99Ms.toFixed(2)}, p99.9 ${p999Ms.toFixed(2)}, max ${maxMs.toFixed(1)} ms`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
