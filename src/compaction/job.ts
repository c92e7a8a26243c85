import type { TableSummary } from "../table/table-summary.ts";
import type { KeyRange } from "./levels.ts";

/**
 * What a flush or a merge is to do, and what it did: plain data, made of paths, numbers and bytes, so that it can be
 * sent to another thread. Everything else a job knows, it reads from files.
 */
export type Job = FlushJob | MergeJob;

export interface JobOutput {
  /** Of the tables, inputs and outputs. */
  directory: string;
  storeId: Uint8Array;
  hashSeed: number;
  /** Outputs are numbered from this on, and there are at most `tableNumbersMax` of them (`tableNumbersFor`). */
  firstTableNumber: number;
  tableNumbersMax: number;
  /** A table that has so many bytes ends with the key at hand. */
  tableBytesMax: number;
  /** Readers may read at these seqs, ascending, and at any from the newest version of the inputs on. */
  snapshots: readonly number[];
  /** So much may be written each second; 0: as much as goes. */
  bytesPerSecondMax: number;
  /** With less free space than this the job gives up: what others need is not for tables. 0: it tries. */
  diskFreeBytesMin: number;
}

export interface FlushJob extends JobOutput {
  kind: "flush";
  /** Writers wait for it, or soon will: merges on the same thread stand still for it. */
  isUrgent: boolean;
  segment: SealedSegmentPlace;
}

/** A sealed segment of the log, which must be exactly this. */
export interface SealedSegmentPlace {
  path: string;
  number: number;
  bytes: number;
  firstSeq: number;
  /** Of its last record; less than firstSeq if it has none. */
  lastSeq: number;
}

export interface MergeJob extends JobOutput {
  kind: "merge";
  /**
   * The inputs, newest first: where two runs have a key in common, all versions of it in the first are newer. The
   * tables of one run do not overlap and are in the order of their keys.
   */
  runs: readonly (readonly InputTable[])[];
  /**
   * The ranges of all tables that may hold older versions of keys of the inputs, in lists: those of one list do not
   * overlap and are in the order of their keys. Where none of them reaches, a tombstone has nothing to hide.
   */
  deeper: readonly (readonly KeyRange[])[];
  /** The tables of the level below the output that overlap it, in the order of their keys. */
  grandparents: readonly (KeyRange & { readonly bytes: number })[];
  /** An output ends before it overlaps more than so many bytes of them. */
  grandparentBytesMax: number;
}

export interface InputTable extends KeyRange {
  readonly number: number;
  readonly bytes: number;
  readonly versionMin: number;
}

export interface JobResult {
  /** Whole, verified and durable under their names; in the order of their keys. Nothing refers to them yet. */
  tables: TableSummary[];
  bytesRead: number;
  bytesWritten: number;
  entriesIn: number;
  entriesOut: number;
  /** Entries that nobody could see any more, because a newer one of their key hides them. Tombstones count too. */
  droppedVersions: number;
  /** Tombstones that had nothing left to hide. */
  droppedTombstones: number;
  durationMs: number;
}

/** Enough numbers for the outputs of a job whose inputs have so many bytes. */
export function tableNumbersFor(inputBytes: number, tableBytesMax: number, grandparents = 0): number {
  // Written anew, tiny entries may take up to twice what they took in the log. Numbers cost nothing.
  return 2 * Math.ceil(inputBytes / tableBytesMax) + grandparents + 2;
}
