import { usageOf } from "./host.ts";
import type { Load, LoadResult } from "./load.ts";
import { latenciesOf, type Row, type SecondPoint, type Series } from "./results.ts";
import type { Subject, Work } from "./subjects.ts";

/** What is measured: where its row and its points belong. */
export interface Measurement {
  suite: string;
  case: string;
  subject: Subject;
  round: number;
  /** How long a round is measured: points of later rounds stand behind those of earlier ones. */
  seconds: number;
  /** The process that makes the load. Default: this one. */
  generatorPid?: number;
}

export interface Measured<R extends LoadResult = LoadResult> {
  row: Row;
  points: SecondPoint[];
  result: R;
}

/** Runs a load, and looks at the server meanwhile: processor and memory, and what it does behind the scenes. */
export async function measure<R extends LoadResult>(
  measurement: Measurement,
  run: (onSecond: NonNullable<Load["onSecond"]>) => Promise<R>,
): Promise<Measured<R>> {
  const { suite, case: name, subject, round, seconds, generatorPid = process.pid } = measurement;
  const points: Promise<SecondPoint>[] = [];
  const look = () => ({
    atMs: performance.now(),
    server: usageOf(subject.pid),
    generatorSeconds: usageOf(generatorPid).cpuSeconds,
  });
  const workBefore = await subject.work();
  const first = look();
  let before = first;
  const percentSince = (then: typeof first, now: typeof first) => {
    const elapsedSeconds = (now.atMs - then.atMs) / 1000;
    return {
      cpuPercent: ((now.server.cpuSeconds - then.server.cpuSeconds) / elapsedSeconds) * 100,
      generatorCpuPercent: ((now.generatorSeconds - then.generatorSeconds) / elapsedSeconds) * 100,
    };
  };
  const result = await run((second) => {
    const now = look();
    const { rssBytes, rssAnonBytes } = now.server;
    const point = { ...second, ...percentSince(before, now), round, rssBytes, rssAnonBytes };
    point.second += round * seconds;
    before = now;
    const sinceBefore = ({ flushes, compactions }: Work) => ({
      flushes: flushes - workBefore.flushes,
      compactions: compactions - workBefore.compactions,
    });
    points.push(subject.work().then((work) => ({ ...point, ...sinceBefore(work) })));
  });
  // The end of the last second: behind it, what was acknowledged was looked for.
  const last = before === first ? look() : before;
  const { rssBytes, rssAnonBytes } = last.server;
  const row: Row = {
    suite,
    case: name,
    subject: subject.name,
    round,
    opsPerSec: result.opsPerSec,
    ...latenciesOf(result.latencies),
    rssBytes,
    rssAnonBytes,
    ...percentSince(first, last),
  };
  return { row, points: await Promise.all(points), result };
}

/** The points of all rounds, as one series for each case and subject. */
export function seriesOf(measured: readonly Pick<Measured, "row" | "points">[]): Series[] {
  const series = new Map<string, Series & { points: SecondPoint[] }>();
  for (const { row, points } of measured) {
    const { suite, case: name, subject } = row;
    const key = JSON.stringify([suite, name, subject]);
    let own = series.get(key);
    if (own === undefined) series.set(key, (own = { suite, case: name, subject, points: [] }));
    own.points.push(...points);
  }
  return [...series.values()];
}
