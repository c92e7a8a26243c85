import { AnswerMeter } from "./answer-meter.ts";
import { putRequests } from "./request-kinds.ts";
import { runRequests } from "./run-requests.ts";
import { findEntries, randomNumbers } from "./scale-reads.ts";
import type { ScaleServer } from "./scale-server.ts";
import { isAtWork, storeStats, tellsWork } from "./store-stats.ts";

export interface CrashFindings {
  /** Whether the store said that it was flushing or merging when it was killed; an old one says nothing. */
  wasAtWork: boolean;
  /** From the start of the new process to its line "ready". */
  readyMs: number;
  /** Writes that the last load had acknowledged when the server was killed. */
  acknowledged: number;
  /** Of these, and of the entries from before that were asked for, those that are gone. */
  lost: number;
  /** Sent and never answered; of these, those that were applied all the same. */
  unanswered: number;
  unansweredApplied: number;
}

export interface CrashOptions {
  server: ScaleServer;
  /** Entries that the store holds; the load goes on behind them. */
  entryCount: number;
  connections: number;
  pipeline: number;
}

/** Kills the server in the middle of a further load, starts it again, and asks for everything that it had answered. */
export async function killDuringLoad(options: CrashOptions): Promise<CrashFindings> {
  const { server, entryCount, connections, pipeline } = options;
  let next = entryCount;
  const meter = new AnswerMeter();
  const load = runRequests({
    port: server.port,
    connections,
    pipeline,
    kind: putRequests(),
    source: { next: () => next++ },
    meter,
    endsWithServer: true,
  });
  const wasAtWork = await Promise.race([untilInTheMiddle(server.port), load.then(() => false)]);
  await server.kill();
  const unanswered = new Set(await load);
  const readyMs = await server.start();

  const last = await findEntries(server.port, numbersBetween(entryCount, next));
  const unappliedCount = last.missing.filter((number) => unanswered.has(number)).length;
  const sample = randomNumbers(sampleEntries, entryCount, entryCount);
  const before = await findEntries(server.port, sample);
  const acknowledged = next - entryCount - unanswered.size;
  if (last.asked !== next - entryCount || meter.answers !== acknowledged)
    throw new Error(
      `${meter.answers} writes were counted as answered, and ${acknowledged} are accounted for`,
    );
  return {
    wasAtWork,
    readyMs,
    acknowledged,
    lost: last.missingCount - unappliedCount + before.missingCount,
    unanswered: unanswered.size,
    unansweredApplied: unanswered.size - unappliedCount,
  };
}

/** A few seconds in, and then at a moment when the store flushes or merges; whether there was one. */
async function untilInTheMiddle(port: number): Promise<boolean> {
  const startedAtMs = performance.now();
  await Bun.sleep(loadMsMin);
  while (performance.now() - startedAtMs < loadMsMax) {
    const stats = await storeStats(port);
    if (isAtWork(stats)) return true;
    if (!tellsWork(stats)) return false;
    await Bun.sleep(5);
  }
  return false;
}

function* numbersBetween(start: number, end: number): Generator<number> {
  for (let number = start; number < end; number++) yield number;
}

const loadMsMin = 3_000;
const loadMsMax = 10_000;
const sampleEntries = 100_000;
