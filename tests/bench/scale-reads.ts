import { seededRandom } from "../../src/lib/random.ts";
import { AnswerMeter } from "./answer-meter.ts";
import { getRequests, maybeRequests } from "./request-kinds.ts";
import { runRequests } from "./run-requests.ts";

export interface ReadOptions {
  port: number;
  connections: number;
  pipeline: number;
  /** The store holds the entries below this. */
  entryCount: number;
  seconds: number;
  /** How many of a hundred keys are asked for that the store does not hold. */
  absentPercent: number;
}

/** Gets of random entries, all values checked; a second of warm-up is not counted. */
export async function readRandomly(options: ReadOptions): Promise<AnswerMeter> {
  const { port, connections, pipeline, entryCount, seconds, absentPercent } = options;
  const random = seededRandom(entryCount + absentPercent);
  const absentBelow = (absentPercent / 100) * 2 ** 32;
  const meter = new AnswerMeter();
  let isStopping = false;
  const next = () => {
    if (isStopping) return -1;
    const isAbsent = absentPercent > 0 && random.uint32() < absentBelow;
    const number = Math.floor((random.uint32() / 2 ** 32) * entryCount);
    return isAbsent ? entryCount + number : number;
  };
  const warmUp = setTimeout(() => meter.restart(performance.now()), warmUpMs);
  const end = setTimeout(() => (isStopping = true), warmUpMs + seconds * 1000);
  try {
    await runRequests({
      port,
      connections,
      pipeline,
      kind: getRequests((number) => number < entryCount),
      source: { next },
      meter,
    });
  } finally {
    clearTimeout(warmUp);
    clearTimeout(end);
  }
  return meter;
}

export interface Found {
  asked: number;
  /** The first of those that were not there, and how many that were. */
  missing: number[];
  missingCount: number;
}

/** Asks for entries by number; of each it must be told its value, or that it is not there. */
export async function findEntries(port: number, numbers: Iterable<number>): Promise<Found> {
  const iterator = numbers[Symbol.iterator]();
  const found: Found = { asked: 0, missing: [], missingCount: 0 };
  const kind = maybeRequests((entryNumber, isThere) => {
    found.asked++;
    if (isThere) return;
    found.missingCount++;
    if (found.missing.length < missingKept) found.missing.push(entryNumber);
  });
  const next = () => iterator.next().value ?? -1;
  await runRequests({
    port,
    connections: 8,
    pipeline: 128,
    kind,
    source: { next },
    meter: new AnswerMeter(),
  });
  return found;
}

/** `count` random ones of the numbers below `bound`. */
export function* randomNumbers(count: number, bound: number, seed: number): Generator<number> {
  const random = seededRandom(seed);
  for (let index = 0; index < count; index++) yield Math.floor((random.uint32() / 2 ** 32) * bound);
}

const warmUpMs = 1000;
const missingKept = 100_000;
