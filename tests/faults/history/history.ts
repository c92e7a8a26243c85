import { assert } from "../../../src/lib/assert.ts";
import type { Operation, Seen } from "../../support/oracle-types.ts";

/**
 * What concurrent clients asked of one store and what they were told, over all its lives. Moments are counted, so that
 * "returned before the other was called" is a comparison of two numbers and has no ties; milliseconds stand beside them
 * for whoever reads a history.
 */
export interface History {
  /** In the order of the calls. */
  readonly operations: readonly HistoryOperation[];
  readonly events: readonly HistoryEvent[];
}

export interface HistoryOperation {
  readonly id: number;
  readonly client: string;
  readonly call: Call;
  readonly outcome: Outcome;
  readonly invoked: number;
  readonly invokedMs: number;
  /** Of an unknown outcome: the last moment at which it can have happened, which is when the server was gone. */
  readonly returned: number;
  readonly returnedMs: number;
}

export type Call =
  /** A put or a delete, or a batch of them. No two operations of a batch have the same key. */
  | { readonly kind: "write"; readonly operations: readonly Operation[]; readonly isBatch: boolean }
  /** A get, getMany or scan: of the newest state, or of the snapshot that the operation of this id opened. */
  | { readonly kind: "read"; readonly what: string; readonly snapshot?: number | undefined }
  | { readonly kind: "snapshot" };

export type Outcome =
  | { readonly kind: "written"; readonly version: number }
  /** A condition did not hold: the key of this operation had this version; 0: it was absent. */
  | { readonly kind: "conflict"; readonly operationIndex: number; readonly actualVersion: number }
  /** It certainly did not happen. */
  | { readonly kind: "refused" }
  /** Every key that the answer covers, all of one instant; undefined: absent. */
  | { readonly kind: "shown"; readonly entries: ReadonlyMap<string, Seen | undefined> }
  /** The snapshot shows every write up to this seq. */
  | { readonly kind: "opened"; readonly seq: number }
  /** No answer came. */
  | { readonly kind: "unknown" };

/** Something that happened to the store itself: a kill, a start. */
export interface HistoryEvent {
  readonly at: number;
  readonly atMs: number;
  readonly what: string;
}

/** Sequence numbers that a write takes: a batch has a COMMIT besides its operations. */
export function recordsOf(call: Call & { kind: "write" }): number {
  return call.operations.length + (call.isBatch ? 1 : 0);
}

/** Takes a history down while it happens. */
export class HistoryRecorder {
  /** Operations that were answered so far. */
  answeredCount = 0;
  readonly #nowMs: () => number;
  readonly #operations: Recorded[] = [];
  readonly #events: HistoryEvent[] = [];
  /** When each life ended, those of the past in order. */
  readonly #lifeEnds: Moment[] = [];
  #count = 0;

  /** `nowMs`: a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Take it before the request is sent; `end` belongs behind its answer, at once. */
  begin(client: string, call: Call): number {
    if (call.kind === "write") {
      const keys = new Set(call.operations.map(({ key }) => key));
      assert(keys.size === call.operations.length, "no two operations of a write have the same key");
    }
    const id = this.#operations.length;
    const life = this.#lifeEnds.length;
    this.#operations.push({
      id,
      client,
      call,
      life,
      began: this.#moment(),
      outcome: unknown,
      ended: undefined,
    });
    return id;
  }

  end(id: number, outcome: Outcome): void {
    const operation = this.#operations[id];
    assert(operation !== undefined && operation.ended === undefined, "an operation ends once");
    operation.outcome = outcome;
    operation.ended = this.#moment();
    if (outcome.kind !== "unknown") this.answeredCount++;
  }

  /** The server is gone. What was sent to it, and has not happened, never will. */
  lifeEnds(what: string): void {
    this.#lifeEnds.push(this.#note(what));
  }

  lifeBegins(what: string): void {
    this.#note(what);
  }

  /** What was recorded so far; a call without an answer has an unknown outcome. */
  history(): History {
    return {
      operations: this.#operations.map((operation) => this.#finished(operation)),
      events: [...this.#events],
    };
  }

  #finished({ id, client, call, life, began, outcome, ended }: Recorded): HistoryOperation {
    const lastMoment = this.#lifeEnds[life] ?? never;
    const end = outcome.kind === "unknown" ? lastMoment : (ended ?? never);
    return {
      id,
      client,
      call,
      outcome,
      invoked: began.at,
      invokedMs: began.atMs,
      returned: end.at,
      returnedMs: end.atMs,
    };
  }

  #note(what: string): Moment {
    const moment = this.#moment();
    this.#events.push({ ...moment, what });
    return moment;
  }

  #moment(): Moment {
    return { at: ++this.#count, atMs: this.#nowMs() };
  }
}

interface Moment {
  readonly at: number;
  readonly atMs: number;
}

interface Recorded {
  readonly id: number;
  readonly client: string;
  readonly call: Call;
  readonly life: number;
  readonly began: Moment;
  outcome: Outcome;
  ended: Moment | undefined;
}

const never: Moment = { at: Infinity, atMs: Infinity };
const unknown: Outcome = { kind: "unknown" };
