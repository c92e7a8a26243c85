import type { AdvanceWaiter, Replies, Store, Write } from "../../src/engine/store.ts";

/**
 * A store that keeps nothing and answers each put at once, with a version that rises: behind the real server it shows
 * what sockets, sessions and protocol cost, and so what the log and the memtable have to add as little as possible to.
 */
export class AnsweringStore implements Store {
  readonly syncMode = "always";
  readonly storeId = Buffer.alloc(16);
  readonly pendingBytes = 0;
  currentSeq = 0;

  /** Nothing ever waits. */
  get ackableSeq(): number {
    return this.currentSeq;
  }

  put(id: number, _write: Write, replies: Replies): void {
    this.currentSeq++;
    replies.written(id, this.currentSeq, this.currentSeq);
  }

  /** Says of every key that it is not there. */
  get(
    id: number,
    key: Buffer,
    _keyStart: number,
    keyEnd: number,
    _snapshotId: number,
    replies: Replies,
  ): void {
    replies.entry(id, 0, key, keyEnd, keyEnd, 0);
  }

  delete = notServed;
  batch = notServed;
  getMany = notServed;
  scan = notServed;
  openSnapshot = notServed;
  renewSnapshot = notServed;
  closeSnapshot = notServed;
  checkpoint = notServed;
  compact = notServed;

  stats(): Record<string, unknown> {
    return {};
  }

  awaitAdvance(_waiter: AdvanceWaiter): void {}
  onFault(): void {}
  async close(): Promise<void> {}
}

function notServed(): never {
  throw new Error("The bench asks for nothing but puts and gets");
}
