import { randomBelow, type Random } from "../../src/lib/random.ts";

/** What the clients of one round do. All of it follows from the round's seed. */
export interface WorkloadShape {
  readonly writers: number;
  readonly readers: number;
  /** Clients that hold snapshots and read them again and again. */
  readonly snapshotReaders: number;
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
  /**
   * Memtables, tables, levels and the manifest have sizes that follow from it. Undefined: the server's own, so that one
   * segment takes everything.
   */
  readonly segmentBytesMax: number | undefined;
  /** Undefined: the server's own, in which all tables have room. */
  readonly cacheBytesMax: number | undefined;
  /** A backup is made meanwhile. */
  readonly hasBackup: boolean;
  /** The server is not killed, but told to end when all is answered. */
  readonly endsInOrder: boolean;
  /** The kill follows when so many writes are acknowledged, or at least one is and so much time has passed; */
  readonly killAfterAcks: number;
  readonly killAfterMs: number;
  /** but not before so much was done behind the requests. */
  readonly flushesMin: number;
  readonly compactionsMin: number;
}

export const writersMin = 8;

export function randomShape(random: Random): WorkloadShape {
  const pick = <T>(...choices: T[]): T => choices[randomBelow(random, choices.length)]!;
  const writers = writersMin + randomBelow(random, 9);
  const valueBytesMax = pick(16, 16, 100, 100, 1_000, 10_000, 100_000);
  return {
    writers,
    readers: 1 + randomBelow(random, 4),
    snapshotReaders: randomBelow(random, 4),
    typedWriters: randomBelow(random, 1 + writers / 2),
    depth: valueBytesMax > 10_000 ? pick(1, 4) : pick(1, 2, 8, 16, 64),
    keyCount: pick(4, 16, 64, 256),
    valueBytesMax,
    batchOperationsMax: pick(2, 4, 16),
    batchShare: pick(0, 10, 30, 60),
    deleteShare: pick(0, 10, 30),
    conditionShare: pick(0, 10, 40),
    segmentBytesMax: pick(4_096, 4_096, 8_192, 16_384, 32_768, 65_536, 1_048_576, undefined),
    cacheBytesMax: pick(undefined, 65_536),
    hasBackup: randomBelow(random, 6) === 0,
    endsInOrder: randomBelow(random, 12) === 0,
    // Most kills come early, where first writes, rotations and idle seals are.
    killAfterMs: 10 + Math.floor(2_500 * fraction(random) ** 3),
    flushesMin: 0,
    compactionsMin: 0,
    killAfterAcks: pick(Infinity, Math.floor(10 ** (5 * fraction(random))) - 1),
  };
}

/** From 0 to 1. */
function fraction(random: Random): number {
  return random.uint32() / 2 ** 32;
}

export function describeShape(shape: WorkloadShape): string {
  return Object.entries(shape)
    .map(([name, value]) => `${name}=${value ?? "default"}`)
    .join(" ");
}
