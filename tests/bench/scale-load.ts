import { AnswerMeter } from "./answer-meter.ts";
import { usageOf, type Usage } from "./host.ts";
import { putRequests } from "./request-kinds.ts";
import { runRequests } from "./run-requests.ts";
import type { ScaleServer } from "./scale-server.ts";
import { storeStats, type StoreStats } from "./store-stats.ts";

/** A million of the load, or what a shorter one is cut into. */
export interface LoadPoint extends Usage {
  /** Entries written when it ended. */
  entries: number;
  /** When it ended, since the load began. */
  atMs: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  p999Ms: number;
  /** The longest that a write took. */
  maxMs: number;
  /** The longest time in which no write was answered. */
  pauseMsMax: number;
  cpuPercent: number;
  generatorCpuPercent: number;
  /** What the store said of itself at its end. */
  store: StoreStats;
}

export interface LoadOptions {
  server: ScaleServer;
  entryCount: number;
  connections: number;
  pipeline: number;
  onPoint: (point: LoadPoint) => void;
}

/** Writes the entries 0 .. entryCount - 1, each once, and waits until all are acknowledged. */
export async function load(options: LoadOptions): Promise<{ total: AnswerMeter; points: LoadPoint[] }> {
  const { server, entryCount, connections, pipeline } = options;
  const answersPerPoint = Math.min(pointEntries, Math.ceil(entryCount / 5));
  const total = new AnswerMeter();
  const stretch = new AnswerMeter(total.startedAtMs);
  const points: Promise<LoadPoint>[] = [];
  let before = server.usage();
  let ownBefore = usageOf(process.pid);

  const endStretch = (nowMs: number) => {
    const usage = server.usage();
    const own = usageOf(process.pid);
    const seconds = stretch.elapsedMs / 1000;
    const { latencies } = stretch;
    total.add(stretch);
    const point = {
      entries: total.answers,
      atMs: total.elapsedMs,
      perSecond: stretch.perSecond,
      p50Ms: latencies.percentileMs(0.5),
      p99Ms: latencies.percentileMs(0.99),
      p999Ms: latencies.percentileMs(0.999),
      maxMs: latencies.maxMs,
      pauseMsMax: stretch.pauseMsMax,
      ...usage,
      cpuPercent: ((usage.cpuSeconds - before.cpuSeconds) / seconds) * 100,
      generatorCpuPercent: ((own.cpuSeconds - ownBefore.cpuSeconds) / seconds) * 100,
    };
    points.push(
      storeStats(server.port).then((store) => {
        const whole = { ...point, store };
        options.onPoint(whole);
        return whole;
      }),
    );
    before = usage;
    ownBefore = own;
    stretch.restart(nowMs);
  };

  let next = 0;
  await runRequests({
    port: server.port,
    connections,
    pipeline,
    kind: putRequests(),
    source: { next: () => (next < entryCount ? next++ : -1) },
    meter: stretch,
    onAnswers(nowMs) {
      if (stretch.answers >= answersPerPoint) endStretch(nowMs);
    },
  });
  if (stretch.answers > 0) endStretch(stretch.lastAnswerAtMs);
  if (total.answers !== entryCount) throw new Error(`${total.answers} of ${entryCount} writes were answered`);
  return { total, points: await Promise.all(points) };
}

const pointEntries = 1_000_000;
