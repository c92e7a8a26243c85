import { InlineRunner } from "../compaction/inline-runner.ts";
import type { JobRunner } from "../compaction/job-runner.ts";
import { WorkerRunner } from "../compaction/worker-runner.ts";
import { assert } from "../lib/assert.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import {
  cacheBytesMaxDefault,
  checkpointIntervalMs,
  diskHeadroomBytes,
  manifestBytesMax,
  pageEntriesMax as pageEntriesMaxDefault,
  segmentBytesMaxDefault,
} from "../lib/limits.ts";
import { systemRandom, type Random } from "../lib/random.ts";
import { createManifest, openManifest } from "../manifest/manifest.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { realFileSystem } from "../vfs/real.ts";
import { WalFencedError } from "../wal/errors.ts";
import { openLog, type LogTenant, type OpenedLog } from "../wal/open-log.ts";
import { resolveOptions, type WalOptions } from "../wal/options.ts";
import { BackPressure } from "./back-pressure.ts";
import { Engine } from "./engine.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Recovery } from "./recovery.ts";
import { reachOf } from "./reach-notes.ts";
import { Snapshots } from "./snapshots.ts";
import { storeDirectories } from "./store-fit.ts";
import type { SyncMode } from "./store.ts";
import { TableStore, type TableWorld } from "./table-store.ts";

export interface EngineOptions {
  /** Where the data lies; created if missing: the log in `wal`, the tables in `tables`, their list in `manifest`. */
  directory: string;
  syncMode: SyncMode;
  /** Mode "batch": how long a written record may wait for its sync. Milliseconds; default 10. */
  batchIntervalMs?: number;
  /**
   * A segment of the log, and so a memtable, has at most so many. Bytes; default 32 MiB. All other sizes follow from
   * it, so that tests with small ones see many of everything.
   */
  segmentBytesMax?: number;
  /** A table is cut here. Bytes; default as a segment. */
  tableBytesMax?: number;
  /** Level 1 holds so much, each deeper one ten times as much. Bytes; default twice tableBytesMax. */
  levelBytesBase?: number;
  /** Blocks of tables kept in memory. Bytes; default 128 MiB. */
  cacheBytesMax?: number;
  /** Memory goes into tables after this at the latest. Milliseconds; default 5 minutes. */
  checkpointIntervalMs?: number;
  /** A manifest longer than this is written anew. Bytes; default 1 MiB, or as a segment if that is less. */
  manifestBytesMax?: number;
  /** Entries on a page of a scan or of a getMany. Default 4,096. */
  pageEntriesMax?: number;
  diskHeadroomBytes?: number;
  sealDelayMs?: number;
  fileSystem?: FileSystem;
  clock?: Clock;
  random?: Random;
  /** Who does the flushes and compactions. Default: a worker on the real file system, this thread on others. */
  runner?: JobRunner;
}

/**
 * Opens the store in a directory: opens its tables, replays what the log has beyond them into memtables, and takes
 * writes from then on. Every group that was replayed has been verified, and is durable by this process's own doing,
 * before this resolves.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { directory, fileSystem = realFileSystem, clock = systemClock, random = systemRandom } = options;
  const cacheBytesMax = options.cacheBytesMax ?? cacheBytesMaxDefault;
  const pressure = new BackPressure(clock);
  const world = { fileSystem, clock, cacheBytesMax };
  const recovery = new Recovery(world, directory, random.uint32());
  let engine: Engine | undefined;
  const logOptions = {
    ...resolveOptions(storeDirectories(directory).wal, walOptions(options)),
    pace: pressure,
    listener: {
      advanced: () => engine?.advanced(),
      segmentBegun: (image) => engine?.segmentBegun(image),
      segmentSealed: (segment) => engine?.segmentSealed(segment),
      faulted: (fault) => engine?.faulted(fault),
    },
  } satisfies Parameters<typeof openLog>[0];
  const tenant: LogTenant = {
    prepare: () => recovery.prepare(),
    approve: (survey) => recovery.approve(survey),
    // In the turn of this open: the next one finds a store that can be taken over as a whole.
    async begin(opened) {
      try {
        engine = assemble(opened, recovery, await settleTables(opened, recovery, world, options), pressure);
      } catch (error) {
        await opened.writer.stop(new WalFencedError(directory));
        throw error;
      }
    },
  };
  try {
    await openLog(logOptions, tenant);
  } catch (error) {
    await recovery.close();
    throw error;
  }
  assert(engine !== undefined, "a log that was opened has its engine");
  return engine;

  function assemble(log: OpenedLog, found: Recovery, tables: TableStore, pace: BackPressure): Engine {
    const { writer, ownership, verdict, tornFile } = log;
    const { memtables } = found;
    if (memtables.stacked.length === 0) {
      // The very first boot: recovery saw no segment.
      const { image } = writer.builder;
      memtables.begin(image.number, image.bytes, image.firstSeq - 1);
    }
    const snapshots = new Snapshots(clock, random, (seq) => (memtables.keepVersionsThrough = seq));
    const tableBytesMax = options.tableBytesMax ?? logOptions.segmentBytesMax;
    const parts = {
      fileSystem,
      clock,
      tables,
      snapshots,
      runner: options.runner ?? runnerFor(fileSystem, clock),
      pressure: pace,
      tableBytesMax,
      levelBytesBase: options.levelBytesBase ?? 2 * tableBytesMax,
      diskHeadroomBytes: options.diskHeadroomBytes ?? diskHeadroomBytes,
      assertInPlace: () => ownership.assertInPlace(),
      failed: (error: unknown) => writer.abandon(error),
    };
    const housekeeping = new Housekeeping({
      parts,
      log: writer,
      memtables,
      checkpointIntervalMs: options.checkpointIntervalMs ?? checkpointIntervalMs,
      recycle: (image) => {
        // Others were made for a large batch, or by recovery, and would fit nothing that comes.
        if (image.length === logOptions.segmentBytesMax) logOptions.images.recycle(image);
      },
    });
    const tornTail =
      verdict.kind === "torn" && tornFile !== undefined
        ? { file: tornFile, bytes: verdict.bytes }
        : undefined;
    const { syncMode, pageEntriesMax = pageEntriesMaxDefault } = options;
    const whole = {
      pageEntriesMax,
      directory,
      syncMode,
      writer,
      ownership,
      memtables,
      tables,
      snapshots,
      housekeeping,
    };
    const built = new Engine({ ...whole, tornTail });
    ownership.onTakenOver = async () => {
      const fenced = new WalFencedError(directory);
      await housekeeping.close(fenced);
      await writer.stop(fenced);
      await tables.close();
      built.faulted(fenced);
    };
    engine = built;
    tables.watch(parts.failed, parts.assertInPlace);
    // A crash between a segment's beginning and its first group left it without its CHECKPOINT.
    const { builder } = writer;
    if (builder.image.number > 1 && builder.appendedSeq < builder.image.firstSeq) {
      builder.checkpoint();
      writer.wake();
    }
    housekeeping.start();
    return built;
  }
}

/** Makes the list of tables this boot's own, or begins it, and removes what it does not list. */
async function settleTables(
  { writer, ownership }: OpenedLog,
  recovery: Recovery,
  world: TableWorld,
  options: EngineOptions,
): Promise<TableStore> {
  const { fileSystem } = world;
  const { segmentBytesMax = segmentBytesMaxDefault } = options;
  const directories = storeDirectories(options.directory);
  const manifestOptions = {
    logReach: reachOf(writer),
    assertInPlace: () => ownership.assertInPlace(),
    manifestBytesMax: options.manifestBytesMax ?? Math.min(manifestBytesMax, segmentBytesMax),
  };
  fileSystem.makeDirectory(directories.tables);
  await fileSystem.syncDirectory(options.directory);
  let { tables } = recovery;
  if (tables === undefined) {
    const { storeId } = writer;
    const hashSeed = recovery.memtables.hashSeed;
    const manifest = await createManifest(fileSystem, directories.manifest, {
      storeId,
      hashSeed,
      ...manifestOptions,
    });
    tables = recovery.tables = new TableStore(world, directories.tables, manifest.state);
    tables.begin(manifest);
  } else {
    tables.begin((await openManifest(fileSystem, directories.manifest, manifestOptions))!);
  }
  tables.removeStrays();
  return tables;
}

function runnerFor(fileSystem: FileSystem, clock: Clock): JobRunner {
  return fileSystem === realFileSystem ? new WorkerRunner(clock) : new InlineRunner(fileSystem, clock);
}

function walOptions(options: EngineOptions): WalOptions {
  const { syncMode, batchIntervalMs, segmentBytesMax, diskHeadroomBytes, sealDelayMs } = options;
  const { fileSystem, clock, random } = options;
  return {
    syncMode,
    // By time alone: a client that asked for an interval in milliseconds should not get one in records.
    ...(syncMode === "batch" ? { batchRecordsMax: 1_000_000, batchDelayMs: batchIntervalMs ?? 10 } : {}),
    ...(segmentBytesMax === undefined ? {} : { segmentBytesMax }),
    ...(diskHeadroomBytes === undefined ? {} : { diskHeadroomBytes }),
    ...(sealDelayMs === undefined ? {} : { sealDelayMs }),
    ...(fileSystem === undefined ? {} : { fileSystem }),
    clock: clock ?? systemClock,
    random: random ?? systemRandom,
  };
}
