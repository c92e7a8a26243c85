import { openEngine } from "../engine/open.ts";
import type { Store, SyncMode } from "../engine/store.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { InvalidArgumentError } from "../lib/errors.ts";
import { batchDelayMsMax } from "../lib/limits.ts";
import { systemRandom, type Random } from "../lib/random.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { realFileSystem } from "../vfs/real.ts";
import { assertLocal, listenDefault, parseListenAddress } from "./listen-address.ts";
import { openListener } from "./listener.ts";
import { silentLogger, type Logger } from "./logger.ts";
import { resolveLimits, type ServerLimits } from "./server-limits.ts";
import { RunningServer, type Server, type ServerParts } from "./server.ts";

export type { Logger, LogFields } from "./logger.ts";
export type { ServerLimits } from "./server-limits.ts";
export type { Server } from "./server.ts";
export { HoldfastError } from "../lib/errors.ts";

export interface ServeOptions {
  /** Where the data lives; created when it is missing. Default: "./data". */
  dataDirectory?: string;
  /** "HOST:PORT"; port 0 lets the kernel choose. Default: "127.0.0.1:4653". */
  listen?: string;
  /**
   * When a write is acknowledged. "always", the default: after the sync that covers it. "10ms": once written, and a
   * sync follows within that time. "none": once written; when it reaches the disk is the system's affair.
   */
  sync?: SyncOption;
  /** A file of the log that would grow past this is ended, and the next one begun. Bytes; default 32 MiB. */
  segmentBytesMax?: number;
  /** Memory for blocks of tables that were read, kept for the next read. Bytes; default 128 MiB. */
  cacheBytesMax?: number;
  /** Listens where other machines can connect. There is no authentication yet. Default: false. */
  allowRemote?: boolean;
  /** Other limits than the defaults of lib/limits.ts. */
  limits?: Partial<ServerLimits>;
  /** Default: silence. */
  logger?: Logger;
  fileSystem?: FileSystem;
  clock?: Clock;
  random?: Random;
  /** Serves this store, and closes it in the end, instead of opening one in `dataDirectory`. */
  store?: Store;
}

export type SyncOption = "always" | "none" | `${number}ms`;

/**
 * Opens the store and serves it. Resolves once recovery is done and the port is open. Rejects, with nothing left
 * open, with a HoldfastError whose `code` says why: INVALID_ARGUMENT (an option), LOCKED (another process has the
 * directory), WAL_CORRUPT, TABLE_CORRUPT or MANIFEST_CORRUPT (damage, which names file and offset), STORE_MISMATCH
 * (files that are whole, but not of one piece), ADDRESS_IN_USE or CANNOT_LISTEN (the port); or with the system's error
 * when a file can't be read or written.
 *
 *     await using server = await serve({ dataDirectory: "./data", listen: "127.0.0.1:0" });
 */
export async function serve(options: ServeOptions = {}): Promise<Server> {
  // Everything that can be wrong with the options is found before the store is touched.
  const address = parseListenAddress(options.listen ?? listenDefault);
  assertLocal(address, options.allowRemote ?? false);
  const sync = parseSync(options.sync ?? "always");
  const limits = resolveLimits(options.limits);
  const { logger = silentLogger, clock = systemClock, random = systemRandom } = options;

  const store =
    options.store ??
    (await openEngine({
      directory: options.dataDirectory ?? "./data",
      ...sync,
      ...(options.segmentBytesMax === undefined ? {} : { segmentBytesMax: options.segmentBytesMax }),
      ...(options.cacheBytesMax === undefined ? {} : { cacheBytesMax: options.cacheBytesMax }),
      fileSystem: options.fileSystem ?? realFileSystem,
      clock,
      random,
    }));
  try {
    const listen: ServerParts["listen"] = (accept) => openListener(address, accept);
    return new RunningServer({ store, listen, limits, logger, clock, random });
  } catch (error) {
    await store.close();
    throw error;
  }
}

export interface SyncChoice {
  readonly syncMode: SyncMode;
  readonly batchIntervalMs?: number;
}

/** Reads "always", "none" or a time as in "10ms". */
export function parseSync(text: string): SyncChoice {
  if (text === "always" || text === "none") return { syncMode: text };
  const batchIntervalMs = Number(/^(\d{1,5})ms$/.exec(text)?.[1]);
  if (batchIntervalMs >= 1 && batchIntervalMs <= batchDelayMsMax)
    return { syncMode: "batch", batchIntervalMs };
  throw new InvalidArgumentError(
    `Cannot sync ${JSON.stringify(text)}: there are always, none, and a time from 1ms to ${batchDelayMsMax}ms; write for example 10ms`,
  );
}
