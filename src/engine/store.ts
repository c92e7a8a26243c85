import type { HoldfastError } from "../lib/errors.ts";

/**
 * What the server asks of a store, and all that it knows of one. The engine beside this file is one; an engine
 * on other machines could be another, which is why every answer comes through `Replies` (during the call, or
 * later) and why nothing here speaks of a log or of tables.
 *
 * Requests of one caller execute in the order of the calls. Buffers given to a call are the caller's: they are
 * valid during the call only, and whoever needs the bytes longer copies them.
 *
 * No object is made for a request: keys and values are ranges of a buffer, answers are calls with numbers.
 */
export interface Store {
  readonly syncMode: SyncMode;
  /** 16 bytes that no other store has. */
  readonly storeId: Uint8Array;
  /** The newest sequence number that was given out. */
  readonly currentSeq: number;
  /** Everything up to this seq may be acknowledged and observed. Never goes back. */
  readonly ackableSeq: number;
  /** What waits to be written. Beyond some bound callers should bring nothing more until the next advance. */
  readonly pendingBytes: number;

  /** `snapshotId` 0 reads the newest state, here and in getMany. */
  get(id: number, key: Buffer, keyStart: number, keyEnd: number, snapshotId: number, replies: Replies): void;
  put(id: number, write: Write, replies: Replies): void;
  delete(id: number, write: Write, replies: Replies): void;
  /** All operations or none. The cursor is read from its beginning, possibly twice. */
  batch(id: number, operations: OperationCursor, replies: Replies): void;
  /** Answers a page: entries of a prefix of `keys`, in their order, at least one; absent keys with version 0. */
  getMany(id: number, keys: KeyCursor, snapshotId: number, replies: Replies): void;
  /** `snapshotId` 0: the newest state; `snapshotWanted`: the same, and a snapshot of it if there are more pages. */
  scan(id: number, range: ScanRange, snapshotId: number, replies: Replies): void;

  /** Keeps the state of now readable for so long, and again so long from each use on. */
  openSnapshot(id: number, leaseMs: number, replies: Replies): void;
  renewSnapshot(id: number, snapshotId: number, leaseMs: number, replies: Replies): void;
  /** Also of one that is gone already. */
  closeSnapshot(id: number, snapshotId: number, replies: Replies): void;

  /** Moves what was written so far out of the log. Answered when that is done, with the seq up to which it is. */
  checkpoint(id: number, replies: Replies): void;
  /** A checkpoint, and then everything is merged as far as it goes. Answered when that is done. */
  compact(id: number, replies: Replies): void;

  stats(): Record<string, unknown>;

  /** Calls `waiter.advanced()` once, after ackableSeq next advances. */
  awaitAdvance(waiter: AdvanceWaiter): void;
  /** Calls `listener` once, when the store has failed for good: no further write will be acknowledged. */
  onFault(listener: (fault: HoldfastError) => void): void;
  /** Waits for what was accepted, syncs it, and releases everything. */
  close(): Promise<void>;
}

/** `always`: an acknowledged write was synced. The others acknowledge earlier and say so wherever they are named. */
export type SyncMode = "always" | "batch" | "none";

export interface AdvanceWaiter {
  advanced(): void;
}

/**
 * Where a store puts its answers. `visibleAt` is the seq that must be ackable before the answer may leave the
 * process; 0 means at once. It is what makes "observed means durable" true, for refusals and absences as well.
 */
export interface Replies {
  /** The answer to get. Version 0: there is no such key. */
  entry(
    id: number,
    version: number,
    bytes: Buffer,
    valueStart: number,
    valueEnd: number,
    visibleAt: number,
  ): void;
  /** The answer to put, delete and batch: the version that every touched entry now has. */
  written(id: number, version: number, visibleAt: number): void;
  /**
   * One more entry of the page that the next call of `page` ends. Keys of getMany are left out (0, 0). The last one
   * of a scan may have version 0: no entry, but the key that a limit stopped at, behind which the next page begins.
   */
  pageEntry(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    version: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void;
  /**
   * The answer to getMany and scan. `more`: the limit of a page, not the end of the range, stopped it. `snapshotId`:
   * the one that a scan opened for its further pages; else 0.
   */
  page(id: number, more: boolean, snapshotId: number, visibleAt: number): void;
  /** The answer to openSnapshot and renewSnapshot. */
  snapshot(id: number, snapshotId: number, seq: number, leaseMs: number, visibleAt: number): void;
  /** The answer to closeSnapshot, checkpoint and compact. `seq` is the checkpoint's; of the others 0. */
  done(id: number, seq: number, visibleAt: number): void;
  /** The request was refused, and nothing happened. */
  refused(id: number, refusal: HoldfastError, visibleAt: number): void;
}

/** `ifVersion` of a write that goes through whatever is there. */
export const unconditional = -1;

/** The snapshot that a scan asks for when its first page does not hold everything. */
export const snapshotWanted = -1;

/** One put or delete, as ranges of `bytes`. A delete has no value; its range is empty. */
export interface Write {
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  /** Only if the entry has this version; 0: only if there is none; `unconditional`: always. */
  readonly ifVersion: number;
}

export interface OperationCursor extends Write {
  readonly operationCount: number;
  /** Whether the operation at the cursor is a delete. */
  readonly isDelete: boolean;
  /** Goes before the first operation. */
  rewind(): void;
  /** Goes to the next operation; false after the last. */
  next(): boolean;
}

export interface KeyCursor {
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly keyEnd: number;
  rewind(): void;
  next(): boolean;
}

/** Keys in byte order from `start` (inclusive) to `end` (exclusive), as far as given, that begin with `prefix`. */
export interface ScanRange {
  readonly start: Uint8Array | undefined;
  readonly end: Uint8Array | undefined;
  readonly prefix: Uint8Array | undefined;
  /** From the end towards the start. */
  readonly reverse: boolean;
  /** The last key of the page before this one: the scan goes on behind it. */
  readonly after: Uint8Array | undefined;
  /** Entries wanted; 0: as many as a page holds. */
  readonly limit: number;
  /** Values are left out of the page: each is empty. */
  readonly keysOnly: boolean;
}
