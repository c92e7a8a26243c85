import type { ServerStats } from "./answers.ts";
import { Keyspace } from "./keyspace.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { pingOperation, statsOperation } from "./operations.ts";
import type { CallOptions, ConnectionState, KeyKind } from "./options.ts";
import type { View } from "./view.ts";

/** When the server's acknowledgement means durable: `always` it does. */
export type SyncMode = "always" | "batch" | "none";

/** What the server accepts, as it announced. */
export interface ServerLimits {
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

  /** @internal */
  constructor(lifecycle: Lifecycle, view: View<V, N>) {
    super(view);
    this.#lifecycle = lifecycle;
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
  get limits(): ServerLimits {
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
}
