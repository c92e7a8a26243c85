import type { Operation, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import { iterated } from "./log-fixture.ts";

/** A record that was submitted, as `iterate` shows it, and the seq at which it takes effect. */
interface Submitted {
  readonly line: string;
  readonly effectiveAt: number;
}

/** What must, and what may, be found if the machine stops at this moment. */
export interface Expectation {
  /** By seq, from 1; of a later run of the same log, too, up to `submittedSeq`. */
  readonly submitted: readonly Submitted[];
  readonly submittedSeq: number;
  /** Every record up to this one was acknowledged as durable, or shown by a replay after a start. */
  readonly guaranteedSeq: number;
  /** Truncations that have resolved hold, those that were asked for may. */
  readonly floorSeq: number;
  readonly floorsAsked: readonly number[];
}

export const nothingYet: Expectation = {
  submitted: [],
  submittedSeq: 0,
  guaranteedSeq: 0,
  floorSeq: 0,
  floorsAsked: [],
};

/**
 * Keeps the books of one handle of a log: what it was asked, what it has answered, and so what a crash may leave.
 * Invariant: guaranteedSeq <= submitted.length, and the log's numbers are those of `submitted`.
 */
export class Ledger {
  /** Why appends were rejected that had been given a number. */
  readonly rejections: unknown[] = [];
  readonly #log: WriteAheadLog;
  readonly #submitted: Submitted[];
  #guaranteedSeq: number;
  #floorSeq: number;
  readonly #floorsAsked: number[] = [];

  /** `found` is what the log, just opened, has shown. */
  constructor(log: WriteAheadLog, found: Expectation) {
    this.#log = log;
    this.#submitted = found.submitted.slice(0, found.submittedSeq);
    this.#guaranteedSeq = found.guaranteedSeq;
    this.#floorSeq = found.floorSeq;
  }

  expectation(): Expectation {
    return {
      submitted: this.#submitted,
      submittedSeq: this.#submitted.length,
      guaranteedSeq: this.#guaranteedSeq,
      floorSeq: this.#floorSeq,
      floorsAsked: [...this.#floorsAsked],
    };
  }

  append(operation: Operation): Promise<void> {
    return this.#acknowledged(this.#log.append(operation), this.#submit([operation]));
  }

  appendBatch(operations: Operation[]): Promise<void> {
    return this.#acknowledged(this.#log.appendBatch(operations), this.#submit(operations, "commit"));
  }

  checkpoint(): Promise<void> {
    const checkpoint = this.#log.checkpoint();
    const seq = this.#submit([], "checkpoint");
    return checkpoint.then((answer) => {
      if (answer !== seq) throw new Error(`the checkpoint got seq ${answer} where ${seq} comes next`);
      this.#guarantee(seq);
    });
  }

  sync(): Promise<void> {
    const seq = this.#submitted.length;
    return this.#log.sync().then(() => this.#guarantee(seq));
  }

  close(): Promise<void> {
    const seq = this.#submitted.length;
    return this.#log.close().then(() => this.#guarantee(seq));
  }

  truncate(floorSeq: number): Promise<void> {
    const seq = this.#submitted.length;
    this.#floorsAsked.push(floorSeq);
    return this.#log.truncate(floorSeq).then(() => {
      this.#guarantee(seq);
      this.#floorSeq = Math.max(this.#floorSeq, floorSeq);
      if (this.#log.floorSeq < floorSeq) throw new Error(`truncate(${floorSeq}) resolved before it held`);
    });
  }

  /** Books what was just asked for, and returns its seq; what the log refused has none, and is not booked. */
  #submit(operations: readonly Operation[], end?: "commit" | "checkpoint"): number | undefined {
    const { currentSeq } = this.#log;
    if (currentSeq === this.#submitted.length) return undefined;
    const first = this.#submitted.length + 1;
    const last = first + operations.length - (end === undefined ? 1 : 0);
    if (currentSeq !== last) throw new Error(`seq ${currentSeq} was given where ${last} comes next`);
    const lines = operations.map((operation, index) => {
      const value = operation.type === "put" ? `=${Buffer.from(operation.value).toString()}` : "";
      return `${first + index} ${operation.type} ${Buffer.from(operation.key).toString()}${value}`;
    });
    if (end !== undefined) lines.push(`${last} ${end}`);
    this.#submitted.push(...lines.map((line) => ({ line, effectiveAt: last })));
    return last;
  }

  async #acknowledged(append: Promise<number>, seq: number | undefined): Promise<void> {
    const answer = await append.catch((error: unknown) => {
      if (seq !== undefined) this.rejections.push(error);
      throw error;
    });
    if (answer !== seq) throw new Error(`seq ${answer} was answered where ${seq} was given`);
    if (this.#log.syncMode === "always") this.#guarantee(answer);
  }

  #guarantee(seq: number): void {
    this.#guaranteedSeq = Math.max(this.#guaranteedSeq, seq);
  }
}

/**
 * Compares a log that was opened after a crash with what may be there: everything guaranteed, nothing that nobody
 * submitted, in order, without a gap, batches whole. The answer is what is guaranteed from now on: all of it.
 */
export async function expectRecovered(expected: Expectation, log: WriteAheadLog): Promise<Expectation> {
  const { submitted, submittedSeq, guaranteedSeq, floorSeq, floorsAsked } = expected;
  const lastSeq = log.currentSeq;
  const fail = (what: string) => {
    throw new Error(`${what} (recovered ${lastSeq}, guaranteed ${guaranteedSeq}, submitted ${submittedSeq})`);
  };
  if (lastSeq < guaranteedSeq) fail("acknowledged records are lost");
  if (lastSeq > submittedSeq) fail("there are records that nobody submitted");
  if (lastSeq > 0 && submitted[lastSeq - 1]!.effectiveAt !== lastSeq) fail("half a batch was recovered");
  if (log.floorSeq < floorSeq)
    fail(`the truncation through ${floorSeq} is undone, the floor is ${log.floorSeq}`);
  if (log.floorSeq !== floorSeq && !floorsAsked.includes(log.floorSeq))
    fail(`nobody asked for floor ${log.floorSeq}`);

  const visible = submitted.slice(0, lastSeq).filter(({ effectiveAt }) => effectiveAt > log.floorSeq);
  const lines = visible.map(({ line }) => line);
  const found = await iterated(log);
  const different = lines.findIndex((line, index) => line !== found[index]);
  if (different !== -1) fail(`"${found[different]}" was recovered where "${lines[different]}" was submitted`);
  if (found.length > lines.length) fail(`"${found[lines.length]}" was recovered beyond the last record`);
  return {
    submitted,
    submittedSeq: lastSeq,
    guaranteedSeq: lastSeq,
    floorSeq: log.floorSeq,
    floorsAsked: [],
  };
}
