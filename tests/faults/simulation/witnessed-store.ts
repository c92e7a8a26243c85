import type { Engine } from "../../../src/engine/engine.ts";
import {
  unconditional,
  type AdvanceWaiter,
  type KeyCursor,
  type OperationCursor,
  type Replies,
  type ScanRange,
  type Store,
  type Write,
} from "../../../src/engine/store.ts";
import { ConflictError } from "../../../src/engine/errors.ts";
import type { HoldfastError } from "../../../src/lib/errors.ts";
import type { Ledger, LedgerOperation } from "./ledger.ts";
import type { Sabotage } from "./simulation-options.ts";

/**
 * The engine, and somebody who writes down which writes it executed, in which order and with which versions, and
 * whether their conditions held. Correlation ids are unique in the whole simulation, so a write is known by its id.
 */
export class WitnessedStore implements Store {
  readonly #engine: Engine;
  readonly #ledger: Ledger;
  readonly #sabotage: Sabotage | undefined;

  constructor(engine: Engine, ledger: Ledger, sabotage?: Sabotage) {
    this.#engine = engine;
    this.#ledger = ledger;
    this.#sabotage = sabotage;
  }

  get syncMode() {
    return this.#engine.syncMode;
  }

  get storeId() {
    return this.#engine.storeId;
  }

  get currentSeq() {
    return this.#engine.currentSeq;
  }

  get ackableSeq() {
    return this.#engine.ackableSeq;
  }

  get pendingBytes() {
    return this.#engine.pendingBytes;
  }

  get(id: number, key: Buffer, keyStart: number, keyEnd: number, snapshotId: number, replies: Replies): void {
    this.#engine.get(id, key, keyStart, keyEnd, snapshotId, this.#reading(replies));
  }

  put(id: number, write: Write, replies: Replies): void {
    const operations = [operationOf(write, false)];
    this.#engine.put(id, write, this.#writing(operations, replies));
  }

  delete(id: number, write: Write, replies: Replies): void {
    const operations = [operationOf(write, true)];
    this.#engine.delete(id, write, this.#writing(operations, replies));
  }

  batch(id: number, cursor: OperationCursor, replies: Replies): void {
    const operations: Conditional[] = [];
    cursor.rewind();
    while (cursor.next()) operations.push(operationOf(cursor, cursor.isDelete));
    this.#engine.batch(id, cursor, this.#writing(operations, replies));
  }

  getMany(id: number, keys: KeyCursor, snapshotId: number, replies: Replies): void {
    this.#engine.getMany(id, keys, snapshotId, this.#reading(replies));
  }

  scan(id: number, range: ScanRange, snapshotId: number, replies: Replies): void {
    this.#engine.scan(id, range, snapshotId, this.#reading(replies));
  }

  openSnapshot(id: number, leaseMs: number, replies: Replies): void {
    this.#engine.openSnapshot(id, leaseMs, replies);
  }

  renewSnapshot(id: number, snapshotId: number, leaseMs: number, replies: Replies): void {
    this.#engine.renewSnapshot(id, snapshotId, leaseMs, replies);
  }

  closeSnapshot(id: number, snapshotId: number, replies: Replies): void {
    this.#engine.closeSnapshot(id, snapshotId, replies);
  }

  checkpoint(id: number, replies: Replies): void {
    this.#engine.checkpoint(id, replies);
  }

  compact(id: number, replies: Replies): void {
    this.#engine.compact(id, replies);
  }

  stats(): Record<string, unknown> {
    return this.#engine.stats();
  }

  awaitAdvance(waiter: AdvanceWaiter): void {
    this.#engine.awaitAdvance(waiter);
  }

  onFault(listener: (fault: HoldfastError) => void): void {
    this.#engine.onFault(listener);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #reading(replies: Replies): Replies {
    return this.#sabotage === "dirty reads" ? new Unwaited(replies) : replies;
  }

  #writing(operations: readonly Conditional[], replies: Replies): Replies {
    const ledger = this.#ledger;
    const unmet = operations.findIndex(
      ({ key, ifVersion }) => ifVersion !== unconditional && ifVersion !== ledger.heldVersion(key),
    );
    const sabotage = this.#sabotage;
    return new Witness(replies, {
      written(id, version) {
        if (unmet >= 0)
          ledger.violate(`request ${id} was executed although its condition ${unmet} did not hold`);
        ledger.executed(id, version, operations);
        if (sabotage === "lost answers" && id % 40 === 0) return "lost";
        return sabotage === "early acks" ? "early" : "in time";
      },
      refused(id, refusal) {
        if (!(refusal instanceof ConflictError)) return;
        const actual = unmet < 0 ? -1 : ledger.heldVersion(operations[unmet]!.key);
        if (refusal.operationIndex === unmet && refusal.actualVersion === actual) return;
        ledger.violate(`request ${id} was refused by a condition that held: ${refusal.message}`);
      },
    });
  }
}

interface Conditional extends LedgerOperation {
  readonly ifVersion: number;
}

function operationOf(write: Write, isDelete: boolean): Conditional {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, ifVersion } = write;
  const key = bytes.toString("latin1", keyStart, keyEnd);
  return isDelete
    ? { key, ifVersion }
    : { key, value: bytes.toString("latin1", valueStart, valueEnd), ifVersion };
}

/** Passes answers to reads on, without what they have to wait for. */
class Unwaited implements Replies {
  readonly written: Replies["written"];
  readonly pageEntry: Replies["pageEntry"];
  readonly snapshot: Replies["snapshot"];
  readonly done: Replies["done"];
  readonly refused: Replies["refused"];
  readonly entry: Replies["entry"];
  readonly page: Replies["page"];

  constructor(replies: Replies) {
    this.written = (id, version, visibleAt) => replies.written(id, version, visibleAt);
    this.pageEntry = (...entry) => replies.pageEntry(...entry);
    this.snapshot = (...snapshot) => replies.snapshot(...snapshot);
    this.done = (...done) => replies.done(...done);
    this.refused = (...refused) => replies.refused(...refused);
    this.entry = (id, version, bytes, start, end) => replies.entry(id, version, bytes, start, end, 0);
    this.page = (id, more, snapshotId) => replies.page(id, more, snapshotId, 0);
  }
}

interface Listener {
  /** When the acknowledgement leaves. */
  written(id: number, version: number): "in time" | "early" | "lost";
  refused(id: number, refusal: HoldfastError): void;
}

/** Passes the answer to a write on, and tells of it first. */
class Witness extends Unwaited {
  override readonly written: Replies["written"];
  override readonly refused: Replies["refused"];

  constructor(replies: Replies, listener: Listener) {
    super(replies);
    this.written = (id, version, visibleAt) => {
      const leaves = listener.written(id, version);
      if (leaves !== "lost") replies.written(id, version, leaves === "early" ? 0 : visibleAt);
    };
    this.refused = (id, refusal, visibleAt) => {
      listener.refused(id, refusal);
      replies.refused(id, refusal, visibleAt);
    };
  }
}
