import { join } from "node:path";
import { systemClock, type Clock } from "../lib/clock.ts";
import { HoldfastError } from "../lib/errors.ts";
import { memoryBytesMaxDefault } from "../lib/limits.ts";
import { systemRandom, type Random } from "../lib/random.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { WalFencedError } from "../wal/errors.ts";
import { openLog } from "../wal/open-log.ts";
import { resolveOptions, type WalOptions } from "../wal/options.ts";
import { RecordCursor } from "../wal/record.ts";
import { recordType } from "../wal/format.ts";
import { Engine } from "./engine.ts";
import { MemtableStack } from "./memtable-stack.ts";
import type { SyncMode } from "./store.ts";

export interface EngineOptions {
  /** Where the data lies; created if missing. The log is in its subdirectory `wal`. */
  directory: string;
  syncMode: SyncMode;
  /** Mode "batch": how long a written record may wait for its sync. Milliseconds; default 10. */
  batchIntervalMs?: number;
  /** Bytes; default 64 MiB. Tests use small ones, so that they cross segments. */
  segmentBytesMax?: number;
  diskHeadroomBytes?: number;
  sealDelayMs?: number;
  /** All of the log is kept in memory; writes are refused beyond this. Bytes; default 8 GiB. */
  memoryBytesMax?: number;
  fileSystem?: FileSystem;
  clock?: Clock;
  random?: Random;
}

/**
 * Opens the store in a directory: replays the log into memtables and takes writes from then on. Every group that
 * was replayed has been verified, and is durable by this process's own doing, before this resolves.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const random = options.random ?? systemRandom;
  const memtables = new MemtableStack(random.uint32());
  let engine: Engine | undefined;
  const opened = await openLog(
    {
      ...resolveOptions(join(options.directory, "wal"), walOptions(options)),
      listener: {
        advanced: () => engine?.advanced(),
        segmentBegun: (image) => engine?.segmentBegun(image),
        faulted: (fault) => engine?.faulted(fault),
      },
    },
    replayInto(memtables),
  );
  const { writer, ownership, verdict, tornFile } = opened;
  if (writer.floorSeq > 0) {
    const floor = writer.floorSeq;
    await writer.stop(new HoldfastError("STORE_TRUNCATED", "the engine did not take it"));
    ownership.release();
    throw new HoldfastError(
      "STORE_TRUNCATED",
      `Cannot serve ${options.directory}: its log was truncated through seq ${floor} by another program, and nothing else holds those records`,
    );
  }
  if (memtables.tables.length === 0) {
    // The very first boot: recovery saw no segment.
    const { image } = writer.builder;
    memtables.begin(image.bytes, image.firstSeq - 1);
  }
  const { directory, syncMode, memoryBytesMax = memoryBytesMaxDefault } = options;
  const tornTail =
    verdict.kind === "torn" && tornFile !== undefined ? { file: tornFile, bytes: verdict.bytes } : undefined;
  engine = new Engine({ directory, syncMode, writer, ownership, memtables, memoryBytesMax, tornTail });
  ownership.onTakenOver = async () => {
    const fenced = new WalFencedError(options.directory);
    await writer.stop(fenced);
    engine.faulted(fenced);
  };
  return engine;
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

/** Indexes every record where recovery read it; the bytes stay where they are. */
function replayInto(memtables: MemtableStack) {
  const cursor = new RecordCursor();
  return {
    segment(header: { firstSeq: number }, bytes: Buffer): void {
      memtables.begin(bytes, header.firstSeq - 1);
    },
    group(bytes: Buffer, group: { firstSeq: number }, payloadStart: number, payloadEnd: number): void {
      const memtable = memtables.newest;
      cursor.open(bytes, payloadStart, payloadEnd, group.firstSeq);
      while (cursor.next()) {
        const { type, keyStart, keyEnd, valueEnd, commitSeq } = cursor;
        if (type !== recordType.put && type !== recordType.delete) continue;
        const hash = memtables.hash(bytes, keyStart, keyEnd);
        if (type === recordType.delete) memtable.delete(hash, keyStart, keyEnd - keyStart, commitSeq);
        else memtable.put(hash, keyStart, keyEnd - keyStart, valueEnd - keyEnd, commitSeq);
      }
    },
  };
}
