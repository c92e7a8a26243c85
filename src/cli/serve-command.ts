import { openEngine } from "../engine/open.ts";
import type { Store } from "../engine/store.ts";
import type { Clock } from "../lib/clock.ts";
import { HoldfastError } from "../lib/errors.ts";
import { cacheBytesMaxDefault, segmentBytesMaxDefault } from "../lib/limits.ts";
import { assertLocal, formatAddress, listenDefault, parseListenAddress } from "../server/listen-address.ts";
import type { LogFields, Logger } from "../server/logger.ts";
import { isCorruption } from "../offline/store-report.ts";
import { resolveLimits } from "../server/server-limits.ts";
import { parseSync, serve, type Server, type ServerLimits, type SyncOption } from "../server/serve.ts";
import { WalCorruptionError } from "../wal/errors.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { parseCount } from "./arguments.ts";
import type { Command } from "./command.ts";
import { EndSignals } from "./end-signals.ts";
import { exitCode, exitCodeOf, type ExitCode } from "./exit-codes.ts";
import { logTo } from "./log-lines.ts";
import { platformNotes } from "./platform-notes.ts";
import { UsageError } from "./usage-error.ts";
import type { Output } from "./world.ts";

const dataDefault = "./data";
const syncDefault: SyncOption = "always";

export const serveCommand: Command = {
  name: "serve",
  summary: "runs the server",
  operands: [],
  flags: {
    data: {
      about: "where the data lies; created when it is missing",
      value: "DIR",
      environment: "HOLDFAST_DATA",
      default: dataDefault,
    },
    listen: {
      about: "where to listen; port 0 lets the system choose one",
      value: "HOST:PORT",
      environment: "HOLDFAST_LISTEN",
      default: listenDefault,
    },
    sync: {
      about: "when a write is acknowledged: always (once synced), 10ms (synced within that time), none",
      value: "MODE",
      environment: "HOLDFAST_SYNC",
      default: syncDefault,
    },
    "segment-bytes-max": {
      about: "where a file of the log ends and the next begins; tables are about as large",
      value: "BYTES",
      environment: "HOLDFAST_SEGMENT_BYTES_MAX",
      default: String(segmentBytesMaxDefault),
    },
    "cache-bytes-max": {
      about: "memory for blocks of tables that were read, kept for the next read",
      value: "BYTES",
      environment: "HOLDFAST_CACHE_BYTES_MAX",
      default: String(cacheBytesMaxDefault),
    },
    "greedy-write-rate-max": {
      about: "bytes a second that clients who ask for much may write, beside others; else no limit",
      value: "RATE",
      environment: "HOLDFAST_GREEDY_WRITE_RATE_MAX",
    },
    "allow-remote": {
      about: "listen where other machines can connect; there is no authentication yet",
      environment: "HOLDFAST_ALLOW_REMOTE",
    },
  },
  details: [
    `Once recovery is done and the port is open, the first line on standard output is "ready tcp://HOST:PORT".`,
    "The log goes to standard error, as JSON unless that is a terminal. SIGTERM or SIGINT answers what was begun,",
    "closes the store and exits 0; a second one exits at once, which loses nothing that was acknowledged either.",
  ].join("\n"),
  examples: ["holdfast serve --data ./data", "holdfast serve --listen 127.0.0.1:0 --sync 10ms"],

  async run(given, world) {
    const { clock, environment, errors, fileSystem, output } = world;
    const dataDirectory = given.text("data") ?? dataDefault;
    const allowRemote = given.has("allow-remote");
    const listen = given.read("listen", (text) => checkListen(text, allowRemote)) ?? listenDefault;
    const sync = given.read("sync", checkSync) ?? syncDefault;
    const segmentBytesMax = given.read("segment-bytes-max", parseCount) ?? segmentBytesMaxDefault;
    const cacheBytesMax = given.read("cache-bytes-max", parseCount) ?? cacheBytesMaxDefault;
    const limits = given.read("greedy-write-rate-max", checkWriteRate) ?? {};
    const logger = logTo(errors, clock, !environment["NO_COLOR"]);
    const signals = new EndSignals(world);

    try {
      const server = await start(
        { dataDirectory, listen, sync, segmentBytesMax, cacheBytesMax, limits, allowRemote },
        { logger, fileSystem, clock },
      );
      if (signals.first === undefined) {
        await announce(server, output, logger);
      }
      return await serveUntilTheEnd(server, signals, logger, clock);
    } catch (error) {
      // Whoever collects the log finds there why the server is not running.
      logger.error(error instanceof Error ? error.message : String(error), fieldsOf(error));
      const code = exitCodeOf(error);
      if (code === exitCode.bug) throw error;
      return code;
    }
  },
};

interface Settings {
  readonly dataDirectory: string;
  readonly listen: string;
  readonly sync: SyncOption;
  readonly segmentBytesMax: number;
  readonly cacheBytesMax: number;
  readonly limits: Partial<ServerLimits>;
  readonly allowRemote: boolean;
}

interface Surroundings {
  readonly logger: Logger;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
}

/** Opens the store and the port, and says what was found and what somebody should know. */
async function start(settings: Settings, { logger, fileSystem, clock }: Surroundings): Promise<Server> {
  const { dataDirectory, listen, sync, segmentBytesMax, cacheBytesMax, limits, allowRemote } = settings;
  logger.info("starting", { data: dataDirectory, listen, sync, ...limits, pid: process.pid });
  const startedMs = clock.monotonicMs();
  const store = await openEngine({
    directory: dataDirectory,
    ...parseSync(sync),
    segmentBytesMax,
    cacheBytesMax,
    fileSystem,
    clock,
  });
  logRecovery(store, clock.monotonicMs() - startedMs, logger);
  if (store.tornTail !== undefined) {
    logger.warn("a crash had torn the log's tail; it was cut off and kept", { ...store.tornTail });
  }
  if (sync !== "always") {
    logger.warn("a crash can take back writes that were acknowledged", { sync, instead: "--sync always" });
  }
  for (const note of platformNotes(fileSystem, dataDirectory, process.platform)) logger.warn(note);
  return await serve({ store, listen, limits, allowRemote, logger, clock });
}

async function serveUntilTheEnd(
  server: Server,
  signals: EndSignals,
  logger: Logger,
  clock: Clock,
): Promise<ExitCode> {
  let fault: HoldfastError | undefined;
  const faulted = server.fault.then((reason) => {
    fault = reason;
  });
  const signal = await Promise.race([signals.received, faulted]);
  if (signal !== undefined) {
    logger.info("ending", { signal });
    await server.close();
    // The disk may have failed while the last answers went out; that is told a moment after the end.
    await new Promise<void>((resolve) => clock.afterPoll(resolve));
  }
  if (fault === undefined) {
    logger.info("ended");
    return exitCode.ok;
  }
  logger.error(`ended: ${fault.message}`, fieldsOf(fault));
  return exitCodeOf(fault);
}

async function announce(server: Server, output: Output, logger: Logger): Promise<void> {
  try {
    await output.write(`ready tcp://${formatAddress(server.hostname, server.port)}\n`);
    await output.flush();
  } catch (error) {
    logger.warn("nobody reads standard output", { reason: String(error) });
  }
  logger.info("ready", { url: server.url });
}

/** What a program that reads the log wants to know of an error. */
function fieldsOf(error: unknown): LogFields {
  const code = (error as { code?: unknown } | null)?.code;
  const fields = typeof code === "string" ? { code } : {};
  if (!isCorruption(error)) return fields;
  const { file, offset } = error;
  return { ...fields, file, offset, ...(error instanceof WalCorruptionError && { seq: error.seq }) };
}

function logRecovery(store: Store, tookMs: number, logger: Logger): void {
  const { segments, logBytes, memtableEntries, tables } = store.stats();
  logger.info("recovered", {
    tookMs: Math.round(tookMs),
    segments: Number(segments),
    bytes: Number(logBytes),
    entries: Number(memtableEntries),
    tables: Number(tables),
    seq: store.currentSeq,
  });
}

function checkListen(text: string, allowRemote: boolean): string {
  const address = parseListenAddress(text);
  try {
    assertLocal(address, allowRemote);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new UsageError(`${error.message}; here that is the flag --allow-remote`, { cause: error });
  }
  return text;
}

function checkWriteRate(text: string): Partial<ServerLimits> {
  const limits = { greedyWriteBytesPerSecondMax: parseCount(text) };
  resolveLimits(limits);
  return limits;
}

function checkSync(text: string): SyncOption {
  parseSync(text);
  return text as SyncOption;
}
