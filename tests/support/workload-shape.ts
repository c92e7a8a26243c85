import { randomBelow, type Random } from "../../src/lib/random.ts";

/** What the clients of one round do. All of it follows from the round's seed. */
export interface WorkloadShape {
  readonly writers: number;
  readonly readers: number;
  /** How many of the writers go through the typed client; the others speak the protocol themselves. */
  readonly typedWriters: number;
  /** Requests that a writer keeps in flight. */
  readonly depth: number;
  readonly keyCount: number;
  readonly valueBytesMax: number;
  readonly batchOperationsMax: number;
  /** Out of 100 writes so many are batches, deletes, and conditional. */
  readonly batchShare: number;
  readonly deleteShare: number;
  readonly conditionShare: number;
  /** Undefined: the server's own, so that one segment takes everything. */
  readonly segmentBytesMax: number | undefined;
  /** The kill follows when so many writes are acknowledged, or at least one is and so much time has passed. */
  readonly killAfterAcks: number;
  readonly killAfterMs: number;
}

export const writersMin = 8;

export function randomShape(random: Random): WorkloadShape {
  const pick = <T>(...choices: T[]): T => choices[randomBelow(random, choices.length)]!;
  const writers = writersMin + randomBelow(random, 9);
  const valueBytesMax = pick(16, 16, 100, 100, 1_000, 10_000, 100_000);
  return {
    writers,
    readers: 1 + randomBelow(random, 4),
    typedWriters: randomBelow(random, 1 + writers / 2),
    depth: valueBytesMax > 10_000 ? pick(1, 4) : pick(1, 2, 8, 16, 64),
    keyCount: pick(4, 16, 64, 256),
    valueBytesMax,
    batchOperationsMax: pick(2, 4, 16),
    batchShare: pick(0, 10, 30, 60),
    deleteShare: pick(0, 10, 30),
    conditionShare: pick(0, 10, 40),
    segmentBytesMax: pick(undefined, undefined, 4_096, 65_536, 1_048_576),
    // Most kills come early, where first writes, rotations and idle seals are.
    killAfterMs: 10 + Math.floor(700 * (random.uint32() / 2 ** 32) ** 2),
    killAfterAcks: Math.floor(10 ** (5 * (random.uint32() / 2 ** 32))) - 1,
  };
}

export function describeShape(shape: WorkloadShape): string {
  return Object.entries(shape)
    .map(([name, value]) => `${name}=${value ?? "default"}`)
    .join(" ");
}
