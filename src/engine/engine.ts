import { assert } from "../lib/assert.ts";
import { HoldfastError, InvalidArgumentError, LimitError } from "../lib/errors.ts";
import {
  batchBytesMax,
  batchOperationsMax,
  keyBytesMax,
  keyBytesMin,
  pageBytesMax,
  pageEntriesMax,
  pendingBytesMax,
  valueBytesMax,
} from "../lib/limits.ts";
import { WalClosedError } from "../wal/errors.ts";
import { recordFlag, recordType } from "../wal/format.ts";
import { commitBytes } from "../wal/group-builder.ts";
import type { LogWriter } from "../wal/log-writer.ts";
import type { Ownership } from "../wal/ownership.ts";
import { recordBytes } from "../wal/record.ts";
import type { SegmentImage } from "../wal/segment-image.ts";
import { AdvanceWaiters } from "./advance-waiters.ts";
import { ConflictError, StoreFullError } from "./errors.ts";
import type { MemtableStack } from "./memtable-stack.ts";
import { scanPage } from "./scan-page.ts";
import {
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

/**
 * The database in one process: one writer, the log, and the memtables over it.
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
  readonly #writer: LogWriter;
  readonly #ownership: Ownership;
  readonly #memtables: MemtableStack;
  readonly #directory: string;
  readonly #memoryBytesMax: number;
  /** Of the segments before the one that is written now, and of their indexes; all of them are in memory. */
  #sealedBytes: number;
  #image: SegmentImage;
  readonly #waiters = new AdvanceWaiters();
  #fault: HoldfastError | undefined;
  readonly #faultListeners: ((fault: HoldfastError) => void)[] = [];

  constructor(options: {
    directory: string;
    syncMode: SyncMode;
    writer: LogWriter;
    ownership: Ownership;
    memtables: MemtableStack;
    memoryBytesMax: number;
    tornTail?: TornTail | undefined;
  }) {
    this.syncMode = options.syncMode;
    this.storeId = options.writer.storeId;
    this.tornTail = options.tornTail;
    this.#directory = options.directory;
    this.#writer = options.writer;
    this.#ownership = options.ownership;
    this.#memtables = options.memtables;
    this.#memoryBytesMax = options.memoryBytesMax;
    this.#image = options.writer.builder.image;
    this.#sealedBytes = options.writer.sealed.reduce((sum, segment) => sum + segment.bytes, 0);
    for (const table of options.memtables.tables.slice(0, -1)) this.#sealedBytes += table.memoryBytes;
  }

  get currentSeq(): number {
    return this.#writer.builder.appendedSeq;
  }

  get ackableSeq(): number {
    return this.#writer.ackableSeq;
  }

  get congested(): boolean {
    return this.#writer.builder.pendingBytes > pendingBytesMax;
  }

  get(id: number, key: Buffer, keyStart: number, keyEnd: number, replies: Replies): void {
    const memtables = this.#memtables;
    memtables.find(memtables.hash(key, keyStart, keyEnd), key, keyStart, keyEnd);
    const { memtable, entry, foundVersion } = memtables;
    const visibleAt = this.#visibleAt(foundVersion);
    if (memtable === undefined || memtable.isTombstone(entry)) {
      replies.entry(id, 0, key, keyEnd, keyEnd, visibleAt);
    } else {
      const { bytes } = memtable;
      replies.entry(id, foundVersion, bytes, memtable.valueStart(entry), memtable.valueEnd(entry), visibleAt);
    }
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

  getMany(id: number, keys: KeyCursor, replies: Replies): void {
    const memtables = this.#memtables;
    let visibleAt = 0;
    let pageBytes = 0;
    let count = 0;
    keys.rewind();
    while (keys.next()) {
      if (count === pageEntriesMax || pageBytes >= pageBytesMax) {
        return replies.page(id, true, visibleAt);
      }
      const { bytes: key, keyStart, keyEnd } = keys;
      memtables.find(memtables.hash(key, keyStart, keyEnd), key, keyStart, keyEnd);
      const { memtable, entry, foundVersion } = memtables;
      visibleAt = Math.max(visibleAt, this.#visibleAt(foundVersion));
      if (memtable === undefined || memtable.isTombstone(entry)) {
        replies.pageEntry(key, 0, 0, 0, 0, 0);
      } else {
        const valueStart = memtable.valueStart(entry);
        const valueEnd = memtable.valueEnd(entry);
        replies.pageEntry(memtable.bytes, 0, 0, foundVersion, valueStart, valueEnd);
        pageBytes += valueEnd - valueStart;
      }
      count++;
    }
    replies.page(id, false, visibleAt);
  }

  scan(id: number, range: ScanRange, replies: Replies): void {
    const { more, versionMax } = scanPage(this.#memtables.tables, range, replies);
    replies.page(id, more, this.#visibleAt(versionMax));
  }

  stats(): Record<string, unknown> {
    const { builder, sealed, active, syncCount } = this.#writer;
    const tables = this.#memtables.tables;
    return {
      syncMode: this.syncMode,
      currentSeq: this.currentSeq,
      ackableSeq: this.ackableSeq,
      durableSeq: this.#writer.durableSeq,
      pendingBytes: builder.pendingBytes,
      syncs: syncCount,
      segments: sealed.length + 1,
      logBytes: sealed.reduce((sum, segment) => sum + segment.bytes, active.bytes),
      memtables: tables.length,
      memtableEntries: tables.reduce((sum, table) => sum + table.entryCount, 0),
      memtableTombstones: tables.reduce((sum, table) => sum + table.tombstoneCount, 0),
      memtableIndexBytes: tables.reduce((sum, table) => sum + table.memoryBytes, 0),
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
    try {
      await this.#writer.close(new WalClosedError(this.#directory));
    } finally {
      this.#ownership.release();
    }
  }

  /** The log tells: more may be acknowledged. */
  advanced(): void {
    this.#waiters.callAll();
  }

  /** The log tells: records lie in a new segment from here on. */
  segmentBegun(image: SegmentImage): void {
    this.#sealedBytes += this.#image.used + this.#memtables.newest.memoryBytes;
    this.#image = image;
    this.#memtables.begin(image.bytes, image.firstSeq - 1);
  }

  /** The log tells, or a later open that took it over: nothing more will be acknowledged. */
  faulted(fault: HoldfastError): void {
    this.#fault ??= fault;
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
    if (isDelete) memtable.delete(hash, builder.keyStart, keyEnd - keyStart, version);
    else memtable.put(hash, builder.keyStart, keyEnd - keyStart, valueEnd - valueStart, version);
  }

  /** Why an operation can't be done, if it can't: a limit, or its condition. */
  #refusal(write: Write, operationIndex: number): HoldfastError | undefined {
    const { bytes, keyStart, keyEnd, ifVersion } = write;
    const keyBytes = keyEnd - keyStart;
    const valueBytes = write.valueEnd - write.valueStart;
    if (keyBytes < keyBytesMin) {
      return new InvalidArgumentError("Cannot write: the key is empty; a key has at least 1 byte");
    }
    if (keyBytes > keyBytesMax)
      return new LimitError("Cannot write: bytes of the key", keyBytes, keyBytesMax);
    if (valueBytes > valueBytesMax) {
      return new LimitError("Cannot write: bytes of the value", valueBytes, valueBytesMax);
    }
    if (ifVersion === unconditional) return undefined;
    const memtables = this.#memtables;
    memtables.find(memtables.hash(bytes, keyStart, keyEnd), bytes, keyStart, keyEnd);
    const actual = memtables.foundValue ? memtables.foundVersion : 0;
    return actual === ifVersion ? undefined : new ConflictError(ifVersion, actual, operationIndex);
  }

  /** When what the last look-up found, a tombstone too, may be told. */
  get #foundVisibleAt(): number {
    return this.#visibleAt(this.#memtables.foundVersion);
  }

  #reserve(id: number, bytes: number, replies: Replies, visibleAt = 0): boolean {
    const memoryBytes = this.#sealedBytes + this.#image.used + bytes;
    if (memoryBytes > this.#memoryBytesMax) {
      replies.refused(id, new StoreFullError(this.#memoryBytesMax, memoryBytes), visibleAt);
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

  #visibleAt(version: number): number {
    return version > this.#writer.ackableSeq ? version : 0;
  }
}

export interface TornTail {
  /** Where the cut bytes are kept. */
  file: string;
  bytes: number;
}
