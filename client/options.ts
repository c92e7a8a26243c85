import type { Codec } from "./codec.ts";

/** What addresses an entry: its bytes, or text that stands for its UTF-8. */
export type Key = string | Uint8Array;

/** How keys come back from scans. */
export type KeyKind = "string" | "bytes";
export type KeyOf<N extends KeyKind> = N extends "bytes" ? Uint8Array : string;

/** What `connect` can be told. Everything has a default. */
export interface ConnectOptions<V = unknown, N extends KeyKind = "string"> {
  /** How values become bytes. Default: `codecs.msgpack()`. Keyspaces can have their own. */
  codec?: Codec<V> | undefined;
  /**
   * How the keys of scans come back: `"string"` (default) or `"bytes"`. With `"string"` a scan that meets a key
   * which is no UTF-8 throws a CodecError rather than give two keys the same text. Calls accept both kinds always.
   */
  keys?: N | undefined;
  /**
   * The deadline of every call in milliseconds: waiting, sending, and the server's time together. Default: 5,000, or
   * the URL's `?timeout=`. A call can have its own.
   */
  timeoutMs?: number | undefined;
  /** How long `connect` itself tries, in milliseconds. Default: 5,000. A refusal by name ends it at once. */
  connectTimeoutMs?: number | undefined;
  /** How long `close` waits for calls that are still open, in milliseconds. Default: 5,000. */
  closeTimeoutMs?: number | undefined;
  /**
   * Requests that wait to be sent may take this much memory, in bytes; past it calls end with a QueueFullError.
   * Default: 64 MiB. A call is charged its frame and 256 bytes.
   */
  queueBytesMax?: number | undefined;
  /** A server that was silent for this long is asked for a sign of life, in milliseconds. Default: 15,000. */
  keepAliveMs?: number | undefined;
  /** A server that stays silent for this long after that is taken for gone, in milliseconds. Default: 5,000. */
  keepAliveTimeoutMs?: number | undefined;
  /** The longest pause between two attempts to reconnect, in milliseconds; each is random below it. Default: 2,000. */
  reconnectDelayMsMax?: number | undefined;
  /** What the server calls this client in its logs; at most 255 bytes of UTF-8. Default: none. */
  clientName?: string | undefined;
  /** Gives up connecting when it is aborted. Without effect once `connect` has returned. */
  signal?: AbortSignal | undefined;
  /** Told of what you should know but nothing fails from. Default: `process.emitWarning`. */
  onWarning?: ((warning: ClientWarning) => void) | undefined;
  /** Told of each change of `db.state`, with the error that caused it, if one did. */
  onStateChange?: ((state: ConnectionState, cause: Error | undefined) => void) | undefined;
}

/** What can be said of any call. */
export interface CallOptions {
  /**
   * Ends the call at any time. Before its request was sent nothing happens on the server and the call ends with an
   * AbortError. Afterwards a read ends so as well, but a write with an UnknownOutcomeError: it may be applied.
   */
  signal?: AbortSignal | undefined;
  /** This call's deadline in milliseconds. Default: that of the connection, 5,000. */
  timeoutMs?: number | undefined;
}

/** What a keyspace can be told that its parent does otherwise. */
export interface KeyspaceOptions<V, N extends KeyKind> {
  /** How its values become bytes. Default: as in the keyspace around it. */
  codec?: Codec<V> | undefined;
  /** How the keys of its scans come back. Default: as in the keyspace around it. */
  keys?: N | undefined;
}

/** When a write may happen, else it ends with a ConflictError. Default: always. */
export interface WriteCondition {
  /** Only if the entry has this version; 0: only if there is none. Leave it out for a write that always happens. */
  ifVersion?: number;
  /** Only if there is no such entry: the same as `ifVersion: 0`. */
  ifAbsent?: boolean | undefined;
}

export interface PutOptions extends CallOptions, WriteCondition {}
export interface DeleteOptions extends CallOptions, Pick<WriteCondition, "ifVersion"> {}

/**
 * `connecting`: before the first hello. `ready`. `reconnecting`: the connection was lost; calls wait, as their deadlines allow.
 * `closing`: answers are awaited, new calls refused. `closed`.
 */
export type ConnectionState = "connecting" | "ready" | "reconnecting" | "closing" | "closed";

/**
 * `SYNC_MODE`: acknowledged writes may be lost. `STORE_CHANGED`: the URL now leads to another store than before.
 * `LISTENER_FAILED`: one of your own listeners threw.
 */
export interface ClientWarning {
  readonly code: "SYNC_MODE" | "STORE_CHANGED" | "LISTENER_FAILED";
  readonly message: string;
}
