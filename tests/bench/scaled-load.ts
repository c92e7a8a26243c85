import { AnswerMeter } from "./answer-meter.ts";
import { usageOf, type Usage } from "./host.ts";
import type { EntrySource } from "./request-window.ts";
import { latenciesOf, type Row, type SecondPoint } from "./results.ts";
import type { scaledHoldfast } from "./scaled-holdfast.ts";
import type { ScaledSubject } from "./scaled-subject.ts";

/** So few that they fit into one segment of the log: nothing is flushed while they are put. */
const burstEntries = 150_000;
const burstCount = 10;
/** The first ones are slower: the server's code is compiled meanwhile. */
const burstsUncounted = 4;

/**
 * Puts the first entries in bursts, with nothing behind the scenes: everything was flushed and compacted before, and
 * a burst ends before its segment does. Returns the bursts' rates, and how many entries they put.
 */
export async function putInBursts(
  holdfast: ReturnType<typeof scaledHoldfast>,
  entryCount: number,
): Promise<{ perSecond: number[]; entries: number }> {
  const perSecond: number[] = [];
  let entries = 0;
  // A small store, as in a trial of the bench, gets fewer.
  while (perSecond.length < burstCount && entries + burstEntries <= entryCount / 2) {
    await holdfast.checkpoint();
    const meter = new AnswerMeter();
    const flushesBefore = (await holdfast.work()).flushes;
    await holdfast.put(numbersBetween(entries, entries + burstEntries), meter);
    if ((await holdfast.work()).flushes > flushesBefore)
      throw new Error("A segment was flushed in the middle of what should fit into one");
    entries += burstEntries;
    perSecond.push(meter.perSecond);
  }
  return { perSecond: perSecond.slice(Math.min(burstsUncounted, perSecond.length - 1)), entries };
}

/** Puts the rest, each entry once, and waits until nothing is left to do. Memory is the most that was seen. */
export async function putTheRest(
  subject: ScaledSubject,
  named: Pick<Row, "suite" | "case">,
  from: number,
  entryCount: number,
): Promise<{ row: Row; points: SecondPoint[] }> {
  const total = new AnswerMeter();
  const second = new AnswerMeter(total.startedAtMs);
  const points: Promise<SecondPoint>[] = [];
  const look = () => ({ atMs: performance.now(), server: subject.usage(), own: usageOf(process.pid) });
  const first = look();
  let before = first;
  const endSecond = () => {
    const now = look();
    const { latencies, perSecond: opsPerSec } = second;
    const point: SecondPoint = {
      second: (now.atMs - first.atMs) / 1000,
      opsPerSec,
      p99Ms: latencies.percentileMs(0.99),
      maxMs: latencies.maxMs,
      ...percentsSince(before, now),
      rssBytes: now.server.rssBytes,
      rssAnonBytes: now.server.rssAnonBytes,
    };
    points.push(subject.work().then((work) => ({ ...point, ...work })));
    total.add(second);
    second.restart(now.atMs);
    before = now;
  };
  const tick = setInterval(endSecond, 1000);
  try {
    await subject.put(numbersBetween(from, entryCount), second);
  } finally {
    clearInterval(tick);
  }
  total.add(second);
  const last = look();
  await Promise.all(points);
  await subject.settle();
  subject.usage();
  if (total.answers !== entryCount - from)
    throw new Error(`${subject.name} answered ${total.answers} of ${entryCount - from} puts`);
  const row: Row = {
    ...named,
    subject: subject.name,
    round: 0,
    opsPerSec: total.perSecond,
    ...latenciesOf(total.latencies),
    rssBytes: subject.rssPeakBytes,
    rssAnonBytes: subject.rssAnonPeakBytes,
    ...percentsSince(first, last),
  };
  return { row, points: await Promise.all(points) };
}

interface Look {
  atMs: number;
  server: Usage;
  own: Usage;
}

function percentsSince(then: Look, now: Look): { cpuPercent: number; generatorCpuPercent: number } {
  const seconds = (now.atMs - then.atMs) / 1000;
  const percent = (which: "server" | "own") =>
    ((now[which].cpuSeconds - then[which].cpuSeconds) / seconds) * 100;
  return { cpuPercent: percent("server"), generatorCpuPercent: percent("own") };
}

function numbersBetween(from: number, to: number): EntrySource {
  let next = from;
  return { next: () => (next < to ? next++ : -1) };
}
