import { systemClock, type Clock } from "../lib/clock.ts";
import { InvalidArgumentError } from "../lib/errors.ts";
import {
  batchDelayMsMax,
  diskHeadroomBytes,
  sealDelayMs,
  segmentBytesLimit,
  segmentBytesMaxDefault,
} from "../lib/limits.ts";
import { systemRandom, type Random } from "../lib/random.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { realFileSystem } from "../vfs/real.ts";
import type { StorageFaultError } from "./errors.ts";
import { segmentHeaderBytes } from "./format.ts";
import type { SegmentSpan } from "./segment-span.ts";
import { ImagePool, type SegmentImage } from "./segment-image.ts";

/** What an acknowledgement waits for. */
export type SyncMode = "always" | "batch" | "none";

/** How to open a log; everything has a default. */
export interface WalOptions {
  /**
   * "always" (default): resolved means synced. "batch": resolved means written, a sync follows within
   * batchRecordsMax records or batchDelayMs. "none": resolved means written; the system syncs when it likes.
   */
  syncMode?: SyncMode;
  /** A segment that would grow past this is sealed and the next begun. Bytes; default 32 MiB, at most 1 GiB. */
  segmentBytesMax?: number;
  /** Mode "batch": at most so many records are unsynced before a sync begins. Default 100. */
  batchRecordsMax?: number;
  /** Mode "batch": at most so long before a sync begins. Milliseconds; default 10. */
  batchDelayMs?: number;
  /** An idle log vouches for its last group after one to two of these. Milliseconds; default 20. */
  sealDelayMs?: number;
  /** Appends are refused while the disk has less than this to spare. Bytes; default 64 MiB. */
  diskHeadroomBytes?: number;
  /**
   * What to do about damage that no crash explains. "refuse" (default): throw WalCorruptionError. "stop": open for
   * reading only, up to the damage, which `corruption` then holds.
   */
  onCorruption?: "refuse" | "stop";
  /** Writes zeros ahead of small groups, for quicker syncs. Default true; false: a file ends with its last group. */
  preparesSegments?: boolean;
  /** The event loop may wait for quick syncs while nobody asks for anything. Default: on the real file system. */
  syncsInline?: boolean;
  /** The world, for tests. */
  fileSystem?: FileSystem;
  clock?: Clock;
  random?: Random;
}

/** The same with nothing left out, and those who have to hear of what happens. */
export interface LogWriterOptions {
  fileSystem: FileSystem;
  directory: string;
  clock: Clock;
  random: Random;
  syncMode: SyncMode;
  segmentBytesMax: number;
  batchRecordsMax: number;
  batchDelayMs: number;
  sealDelayMs: number;
  diskHeadroomBytes: number;
  /** Whether segments are written to with zeros ahead of small groups (README.md, section 7). */
  preparesSegments: boolean;
  /** Whether the event loop may wait for a sync that is quick while nobody asks for anything (sync-policy.ts). */
  syncsInline: boolean;
  images: ImagePool;
  pace: Pace;
  listener: LogListener;
}

export interface LogListener {
  /** writtenSeq or durableSeq went up. */
  advanced(): void;
  /** What is appended next lies in this image, a new segment's. */
  segmentBegun(image: SegmentImage): void;
  /** A segment is durable, and nothing will be added to it. */
  segmentSealed(segment: SegmentSpan): void;
  /** The log has failed for good. What was not acknowledged has an unknown outcome. */
  faulted(fault: StorageFaultError): void;
}

/** Slows a log down when those who take its segments over fall behind. */
export interface Pace {
  /** How long the next group should wait before this is asked again. Milliseconds; 0: not at all. */
  waitMs(): number;
  wrote(bytes: number): void;
  /** What they need of the disk to take over what is sealed: nobody else may fill it. */
  readonly reservedBytes: number;
}

export const unhurried: Pace = { waitMs: () => 0, wrote: () => {}, reservedBytes: 0 };

const syncModes: readonly string[] = ["always", "batch", "none"];

/** Fills in the defaults and refuses what makes no sense, by name. */
export function resolveOptions(directory: string, options: WalOptions): Omit<LogWriterOptions, "listener"> {
  const syncMode = options.syncMode ?? "always";
  if (!syncModes.includes(syncMode)) {
    throw new InvalidArgumentError(
      `Cannot open a log with sync mode "${syncMode}": it must be "always", "batch" or "none"`,
    );
  }
  const onCorruption = options.onCorruption ?? "refuse";
  if (onCorruption !== "refuse" && onCorruption !== "stop") {
    throw new InvalidArgumentError(
      `Cannot open a log with onCorruption "${onCorruption}": it must be "refuse" or "stop"`,
    );
  }
  return {
    fileSystem: options.fileSystem ?? realFileSystem,
    directory,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
    syncMode,
    segmentBytesMax: within("segmentBytesMax", options.segmentBytesMax ?? segmentBytesMaxDefault, {
      least: 2 * segmentHeaderBytes,
      most: segmentBytesLimit,
    }),
    batchRecordsMax: within("batchRecordsMax", options.batchRecordsMax ?? 100, { least: 1, most: 1_000_000 }),
    batchDelayMs: within("batchDelayMs", options.batchDelayMs ?? 10, { least: 1, most: batchDelayMsMax }),
    sealDelayMs: within("sealDelayMs", options.sealDelayMs ?? sealDelayMs, { least: 1, most: 60_000 }),
    preparesSegments: options.preparesSegments ?? true,
    // A test's file system decides when its syncs end, so nobody waits for them unless it says so.
    syncsInline: options.syncsInline ?? (options.fileSystem ?? realFileSystem) === realFileSystem,
    images: new ImagePool(),
    pace: unhurried,
    diskHeadroomBytes: within("diskHeadroomBytes", options.diskHeadroomBytes ?? diskHeadroomBytes, {
      least: 0,
      most: Number.MAX_SAFE_INTEGER,
    }),
  };
}

function within(name: string, value: number, bounds: { least: number; most: number }): number {
  if (Number.isSafeInteger(value) && value >= bounds.least && value <= bounds.most) return value;
  throw new InvalidArgumentError(
    `Cannot open a log with ${name} ${value}: it must be a whole number from ${bounds.least} to ${bounds.most}`,
  );
}
