import {
  encodeBatch,
  encodeCheckpoint,
  encodeCompact,
  encodeDelete,
  encodeOpenSnapshot,
  encodePut,
  encodeStats,
  type BatchOperation,
} from "../../src/protocol/request-encoder.ts";
import {
  decodeCheckpointed,
  decodeDone,
  decodeSnapshot,
  decodeStats,
  decodeWritten,
} from "../../src/protocol/response-decoder.ts";
import { status } from "../../src/protocol/status.ts";
import type { Seen } from "./oracle-types.ts";
import { RawConnection } from "./raw-connection.ts";
import { RawReads, RawSnapshot, readValue } from "./raw-reads.ts";
import { keyBytes, type SizedOperation, type StoreClient, type WriteAnswer } from "./store-client.ts";
import { taggedValue } from "./tagged-value.ts";

/** The store over a raw connection: what a client in any language could do, and nothing more. */
export class RawStoreClient extends RawReads implements StoreClient {
  static async open(port: number): Promise<RawStoreClient> {
    return new RawStoreClient(await RawConnection.open(port));
  }

  async write(operations: readonly SizedOperation[], isBatch: boolean): Promise<WriteAnswer> {
    const all = operations.map(encodable);
    const only = all[0]!;
    const answer = await this.connection.request((writer, id) => {
      if (isBatch) encodeBatch(writer, id, all);
      else if (only.type === "put")
        encodePut(writer, id, only.key, only.value, { ifVersion: only.ifVersion });
      else encodeDelete(writer, id, only.key, { ifVersion: only.ifVersion });
    }, decodeWritten);
    if (answer === undefined) return { kind: "unknown" };
    const { refusal } = answer;
    if (refusal === undefined) return { kind: "written", version: answer.value };
    if (refusal.status === status.CONFLICT) {
      const [actualVersion = 0, operationIndex = 0] = refusal.details;
      return { kind: "conflict", operationIndex, actualVersion };
    }
    if (refusal.outcome === "unknown") return { kind: "unknown" };
    return { kind: "refused", reason: refusal.message, status: refusal.status };
  }

  async snapshot(): Promise<RawSnapshot | undefined> {
    const opened = readValue(
      await this.connection.request((writer, id) => encodeOpenSnapshot(writer, id, 0), decodeSnapshot),
    );
    return opened && new RawSnapshot(this.connection, opened.snapshotId, opened.seq);
  }

  /** The seq up to which everything is in tables; undefined: no answer came. */
  async checkpoint(): Promise<number | undefined> {
    return readValue(await this.connection.request(encodeCheckpoint, decodeCheckpointed));
  }

  /** Whether everything is merged; false: no answer came. */
  async compact(): Promise<boolean> {
    const done = await this.connection.request(
      encodeCompact,
      (bytes, head) => (decodeDone(bytes, head), true),
    );
    return readValue(done) ?? false;
  }

  /** Everything that the store holds below a prefix at one moment, and, while nobody writes, its newest seq. */
  async readAll(prefix = ""): Promise<{ entries: Map<string, Seen>; currentSeq: number }> {
    const entries = await this.scanAll({ prefix: keyBytes(prefix) });
    if (entries === undefined) throw new Error("The connection ended while the store was read");
    const { currentSeq } = (await this.stats()).store;
    return { entries, currentSeq };
  }

  async stats(): Promise<ServerStats> {
    const stats = await this.statsIfAnswered();
    if (stats === undefined) throw new Error("The connection ended before the stats came");
    return stats;
  }

  async statsIfAnswered(): Promise<ServerStats | undefined> {
    return readValue(await this.connection.request(encodeStats, decodeStats)) as ServerStats | undefined;
  }

  async close(): Promise<void> {
    this.connection.close();
  }
}

/** Of what the server tells about itself, what tests look at. */
export interface ServerStats extends Record<string, unknown> {
  readonly store: StoreStats;
}

export interface StoreStats {
  readonly currentSeq: number;
  readonly ackableSeq: number;
  readonly flushes: number;
  readonly compactions: number;
  readonly pendingFlushes: number;
  /** Something is merged or waits for it, or what was merged is still there. */
  readonly compactionPending: boolean;
  readonly tables: number;
  readonly segments: number;
  readonly logBytes: number;
}

function encodable({ key, type, tag, ifVersion, valueBytes }: SizedOperation): BatchOperation {
  return type === "put"
    ? { type, key: keyBytes(key), value: taggedValue(tag, valueBytes), ifVersion }
    : { type, key: keyBytes(key), ifVersion };
}
