import type { Answer, EngineDriver, WriteWords } from "../../engine/engine-driver.ts";
import type { StoreModel } from "../../engine/store-model.ts";
import type { HoldfastError } from "../../../src/lib/errors.ts";
import { openTiny } from "../../support/store-crash-points.ts";
import { type Random, seededRandom } from "../../../src/lib/random.ts";
import type { FailingFileSystem } from "../../../src/vfs/failing.ts";
import { turn, TurnClock } from "../../support/turn-clock.ts";
import { assertOurs, Violation } from "./violation.ts";

/** What lives of a store on one disk have promised so far. */
export interface Promises {
  /** Everything that was submitted, and was given a seq. */
  readonly model: StoreModel;
  /** Up to this seq it was acknowledged, or was to be seen in an answer that might leave. */
  vouchedSeq: number;
  /** The newest seq that was given out, to writes and to the store's own records. */
  currentSeq: number;
  /** The store had stopped, and a group that was in flight was acknowledged all the same. */
  ackedAfterFault: boolean;
  /** What somebody was told who could not be served. */
  readonly refusals: HoldfastError[];
}

/** In so many turns of the event loop everything ends, unless it waits for room on the disk. */
const turnsMax = 1_500;

/**
 * One life of a store, from its start to its end. Whatever is asked of it, it answers within a bounded number of turns;
 * it shows what was written and nothing else, or refuses; and what may be acknowledged never grows after a fault.
 */
export class Life {
  readonly #db: EngineDriver;
  readonly #promises: Promises;
  readonly #random: Random;
  /** Called when nothing moves: true if the disk had no room, and has now. */
  readonly #makeRoom: () => boolean;
  #fault: HoldfastError | undefined;
  #ackableAtFault = 0;
  #currentAtFault = 0;

  private constructor(db: EngineDriver, promises: Promises, makeRoom: () => boolean) {
    this.#db = db;
    this.#promises = promises;
    this.#random = seededRandom(promises.currentSeq + 1);
    this.#makeRoom = makeRoom;
    db.engine.onFault((fault) => {
      this.#fault = fault;
      this.#ackableAtFault = db.engine.ackableSeq;
      this.#currentAtFault = db.engine.currentSeq;
    });
  }

  /** Rejects with the refusal of the start. */
  static async start(
    fileSystem: FailingFileSystem,
    promises: Promises,
    makeRoom: () => boolean = () => false,
  ): Promise<Life> {
    const random = seededRandom(77 + promises.currentSeq);
    const opening = openTiny(fileSystem, { clock: new TurnClock(delayMsMax), random, sealDelayMs: 20 });
    return new Life(await within(opening, "a start", makeRoom), promises, makeRoom);
  }

  get fault(): HoldfastError | undefined {
    return this.#fault;
  }

  get engine(): EngineDriver["engine"] {
    return this.#db.engine;
  }

  get tablesCount(): number {
    return (this.engine.stats()["tables"] as number | undefined) ?? 0;
  }

  /** Writes all operations or none; the answer counts as given once it may leave. */
  write(...operations: WriteWords[]): void {
    const [first] = operations;
    const answer =
      operations.length > 1
        ? this.#db.batch(operations)
        : first!.value === undefined
          ? this.#db.delete(first!.key)
          : this.#db.put(first!.key, first!.value);
    if (this.#isRefused(answer)) return;
    this.#promises.model.apply(answer.version!, operations);
    this.#look();
  }

  /** So many bytes that no two writes look alike. */
  value(words: number): string {
    return `${this.#random.uint32()} `.repeat(words);
  }

  /** There is room, so nothing is refused any more; unless the store has stopped. */
  writeWithRoom(operation: WriteWords): void {
    const before = this.#promises.refusals.length;
    this.write(operation);
    const refusal = this.#promises.refusals[before];
    if (refusal !== undefined && this.#fault === undefined)
      throw new Violation(`there is room, and a write is refused: ${refusal.message}`);
  }

  /** Waits until all that was written may be acknowledged, or nothing more ever will be. */
  async acknowledged(): Promise<void> {
    const { currentSeq } = this.engine;
    const isDone = () => this.engine.ackableSeq >= currentSeq || this.#fault !== undefined;
    const done = (async () => {
      while (!isDone()) await turn();
    })();
    await within(done, "an acknowledgement", this.#makeRoom);
    this.#look();
  }

  async checkpoint(): Promise<void> {
    await this.#answered(this.#db.checkpoint(), "a checkpoint");
  }

  async compact(): Promise<void> {
    await this.#answered(this.#db.compact(), "a compaction");
  }

  openSnapshot(): number {
    const answer = this.#db.openSnapshot(3_600_000);
    return this.#isRefused(answer) ? 0 : answer.snapshotId!;
  }

  /** What a snapshot shows is as it was, or refused. */
  readSnapshot(snapshotId: number, seq: number): void {
    if (snapshotId === 0) return;
    this.#compare(this.#db.scan({}, snapshotId), seq);
  }

  closeSnapshot(snapshotId: number): void {
    if (snapshotId > 0) this.#db.closeSnapshot(snapshotId);
  }

  /** Ends the store in order; a refusal says that something of that was not done. */
  async close(): Promise<void> {
    this.#look();
    try {
      await within(this.engine.close(), "the end", this.#makeRoom);
    } finally {
      this.#note();
    }
  }

  /** So many turns in which only the store itself does anything. */
  async idle(turns: number): Promise<void> {
    for (let count = 0; count < turns; count++) await turn();
    this.#look();
  }

  /** Reads everything, twice over, and notes what may be told of it. */
  #look(): void {
    this.#note();
    this.#compare(this.#db.scan(), Infinity);
    const { model } = this.#promises;
    for (const key of ["key-1", "key-5", "absent"]) {
      const answer = this.#db.get(key);
      if (this.#isRefused(answer)) continue;
      if (answer.value !== model.get(key)?.value)
        throw new Violation(`a get of ${key} shows ${answer.value}`);
      if (answer.visibleAt === 0) this.#seen(answer.version!);
    }
  }

  #compare(answer: Answer, seq: number): void {
    if (this.#isRefused(answer)) return;
    const found = answer.entries!.map(([key, value]) => [key, value]);
    const expected = this.#promises.model.scan({}, seq);
    if (!Bun.deepEquals(found, expected))
      throw new Violation(`a scan shows ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
    if (answer.visibleAt === 0) this.#seen(Math.max(0, ...answer.entries!.map(([, , version]) => version)));
  }

  /** Somebody was told of a version: from then on it is promised like an acknowledged one. */
  #seen(version: number): void {
    this.#promises.vouchedSeq = Math.max(this.#promises.vouchedSeq, version);
  }

  #note(): void {
    const { ackableSeq, currentSeq } = this.engine;
    if (this.#fault !== undefined && this.#fault.code !== "STORAGE_FAULT")
      throw new Violation(`the store stopped with ${this.#fault.code}`);
    if (this.#fault !== undefined && ackableSeq > this.#ackableAtFault) {
      // The group in flight is finished, if something else than the log has failed.
      this.#promises.ackedAfterFault = true;
      if (ackableSeq > this.#currentAtFault)
        throw new Violation(`seq ${ackableSeq} was acknowledged after the store had failed`);
    }
    this.#seen(ackableSeq);
    this.#promises.currentSeq = Math.max(this.#promises.currentSeq, currentSeq);
  }

  async #answered(asked: Promise<unknown>, what: string): Promise<void> {
    try {
      await within(asked, what, this.#makeRoom);
    } catch (error) {
      assertOurs(error, what);
      this.#promises.refusals.push(error);
    }
    this.#look();
  }

  #isRefused({ refusal }: Answer): boolean {
    if (refusal === undefined) return false;
    if (refusal.code !== "DISK_FULL" && refusal.code !== "STORAGE_FAULT")
      throw new Violation(`a request was refused with ${refusal.code}`);
    this.#promises.refusals.push(refusal);
    return true;
  }
}

/** What somebody waits for ends, and if not, then because the disk has no room: once it has, it ends after all. */
export async function within<T>(work: Promise<T>, what: string, makeRoom: () => boolean): Promise<T> {
  let isOver = false;
  const end = () => void (isOver = true);
  work.then(end, end);
  for (let attempt = 0; attempt < 2; attempt++) {
    for (let turns = 0; turns < turnsMax && !isOver; turns++) await turn();
    if (isOver) return work;
    if (!makeRoom()) break;
  }
  throw new Violation(`${what} hangs: ${turnsMax} turns of the event loop did not end it`);
}

/** Those who wait for room on the disk, or for the store to be idle, wait for a second. */
export const delayMsMax = 1_000;
