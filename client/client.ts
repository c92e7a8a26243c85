import { systemClock } from "../src/lib/clock.ts";
import { systemRandom } from "../src/lib/random.ts";
import { connectWithin } from "./connect.ts";
import type { Database } from "./database.ts";
import type { ConnectOptions, KeyKind } from "./options.ts";
import { loadTransport } from "./transport-loader.ts";

/**
 * Connects to a server: `holdfast://host:port`, by default what HOLDFAST_URL says, else `holdfast://127.0.0.1:4653`.
 * `?timeout=5s` sets the deadline of every call, and `user:password@` the credentials.
 *
 * Tries again until `connectTimeoutMs` has passed, so a server may still be starting. Rejects with a ConnectionError
 * when there is none, with a ServerError when it refuses (`code` says why), with a ProtocolError when it is no Holdfast
 * server, with an AbortError when the signal says so, and with an InvalidArgumentError for a wrong URL or option.
 *
 * @example
 * await using db = await connect("holdfast://127.0.0.1:4653");
 * const users = db.keyspace<User>("users/");
 * const { version } = await users.put("ada", { name: "Ada" }, { ifAbsent: true });
 * await users.put("ada", { name: "Ada Lovelace" }, { ifVersion: version });
 */
export function connect<V = unknown, N extends KeyKind = "string">(
  url?: string | URL,
  options?: ConnectOptions<V, N>,
): Promise<Database<V, N>>;
export function connect<V = unknown, N extends KeyKind = "string">(
  options: ConnectOptions<V, N>,
): Promise<Database<V, N>>;
export async function connect<V, N extends KeyKind>(
  urlOrOptions?: string | URL | ConnectOptions<V, N>,
  moreOptions?: ConnectOptions<V, N>,
): Promise<Database<V, N>> {
  const hasUrl = typeof urlOrOptions === "string" || urlOrOptions instanceof URL;
  const options = (hasUrl ? moreOptions : (urlOrOptions ?? moreOptions)) ?? {};
  const runtime = { clock: systemClock, random: systemRandom, openTransport: await loadTransport() };
  return connectWithin(runtime, hasUrl ? urlOrOptions : undefined, options);
}

export { HoldfastError, InvalidArgumentError, LimitError, UnknownOutcomeError } from "../src/lib/errors.ts";
export type { Outcome } from "../src/lib/errors.ts";
export type { Checkpoint, ServerStats, VersionedValue, Written } from "./answers.ts";
export type { Batch } from "./batch.ts";
export type { Codec } from "./codec.ts";
export { codecs } from "./codecs.ts";
export type { Database, AnnouncedLimits, SyncMode } from "./database.ts";
export {
  AbortError,
  ClosedError,
  CodecError,
  ConflictError,
  ConnectionError,
  ProtocolError,
  QueueFullError,
  ServerError,
  SnapshotExpiredError,
  TimeoutError,
} from "./errors.ts";
export type { TimeoutPhase } from "./errors.ts";
export type { Keyspace } from "./keyspace.ts";
export type {
  CallOptions,
  ClientWarning,
  ConnectionState,
  ConnectOptions,
  DeleteOptions,
  Key,
  KeyKind,
  KeyOf,
  KeyspaceOptions,
  PutOptions,
  WriteCondition,
} from "./options.ts";
export type { ReadonlyKeyspace } from "./readonly-keyspace.ts";
export type { Entry, EntryScan, KeyEntry, KeyScan, KeyScanOptions, Scan, ScanOptions } from "./scan.ts";
export type { Snapshot, SnapshotOptions } from "./snapshot.ts";
