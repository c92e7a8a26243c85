import { ConflictError } from "../../src/engine/errors.ts";
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
} from "../../src/engine/store.ts";
import { HoldfastError } from "../../src/lib/errors.ts";
import {
  pendingBytesMax,
  sharedGroupBytesMax,
  snapshotLeaseMsDefault,
  snapshotLeaseMsMax,
} from "../../src/lib/limits.ts";

interface Entry {
  readonly version: number;
  /** Undefined: a tombstone. */
  readonly value: Buffer | undefined;
}

type Entries = ReadonlyMap<string, Entry>;

/** What was there when it was opened. */
interface Snapshot {
  readonly seq: number;
  readonly entries: Entries;
  /** Closed with the last page. */
  readonly isOfScan: boolean;
}

interface LateAnswer {
  readonly id: number;
  readonly replies: Replies;
  readonly answer: () => void;
}

export interface FakeStoreOptions {
  syncMode?: SyncMode;
  /** Everything is durable at once. */
  isInstant?: boolean;
  pageEntriesMax?: number;
}

/**
 * A store in a Map whose durability the test advances by hand. It keeps to the contract of Store to the letter:
 * every answer says what it depends on, also refusals and absences, and waiters are called once.
 */
export class FakeStore implements Store {
  readonly syncMode: SyncMode;
  readonly storeId = Buffer.alloc(16, 7);
  currentSeq = 0;
  ackableSeq = 0;
  /** With so many that are not durable, it is congested until some of them are. */
  pendingSeqsMax = Infinity;
  congested = false;
  /** What waits is more than greedy sessions may add to while there are modest ones. */
  groupIsLarge = false;
  /** The values that are written wait, until the next advance. */
  countsBytes = false;
  /** Writes that came all the same. */
  writesWhileCongested = 0;
  /** Calls in their order, as "put a", "get b". */
  readonly calls: string[] = [];
  isClosed = false;
  /** Answers are kept back until `answerAll`. */
  isSlow = false;
  /** What `close` waits for. */
  closing: Promise<void> = Promise.resolve();
  /** The next call throws this. */
  bug: Error | undefined;

  readonly #entries = new Map<string, Entry>();
  readonly #options: FakeStoreOptions;
  readonly #faultListeners: ((fault: HoldfastError) => void)[] = [];
  #waiters: AdvanceWaiter[] = [];
  #pendingBytes = 0;
  readonly #snapshots = new Map<number, Snapshot>();
  #snapshotIdLast = 0;
  #answers: LateAnswer[] = [];

  constructor(options: FakeStoreOptions = {}) {
    this.#options = options;
    this.syncMode = options.syncMode ?? "always";
  }

  get pendingBytes(): number {
    if (this.congested) return pendingBytesMax + 1;
    return this.groupIsLarge ? sharedGroupBytesMax + 1 : this.#pendingBytes;
  }

  get waiterCount(): number {
    return this.#waiters.length;
  }

  /** Everything up to `seq` becomes durable; without one, everything there is. */
  advance(seq = this.currentSeq): void {
    this.ackableSeq = seq;
    this.#pendingBytes = 0;
    this.#look();
    for (const waiter of this.#waiters.splice(0)) waiter.advanced();
  }

  fail(): HoldfastError {
    const fault = new HoldfastError("STORAGE_FAULT", "Cannot go on with the log: the disk is gone");
    for (const listener of this.#faultListeners) listener(fault);
    return fault;
  }

  answerAll(): void {
    for (const { answer } of this.#answers.splice(0)) answer();
  }

  /** What was kept back is refused instead. */
  refuseAll(refusal: HoldfastError): void {
    for (const { id, replies } of this.#answers.splice(0)) replies.refused(id, refusal, 0);
  }

  get snapshotCount(): number {
    return this.#snapshots.size;
  }

  get(id: number, key: Buffer, keyStart: number, keyEnd: number, snapshotId: number, replies: Replies): void {
    const name = this.#called("get", key, keyStart, keyEnd);
    const entries = this.#stateOf(snapshotId);
    if (entries === undefined) return this.#refuse(id, snapshotExpired(), replies);
    const entry = entries.get(name);
    const visibleAt = this.#visibleAt(entry);
    this.#answer(id, replies, () => {
      if (entry?.value === undefined) replies.entry(id, 0, nothing, 0, 0, visibleAt);
      else replies.entry(id, entry.version, entry.value, 0, entry.value.length, visibleAt);
    });
  }

  put(id: number, write: Write, replies: Replies): void {
    const name = this.#called("put", write.bytes, write.keyStart, write.keyEnd);
    this.#write(id, [[name, write]], false, replies);
  }

  delete(id: number, write: Write, replies: Replies): void {
    const name = this.#called("delete", write.bytes, write.keyStart, write.keyEnd);
    this.#write(id, [[name, { ...copyOf(write), isDelete: true }]], false, replies);
  }

  batch(id: number, operations: OperationCursor, replies: Replies): void {
    this.#called("batch", nothing, 0, 0);
    const writes: [string, Write & { isDelete: boolean }][] = [];
    operations.rewind();
    while (operations.next()) {
      writes.push([nameOf(operations.bytes, operations.keyStart, operations.keyEnd), copyOf(operations)]);
    }
    this.#write(id, writes, true, replies);
  }

  getMany(id: number, keys: KeyCursor, snapshotId: number, replies: Replies): void {
    this.#called("getMany", nothing, 0, 0);
    const entries = this.#stateOf(snapshotId);
    if (entries === undefined) return this.#refuse(id, snapshotExpired(), replies);
    let visibleAt = 0;
    let count = 0;
    keys.rewind();
    while (keys.next()) {
      if (count === this.#pageEntriesMax) return replies.page(id, true, 0, visibleAt);
      const entry = entries.get(nameOf(keys.bytes, keys.keyStart, keys.keyEnd));
      visibleAt = Math.max(visibleAt, this.#visibleAt(entry));
      const { value } = entry ?? {};
      if (value === undefined) replies.pageEntry(nothing, 0, 0, 0, nothing, 0, 0);
      else replies.pageEntry(nothing, 0, 0, entry!.version, value, 0, value.length);
      count++;
    }
    replies.page(id, false, 0, visibleAt);
  }

  scan(id: number, range: ScanRange, snapshotId: number, replies: Replies): void {
    this.#called("scan", nothing, 0, 0);
    const entries = this.#stateOf(snapshotId);
    if (entries === undefined) return this.#refuse(id, snapshotExpired(), replies);
    const { start, end, prefix, after, reverse, limit, keysOnly } = range;
    const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("latin1");
    const [from, to, head, last] = [start, end, prefix, after].map(text);
    let names = [...entries.keys()].sort();
    if (reverse) names.reverse();
    names = names.filter(
      (name) =>
        (from === undefined || name >= from) &&
        (to === undefined || name < to) &&
        (head === undefined || name.startsWith(head)) &&
        (last === undefined || (reverse ? name < last : name > last)),
    );
    let visibleAt = 0;
    let count = 0;
    const countMax = Math.min(this.#pageEntriesMax, limit === 0 ? Infinity : limit);
    for (const name of names) {
      const entry = entries.get(name)!;
      visibleAt = Math.max(visibleAt, this.#visibleAt(entry));
      if (entry.value === undefined) continue;
      if (count === countMax) {
        const more = limit === 0 || countMax < limit;
        const opened = more && snapshotId === snapshotWanted ? this.#open(true) : 0;
        return replies.page(id, more, opened, visibleAt);
      }
      const value = keysOnly ? nothing : entry.value;
      replies.pageEntry(Buffer.from(name, "latin1"), 0, name.length, entry.version, value, 0, value.length);
      count++;
    }
    if (this.#snapshots.get(snapshotId)?.isOfScan) this.#snapshots.delete(snapshotId);
    replies.page(id, false, 0, visibleAt);
  }

  openSnapshot(id: number, leaseMs: number, replies: Replies): void {
    this.#called("openSnapshot", nothing, 0, 0);
    const seq = this.currentSeq;
    const snapshotId = this.#open(false);
    this.#answer(id, replies, () => replies.snapshot(id, snapshotId, seq, granted(leaseMs), seq));
  }

  renewSnapshot(id: number, snapshotId: number, leaseMs: number, replies: Replies): void {
    this.#called("renewSnapshot", nothing, 0, 0);
    const snapshot = this.#snapshots.get(snapshotId);
    if (snapshot === undefined) return this.#refuse(id, snapshotExpired(), replies);
    this.#answer(id, replies, () =>
      replies.snapshot(id, snapshotId, snapshot.seq, granted(leaseMs), snapshot.seq),
    );
  }

  closeSnapshot(id: number, snapshotId: number, replies: Replies): void {
    this.#called("closeSnapshot", nothing, 0, 0);
    this.#snapshots.delete(snapshotId);
    this.#answer(id, replies, () => replies.done(id, 0, 0));
  }

  checkpoint(id: number, replies: Replies): void {
    this.#called("checkpoint", nothing, 0, 0);
    const seq = this.currentSeq;
    this.#answer(id, replies, () => replies.done(id, seq, seq));
  }

  compact(id: number, replies: Replies): void {
    this.#called("compact", nothing, 0, 0);
    const seq = this.currentSeq;
    this.#answer(id, replies, () => replies.done(id, 0, seq));
  }

  stats(): Record<string, unknown> {
    return { currentSeq: this.currentSeq };
  }

  awaitAdvance(waiter: AdvanceWaiter): void {
    this.#waiters.push(waiter);
  }

  onFault(listener: (fault: HoldfastError) => void): void {
    this.#faultListeners.push(listener);
  }

  async close(): Promise<void> {
    await this.closing;
    this.advance();
    this.isClosed = true;
  }

  #write(
    id: number,
    writes: [string, Write & { isDelete?: boolean }][],
    isBatch: boolean,
    replies: Replies,
  ): void {
    for (const [index, [name, { ifVersion }]] of writes.entries()) {
      if (ifVersion === unconditional) continue;
      const entry = this.#entries.get(name);
      const actual = entry?.value === undefined ? 0 : entry.version;
      if (actual === ifVersion) continue;
      const refusal = new ConflictError(ifVersion, actual, index);
      const visibleAt = this.#visibleAt(entry);
      return this.#answer(id, replies, () => replies.refused(id, refusal, visibleAt));
    }
    if (this.congested) this.writesWhileCongested++;
    this.currentSeq += writes.length + (isBatch ? 1 : 0);
    const version = this.currentSeq;
    if (this.#options.isInstant) this.ackableSeq = version;
    this.#look();
    for (const [name, { bytes, valueStart, valueEnd, isDelete }] of writes) {
      const value = isDelete ? undefined : Buffer.from(bytes.subarray(valueStart, valueEnd));
      this.#entries.set(name, { version, value });
      if (this.countsBytes) this.#pendingBytes += value?.length ?? 0;
    }
    this.#answer(id, replies, () => replies.written(id, version, version));
  }

  /** The entries that a read is to see; undefined: there is no such snapshot. */
  #stateOf(snapshotId: number): Entries | undefined {
    return snapshotId <= 0 ? this.#entries : this.#snapshots.get(snapshotId)?.entries;
  }

  #open(isOfScan: boolean): number {
    this.#snapshots.set(++this.#snapshotIdLast, {
      seq: this.currentSeq,
      entries: new Map(this.#entries),
      isOfScan,
    });
    return this.#snapshotIdLast;
  }

  #refuse(id: number, refusal: HoldfastError, replies: Replies): void {
    this.#answer(id, replies, () => replies.refused(id, refusal, 0));
  }

  #look(): void {
    this.congested = this.currentSeq - this.ackableSeq >= this.pendingSeqsMax;
  }

  #answer(id: number, replies: Replies, answer: () => void): void {
    if (this.isSlow) this.#answers.push({ id, replies, answer });
    else answer();
  }

  #called(what: string, bytes: Buffer, start: number, end: number): string {
    const name = nameOf(bytes, start, end);
    this.calls.push(name === "" ? what : `${what} ${name}`);
    if (this.bug !== undefined) throw this.bug;
    return name;
  }

  get #pageEntriesMax(): number {
    return this.#options.pageEntriesMax ?? 100;
  }

  #visibleAt(entry: Entry | undefined): number {
    return entry !== undefined && entry.version > this.ackableSeq ? entry.version : 0;
  }
}

function copyOf(write: Write & { isDelete?: boolean }): Write & { isDelete: boolean } {
  const { keyStart, keyEnd, valueStart, valueEnd, ifVersion, isDelete = false } = write;
  return { bytes: Buffer.from(write.bytes), keyStart, keyEnd, valueStart, valueEnd, ifVersion, isDelete };
}

function granted(leaseMs: number): number {
  return leaseMs === 0 ? snapshotLeaseMsDefault : Math.min(leaseMs, snapshotLeaseMsMax);
}

function snapshotExpired(): HoldfastError {
  return new HoldfastError("SNAPSHOT_EXPIRED", "Cannot read the snapshot: there is none of that id");
}

function nameOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("latin1", start, end);
}

const nothing = Buffer.alloc(0);
