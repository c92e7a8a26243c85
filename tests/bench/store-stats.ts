import { encodeOpenSnapshot, encodeStats } from "../../src/protocol/request-encoder.ts";
import { decodeSnapshot, decodeStats } from "../../src/protocol/response-decoder.ts";
import { RawConnection } from "../support/raw-connection.ts";

/** What the store tells of itself. An older server tells less: what it does not say is undefined. */
export interface StoreStats {
  readonly pendingFlushes?: number;
  readonly compactionPending?: boolean;
  readonly walBytesWritten?: number;
  readonly tableBytesWritten?: number;
  readonly [name: string]: unknown;
}

export async function storeStats(port: number): Promise<StoreStats> {
  const connection = await RawConnection.open(port);
  try {
    const answer = await connection.request(encodeStats, decodeStats);
    if (answer === undefined) throw new Error("The connection ended before the stats came");
    if (answer.refusal !== undefined)
      throw new Error(`The server refused its stats: ${answer.refusal.message}`);
    return answer.value["store"] as StoreStats;
  } finally {
    connection.close();
  }
}

/** Whether the store tells of its flushes and merges at all; the first version had none. */
export function tellsWork(stats: StoreStats): boolean {
  return stats.pendingFlushes !== undefined && stats.compactionPending !== undefined;
}

/** Flushes or merges are under way or due. */
export function isAtWork(stats: StoreStats): boolean {
  return (stats.pendingFlushes ?? 0) > 0 || stats.compactionPending === true;
}

/**
 * Waits until the store has nothing left to flush or to merge, and has had nothing for a few looks in a row: a flush
 * may just be about to ask for a merge. Returns how long it took, or undefined if that was not long enough.
 */
export async function untilSettled(port: number, timeoutMs: number): Promise<number | undefined> {
  const startedAtMs = performance.now();
  let looks = 0;
  let idleSinceMs = startedAtMs;
  while (performance.now() - startedAtMs < timeoutMs) {
    if (isAtWork(await storeStats(port))) {
      looks = 0;
    } else {
      if (looks === 0) idleSinceMs = performance.now();
      looks++;
      if (looks === looksWanted) return idleSinceMs - startedAtMs;
    }
    await Bun.sleep(lookIntervalMs);
  }
  return undefined;
}

/** Whether the server can keep a scan's pages at one moment; the first version could not. */
export async function knowsSnapshots(port: number): Promise<boolean> {
  const connection = await RawConnection.open(port);
  try {
    // It expires by itself, as the lease of a client does that went away.
    const answer = await connection.request(
      (writer, id) => encodeOpenSnapshot(writer, id, 1),
      decodeSnapshot,
    );
    return answer !== undefined && answer.refusal === undefined;
  } finally {
    connection.close();
  }
}

const looksWanted = 3;
const lookIntervalMs = 100;
