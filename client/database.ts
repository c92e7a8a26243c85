import { administrativeTimeoutMsDefault } from "../src/lib/limits.ts";
import type { Checkpoint, ServerStats } from "./answers.ts";
import { Keyspace } from "./keyspace.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Operation } from "./operation.ts";
import { pingOperation, statsOperation } from "./operations.ts";
import type { CallOptions, ConnectionState, KeyKind } from "./options.ts";
import { openSnapshot, type Snapshot, type SnapshotOptions } from "./snapshot.ts";
import { checkpointOperation, compactOperation } from "./store-operations.ts";
import type { View } from "./view.ts";

/** When the server's acknowledgement means durable: `always` it does. */
export type SyncMode = "always" | "batch" | "none";

/** What the server accepts, as it announced. */
export interface AnnouncedLimits {
  /** The longest request, in bytes. */
  readonly frameBytesMax: number;
  /** The longest key with its prefixes, in bytes. */
  readonly keyBytesMax: number;
  /** The largest value, in bytes as its codec makes them. */
  readonly valueBytesMax: number;
  /** Operations in one batch. */
  readonly batchOperationsMax: number;
  /** Keys and values of one batch together, in bytes, with 8 more for each operation and 12 for the batch. */
  readonly batchBytesMax: number;
  /** Keys of one request of getMany; the client makes as many requests as it takes. */
  readonly getManyKeysMax: number;
  /** Requests that were sent and not answered yet; the client holds the others back. */
  readonly inFlightRequestsMax: number;
  /** A connection without any request for this long is closed, in milliseconds; the client's pings prevent it. */
  readonly idleDeadlineMs: number;
}

/**
 * A connection to a store, and the keyspace of all its entries. It reconnects by itself, and calls wait meanwhile as
 * long as their deadlines allow.
 */
export class Database<V = unknown, N extends KeyKind = "string"> extends Keyspace<V, N> {
  readonly #lifecycle: Lifecycle;
  readonly #view: View<V, N>;

  /** @internal */
  constructor(lifecycle: Lifecycle, view: View<V, N>) {
    super(view);
    this.#lifecycle = lifecycle;
    this.#view = view;
  }

  /** Whether the connection is there; `onStateChange` tells of changes. */
  get state(): ConnectionState {
    return this.#lifecycle.state;
  }

  /** The server's sync mode: anything but `always` means that a crash may take back acknowledged writes. */
  get syncMode(): SyncMode {
    return this.#lifecycle.info.syncMode;
  }

  /** The server's limits. What is beyond one of them is refused before it is sent, with a LimitError. */
  get limits(): AnnouncedLimits {
    return this.#lifecycle.info.limits;
  }

  /** 16 bytes that no other store has. Versions of entries mean something within one store only. */
  get storeId(): Uint8Array {
    return new Uint8Array(this.#lifecycle.info.storeId);
  }

  /** Resolves when the server has answered. */
  ping(options?: CallOptions): Promise<void> {
    return this.#lifecycle.pipeline.call(pingOperation, undefined, options);
  }

  /** What the server tells about itself. */
  stats(options?: CallOptions): Promise<ServerStats> {
    return this.#lifecycle.pipeline.call(statsOperation, undefined, options);
  }

  /**
   * The store as it is now, to be read for as long as it is open, whatever is written meanwhile.
   *
   * @example await using snapshot = await db.snapshot();
   */
  snapshot(options?: SnapshotOptions): Promise<Snapshot<V, N>> {
    return openSnapshot(this.#view, options);
  }

  /**
   * Has the server move all that was written so far out of the log, into tables: a restart has little to read then. The
   * server does so by itself from time to time. Default deadline: 15 minutes.
   */
  checkpoint(options?: CallOptions): Promise<Checkpoint> {
    return this.#administer(checkpointOperation, options);
  }

  /**
   * Has the server make a checkpoint and then merge all tables as far as they go, which frees what deleted and
   * overwritten entries take. It may rewrite the whole store. Default deadline: 15 minutes.
   */
  compact(options?: CallOptions): Promise<void> {
    return this.#administer(compactOperation, options);
  }

  /**
   * Refuses new calls, waits for those that are open (at most `closeTimeoutMs`), and closes the connection. What is
   * still open then ends with a ClosedError, or with an UnknownOutcomeError if it is a write that was sent. Never
   * rejects.
   */
  close(): Promise<void> {
    return this.#lifecycle.close();
  }

  /** Closes: `await using db = await connect()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #administer<Answer>(
    operation: Operation<undefined, Answer>,
    options: CallOptions | undefined,
  ): Promise<Answer> {
    const timeoutMs = options?.timeoutMs ?? administrativeTimeoutMsDefault;
    return this.#lifecycle.pipeline.call(operation, undefined, { ...options, timeoutMs });
  }
}
