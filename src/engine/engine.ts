import { assert } from "../lib/assert.ts";
import { HoldfastError, InvalidArgumentError, LimitError } from "../lib/errors.ts";
import { batchBytesMax, batchOperationsMax, pageBytesMax } from "../lib/limits.ts";
import { TableCorruptionError } from "../table/errors.ts";
import { WalClosedError, WalFencedError } from "../wal/errors.ts";
import { recordFlag, recordType } from "../wal/format.ts";
import { commitBytes } from "../wal/group-builder.ts";
import type { LogWriter } from "../wal/log-writer.ts";
import type { SegmentSpan } from "../wal/segment-span.ts";
import { recordBytes } from "../wal/record.ts";
import type { SegmentImage } from "../wal/segment-image.ts";
import { AdvanceWaiters } from "./advance-waiters.ts";
import type { EngineParts, TornTail } from "./engine-parts.ts";
import { ConflictError, FlushStuckError } from "./errors.ts";
import { Lookup, newestVersion } from "./lookup.ts";
import type { MemtableStack } from "./memtable-stack.ts";
import { scanPage } from "./scan-page.ts";
import type { Snapshots } from "./snapshots.ts";
import { storeStats } from "./stats.ts";
import {
  snapshotWanted,
  unconditional,
  type AdvanceWaiter,
  type KeyCursor,
  type OperationCursor,
  type Replies,
  type ScanRange,
  type Store,
  type SyncMode,
  type Write,
} from "./store.ts";
import { beyondLimits } from "./write-limits.ts";

/**
 * The database in one process: one writer, the log, the memtables over it, and the tables that they become.
 *
 * A write is checked, gets its seq, is copied into the open group and indexed at once, as pending: whoever comes
 * later sees it. But an answer that depends on a pending entry, a value as much as an absence or a refusal, carries
 * `visibleAt`, the entry's version, and must not leave the process before that is acknowledgeable. So nobody
 * outside ever learns what a crash could take back, and nobody inside waits.
 *
 * Every call runs to its end in one turn of the event loop; that is all the isolation there is, and all it takes.
 */
export class Engine implements Store {
  readonly syncMode: SyncMode;
  readonly storeId: Uint8Array;
  /** What a crash had left at the end of the log, if opening found it torn: cut off, and kept. */
  readonly tornTail: TornTail | undefined;
  readonly #parts: EngineParts;
  readonly #writer: LogWriter;
  readonly #memtables: MemtableStack;
  readonly #snapshots: Snapshots;
  readonly #lookup: Lookup;
  readonly #waiters = new AdvanceWaiters();
  #fault: HoldfastError | undefined;
  #isClosed = false;
  readonly #faultListeners: ((fault: HoldfastError) => void)[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.syncMode = parts.syncMode;
    this.storeId = parts.writer.storeId;
    this.tornTail = parts.tornTail;
    this.#writer = parts.writer;
    this.#memtables = parts.memtables;
    this.#snapshots = parts.snapshots;
    this.#lookup = new Lookup(parts.memtables, parts.tables.set);
  }

  get currentSeq(): number {
    return this.#writer.builder.appendedSeq;
  }

  get ackableSeq(): number {
    return this.#writer.ackableSeq;
  }

  get pendingBytes(): number {
    return this.#writer.builder.pendingBytes;
  }

  get(id: number, key: Buffer, keyStart: number, keyEnd: number, snapshotId: number, replies: Replies): void {
    const lookup = this.#lookup;
    this.#writer.readsSeen++;
    try {
      this.#assertOpen();
      const versionMax = snapshotId === 0 ? newestVersion : this.#snapshots.use(snapshotId).seq;
      lookup.find(key, keyStart, keyEnd, versionMax);
    } catch (error) {
      return this.#notRead(id, error, replies);
    }
    const visibleAt = this.#visibleAt(lookup.version);
    if (!lookup.hasValue) return replies.entry(id, 0, key, keyEnd, keyEnd, visibleAt);
    const { version, bytes, valueStart, valueEnd } = lookup;
    replies.entry(id, version, bytes, valueStart, valueEnd, visibleAt);
  }

  put(id: number, write: Write, replies: Replies): void {
    this.#write(id, write, false, replies);
  }

  delete(id: number, write: Write, replies: Replies): void {
    this.#write(id, write, true, replies);
  }

  batch(id: number, operations: OperationCursor, replies: Replies): void {
    const { operationCount } = operations;
    if (operationCount === 0) {
      return replies.refused(id, new InvalidArgumentError("Cannot write a batch: it has no operations"), 0);
    }
    if (operationCount > batchOperationsMax) {
      const what = "Cannot write: operations of the batch";
      return replies.refused(id, new LimitError(what, operationCount, batchOperationsMax), 0);
    }
    let bytes = commitBytes;
    // A refusal tells that the conditions before it hold, so it waits for all that they looked at.
    let visibleAt = 0;
    operations.rewind();
    for (let index = 0; operations.next(); index++) {
      const refusal = this.#refusal(operations, index);
      if (operations.ifVersion !== unconditional) visibleAt = Math.max(visibleAt, this.#foundVisibleAt);
      if (refusal !== undefined) return replies.refused(id, refusal, visibleAt);
      bytes += recordBytes(
        recordFlag.inBatch,
        operations.keyEnd - operations.keyStart,
        operations.valueEnd - operations.valueStart,
      );
    }
    if (bytes > batchBytesMax) {
      return replies.refused(
        id,
        new LimitError("Cannot write: bytes of the batch", bytes, batchBytesMax),
        visibleAt,
      );
    }
    if (!this.#reserve(id, bytes, replies, visibleAt)) return;

    // All entries of a batch have one version, the COMMIT's, which is known before the first is written.
    const version = this.currentSeq + operationCount + 1;
    try {
      operations.rewind();
      while (operations.next()) this.#append(operations, operations.isDelete, recordFlag.inBatch, version);
      const seq = this.#writer.builder.commit(operationCount);
      assert(seq === version, "a batch's COMMIT comes right behind its operations");
    } catch (error) {
      this.#writer.abandon(error);
      throw error;
    }
    this.#writer.wake();
    replies.written(id, version, version);
  }

  getMany(id: number, keys: KeyCursor, snapshotId: number, replies: Replies): void {
    const lookup = this.#lookup;
    let visibleAt = 0;
    let pageBytes = 0;
    let count = 0;
    this.#writer.readsSeen++;
    try {
      this.#assertOpen();
      const versionMax = snapshotId === 0 ? newestVersion : this.#snapshots.use(snapshotId).seq;
      keys.rewind();
      while (keys.next()) {
        if (count === this.#parts.pageEntriesMax || pageBytes >= pageBytesMax)
          return replies.page(id, true, 0, visibleAt);
        const { bytes: key, keyStart, keyEnd } = keys;
        lookup.find(key, keyStart, keyEnd, versionMax);
        visibleAt = Math.max(visibleAt, this.#visibleAt(lookup.version));
        if (lookup.hasValue) {
          const { version, bytes, valueStart, valueEnd } = lookup;
          replies.pageEntry(key, 0, 0, version, bytes, valueStart, valueEnd);
          pageBytes += valueEnd - valueStart;
        } else {
          replies.pageEntry(key, 0, 0, 0, key, 0, 0);
        }
        count++;
      }
    } catch (error) {
      return this.#notRead(id, error, replies);
    }
    replies.page(id, false, 0, visibleAt);
  }

  scan(id: number, range: ScanRange, snapshotId: number, replies: Replies): void {
    const { set } = this.#parts.tables;
    const snapshots = this.#snapshots;
    this.#writer.readsSeen++;
    try {
      this.#assertOpen();
      const snapshot = snapshotId > 0 ? snapshots.use(snapshotId) : undefined;
      const sources = [...this.#memtables.sources(), ...set.sources()];
      const seq = snapshot?.seq ?? newestVersion;
      const { pageEntriesMax } = this.#parts;
      const { more, entries, versionMax } = scanPage(sources, range, seq, pageEntriesMax, replies);
      set.trimCursors();
      // Whoever got as many as asked for comes for no more. Else what the page did not see is kept for the next one.
      const isAll = range.limit !== 0 && entries === range.limit;
      const goesOn = more && !isAll && snapshotId === snapshotWanted;
      const opened = goesOn ? snapshots.open(this.currentSeq, 0, true) : undefined;
      if (!more && snapshot?.isOfScan === true) snapshots.close(snapshot.id);
      replies.page(id, more, opened?.id ?? 0, this.#visibleAt(versionMax));
    } catch (error) {
      this.#notRead(id, error, replies);
    }
  }

  openSnapshot(id: number, leaseMs: number, replies: Replies): void {
    try {
      const snapshot = this.#snapshots.open(this.currentSeq, leaseMs, false);
      replies.snapshot(id, snapshot.id, snapshot.seq, snapshot.leaseMs, this.#visibleAt(snapshot.seq));
    } catch (error) {
      this.#notRead(id, error, replies);
    }
  }

  renewSnapshot(id: number, snapshotId: number, leaseMs: number, replies: Replies): void {
    try {
      const snapshot = this.#snapshots.renew(snapshotId, leaseMs);
      replies.snapshot(id, snapshot.id, snapshot.seq, snapshot.leaseMs, this.#visibleAt(snapshot.seq));
    } catch (error) {
      this.#notRead(id, error, replies);
    }
  }

  closeSnapshot(id: number, snapshotId: number, replies: Replies): void {
    this.#snapshots.close(snapshotId);
    replies.done(id, 0, 0);
  }

  checkpoint(id: number, replies: Replies): void {
    this.#later(id, () => this.#parts.housekeeping.checkpoint(), replies);
  }

  compact(id: number, replies: Replies): void {
    const { housekeeping } = this.#parts;
    this.#later(id, () => housekeeping.compact().then(() => 0), replies);
  }

  stats(): Record<string, unknown> {
    const { tables, housekeeping } = this.#parts;
    return {
      syncMode: this.syncMode,
      currentSeq: this.currentSeq,
      ackableSeq: this.ackableSeq,
      durableSeq: this.#writer.durableSeq,
      ...storeStats(this.#writer, this.#memtables, tables),
      ...housekeeping.stats(),
    };
  }

  awaitAdvance(waiter: AdvanceWaiter): void {
    this.#waiters.add(waiter);
  }

  onFault(listener: (fault: HoldfastError) => void): void {
    if (this.#fault !== undefined) listener(this.#fault);
    else this.#faultListeners.push(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const { directory, housekeeping, ownership, tables } = this.#parts;
    const closed = new WalClosedError(directory);
    try {
      await housekeeping.close(closed);
      await this.#writer.close(closed);
      if (this.#writer.stopped === closed) await housekeeping.ended();
    } finally {
      await tables.close();
      ownership.release();
    }
  }

  /** The log tells: more may be acknowledged. */
  advanced(): void {
    this.#waiters.callAll();
    this.#parts.housekeeping.advanced();
  }

  /**
   * The log tells: records lie in a new segment from here on. What is before it is about to become a table, and the
   * segment's first record says so.
   */
  segmentBegun(image: SegmentImage): void {
    this.#memtables.begin(image.number, image.bytes, image.firstSeq - 1);
    this.#writer.builder.checkpoint();
  }

  /** The log tells: this segment is complete. */
  segmentSealed(segment: SegmentSpan): void {
    this.#parts.housekeeping.sealed(segment);
  }

  /** The log tells, or a later open that took it over: nothing more will be acknowledged. */
  faulted(fault: HoldfastError): void {
    this.#fault ??= fault;
    this.#parts.housekeeping.abandon(fault);
    if (fault instanceof WalFencedError) this.#isClosed = true;
    for (const listener of this.#faultListeners.splice(0)) listener(fault);
  }

  #write(id: number, write: Write, isDelete: boolean, replies: Replies): void {
    const refusal = this.#refusal(write, 0);
    if (refusal !== undefined) {
      // A refused condition tells something of the entry that it looked at, and waits for it.
      return replies.refused(id, refusal, write.ifVersion === unconditional ? 0 : this.#foundVisibleAt);
    }
    const bytes = recordBytes(0, write.keyEnd - write.keyStart, write.valueEnd - write.valueStart);
    if (!this.#reserve(id, bytes, replies)) return;
    const version = this.currentSeq + 1;
    this.#append(write, isDelete, 0, version);
    this.#writer.wake();
    replies.written(id, version, version);
  }

  /** Copies the operation into the log's open group, the only copy there is, and indexes it there. */
  #append(write: Write, isDelete: boolean, flags: number, version: number): void {
    const { builder } = this.#writer;
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = write;
    const type = isDelete ? recordType.delete : recordType.put;
    builder.append(type, flags, bytes, keyStart, keyEnd, bytes, valueStart, valueEnd);
    const memtables = this.#memtables;
    const memtable = memtables.newest;
    assert(memtable.bytes === builder.image.bytes, "the newest memtable indexes the segment that is written");
    const hash = memtables.hash(bytes, keyStart, keyEnd);
    if (isDelete) memtable.stageDelete(hash, builder.keyStart, keyEnd - keyStart, version);
    else memtable.stagePut(hash, builder.keyStart, keyEnd - keyStart, valueEnd - valueStart, version);
  }

  /** Why an operation can't be done, if it can't: a limit, or its condition. */
  #refusal(write: Write, operationIndex: number): HoldfastError | undefined {
    const { bytes, keyStart, keyEnd, ifVersion } = write;
    const beyond = beyondLimits(write);
    if (beyond !== undefined) return beyond;
    if (ifVersion === unconditional) return undefined;
    const lookup = this.#lookup;
    try {
      lookup.find(bytes, keyStart, keyEnd, newestVersion);
    } catch (error) {
      return this.#asRefusal(error);
    }
    const actual = lookup.hasValue ? lookup.version : 0;
    return actual === ifVersion ? undefined : new ConflictError(ifVersion, actual, operationIndex);
  }

  /** When what the last look-up found, a tombstone too, may be told. */
  get #foundVisibleAt(): number {
    return this.#visibleAt(this.#lookup.version);
  }

  #reserve(id: number, bytes: number, replies: Replies, visibleAt = 0): boolean {
    if (this.#parts.housekeeping.isStuck) {
      replies.refused(id, new FlushStuckError(this.#parts.directory), visibleAt);
      return false;
    }
    try {
      this.#writer.reserve(bytes);
      return true;
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      replies.refused(id, error, visibleAt);
      return false;
    }
  }

  #later(id: number, work: () => Promise<number>, replies: Replies): void {
    if (this.#writer.stopped !== undefined) return replies.refused(id, this.#writer.stopped, 0);
    work().then(
      (seq) => replies.done(id, seq, 0),
      (error) => replies.refused(id, this.#asRefusal(error), 0),
    );
  }

  #notRead(id: number, error: unknown, replies: Replies): void {
    replies.refused(id, this.#asRefusal(error), 0);
  }

  /**
   * A table that can't be read is a storage fault, and stops the store: what else the disk has lost nobody knows, and
   * an answer without it could be wrong.
   */
  #asRefusal(error: unknown): HoldfastError {
    if (error instanceof HoldfastError && !(error instanceof TableCorruptionError)) return error;
    if (this.#writer.stopped === undefined) this.#writer.abandon(error);
    return this.#writer.stopped!;
  }

  /** Once the tables are closed, or another handle's, memory alone would give wrong answers. */
  #assertOpen(): void {
    if (this.#isClosed) throw this.#writer.stopped ?? new WalClosedError(this.#parts.directory);
  }

  #visibleAt(version: number): number {
    return version > this.#writer.ackableSeq ? version : 0;
  }
}
