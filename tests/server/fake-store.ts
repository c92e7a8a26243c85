import { ConflictError } from "../../src/engine/errors.ts";
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
} from "../../src/engine/store.ts";
import { HoldfastError } from "../../src/lib/errors.ts";

interface Entry {
  readonly version: number;
  /** Undefined: a tombstone. */
  readonly value: Buffer | undefined;
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
  congested = false;
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
  #answers: (() => void)[] = [];

  constructor(options: FakeStoreOptions = {}) {
    this.#options = options;
    this.syncMode = options.syncMode ?? "always";
  }

  get waiterCount(): number {
    return this.#waiters.length;
  }

  /** Everything up to `seq` becomes durable; without one, everything there is. */
  advance(seq = this.currentSeq): void {
    this.ackableSeq = seq;
    for (const waiter of this.#waiters.splice(0)) waiter.advanced();
  }

  fail(): HoldfastError {
    const fault = new HoldfastError("STORAGE_FAULT", "Cannot go on with the log: the disk is gone");
    for (const listener of this.#faultListeners) listener(fault);
    return fault;
  }

  answerAll(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }

  get(id: number, key: Buffer, keyStart: number, keyEnd: number, replies: Replies): void {
    const name = this.#called("get", key, keyStart, keyEnd);
    const entry = this.#entries.get(name);
    const visibleAt = this.#visibleAt(entry);
    this.#answer(() => {
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

  getMany(id: number, keys: KeyCursor, replies: Replies): void {
    this.#called("getMany", nothing, 0, 0);
    let visibleAt = 0;
    let count = 0;
    keys.rewind();
    while (keys.next()) {
      if (count === this.#pageEntriesMax) return replies.page(id, true, visibleAt);
      const entry = this.#entries.get(nameOf(keys.bytes, keys.keyStart, keys.keyEnd));
      visibleAt = Math.max(visibleAt, this.#visibleAt(entry));
      const { value } = entry ?? {};
      if (value === undefined) replies.pageEntry(nothing, 0, 0, 0, 0, 0);
      else replies.pageEntry(value, 0, 0, entry!.version, 0, value.length);
      count++;
    }
    replies.page(id, false, visibleAt);
  }

  scan(id: number, range: ScanRange, replies: Replies): void {
    this.#called("scan", nothing, 0, 0);
    const { start, end, prefix, after, reverse, limit } = range;
    const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("latin1");
    const [from, to, head, last] = [start, end, prefix, after].map(text);
    let names = [...this.#entries.keys()].sort();
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
      const entry = this.#entries.get(name)!;
      visibleAt = Math.max(visibleAt, this.#visibleAt(entry));
      if (entry.value === undefined) continue;
      if (count === countMax) return replies.page(id, limit === 0 || countMax < limit, visibleAt);
      const bytes = Buffer.concat([Buffer.from(name, "latin1"), entry.value]);
      replies.pageEntry(bytes, 0, name.length, entry.version, name.length, bytes.length);
      count++;
    }
    replies.page(id, false, visibleAt);
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
      return this.#answer(() => replies.refused(id, refusal, visibleAt));
    }
    this.currentSeq += writes.length + (isBatch ? 1 : 0);
    const version = this.currentSeq;
    if (this.#options.isInstant) this.ackableSeq = version;
    for (const [name, { bytes, valueStart, valueEnd, isDelete }] of writes) {
      const value = isDelete ? undefined : Buffer.from(bytes.subarray(valueStart, valueEnd));
      this.#entries.set(name, { version, value });
    }
    this.#answer(() => replies.written(id, version, version));
  }

  #answer(answer: () => void): void {
    if (this.isSlow) this.#answers.push(answer);
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

function nameOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString("latin1", start, end);
}

const nothing = Buffer.alloc(0);
