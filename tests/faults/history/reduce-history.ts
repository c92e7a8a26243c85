import type { Call, History, HistoryOperation, Outcome } from "./history.ts";
import type { Span } from "./open-operations.ts";

/*
 * Ways to make a history smaller that never make a good one bad: if a store could have given all answers before, it
 * could have given those that are left. So whatever still fails afterwards shows the fault that was there before.
 */

/** Only what had happened by then. A write that was not answered yet may have happened or not. */
export function upTo(history: History, moment: number): History {
  const operations = history.operations
    .filter(
      ({ invoked, call, returned }) => invoked <= moment && (call.kind === "write" || returned <= moment),
    )
    .map((operation): HistoryOperation => {
      return operation.returned <= moment ? operation : { ...operation, outcome: { kind: "unknown" } };
    });
  return { operations, events: history.events.filter(({ at }) => at <= moment) };
}

/** As those see it who never touch this key. */
export function withoutKey({ operations, events }: History, dropped: string): History {
  return { operations: operations.flatMap((operation) => projected(operation, dropped)), events };
}

/** Without these operations; and without all reads of a snapshot whose opening is one of them. */
export function without({ operations, events }: History, ids: readonly number[]): History {
  const gone = new Set(ids);
  const isLeft = ({ id, call }: HistoryOperation) =>
    !gone.has(id) && !(call.kind === "read" && call.snapshot !== undefined && gone.has(call.snapshot));
  return { operations: operations.filter(isLeft), events };
}

/** What only looked, and changed nothing: any of them may go. */
export function looksOf({ operations }: History): number[] {
  return operations
    .filter(
      ({ call, outcome }) =>
        call.kind !== "write" || outcome.kind === "conflict" || outcome.kind === "refused",
    )
    .map(({ id }) => id);
}

/**
 * The writes without which nobody would have seen anything else: puts whose version nobody names, and deletes that
 * explain no absence, because none was seen after them, or only after a put that followed, or because nothing was left
 * to delete. All of them may go.
 */
export function removableWrites(history: History): number[] {
  const witnesses = new Witnesses(history);
  return history.operations.filter((operation) => witnesses.areBlindTo(operation)).map(({ id }) => id);
}

class Witnesses {
  /** Versions of each key that were seen, met by a conflict, or asked for by a condition. */
  readonly #named = new Map<string, Set<number>>();
  /** "key version" of what a write is known to have written. */
  readonly #explained = new Set<string>();
  /** "key tag" of everything that was seen. */
  readonly #shown = new Set<string>();
  /** Between which moments a key was seen absent. */
  readonly #absences = new Map<string, Span[]>();
  /** Of each key: what was acknowledged, and the puts that were not. */
  readonly #puts = new Map<string, Commit[]>();
  readonly #deletes = new Map<string, Commit[]>();
  readonly #doubtful = new Map<string, Span[]>();

  constructor({ operations }: History) {
    const byId = new Map(operations.map((operation) => [operation.id, operation]));
    for (const operation of operations) {
      const { call, outcome, invoked, returned } = operation;
      if (outcome.kind === "shown" && call.kind === "read") {
        // A snapshot shows what was there when it was opened, whenever it is read.
        const span = call.snapshot === undefined ? operation : (byId.get(call.snapshot) ?? operation);
        for (const [key, seen] of outcome.entries) {
          this.#saw(span, key, seen?.version ?? 0);
          this.#explained.add(`${key} ${seen?.version}`);
          this.#shown.add(`${key} ${seen?.tag}`);
        }
      }
      if (call.kind !== "write") continue;
      for (const { key, type, ifVersion } of call.operations) {
        if (ifVersion !== undefined) this.#saw(operation, key, ifVersion);
        if (outcome.kind === "unknown" && type === "put") append(this.#doubtful, key, { invoked, returned });
        if (outcome.kind !== "written") continue;
        const { version } = outcome;
        if (type === "put") this.#explained.add(`${key} ${version}`);
        append(type === "put" ? this.#puts : this.#deletes, key, { version, invoked, returned });
      }
      if (outcome.kind !== "conflict") continue;
      const met = call.operations[outcome.operationIndex];
      if (met !== undefined) this.#saw(operation, met.key, outcome.actualVersion);
    }
  }

  areBlindTo({ call, outcome, invoked, returned }: HistoryOperation): boolean {
    if (call.kind !== "write" || (outcome.kind !== "written" && outcome.kind !== "unknown")) return false;
    return call.operations.every(({ key, type, tag }) => {
      if (type === "put") {
        if (outcome.kind === "written") return !this.#named.get(key)?.has(outcome.version);
        return !this.#shown.has(`${key} ${tag}`) && !this.#hasMystery(key);
      }
      if (outcome.kind === "written" && this.#wasGone(key, outcome.version, invoked, returned)) return true;
      const isAfter = (put: Commit) =>
        outcome.kind === "written" ? put.version > outcome.version : put.invoked > returned;
      const later = (this.#puts.get(key) ?? []).filter(isAfter);
      const overwritten = Math.min(...later.map((put) => put.returned));
      const absences = (this.#absences.get(key) ?? []).filter((witness) => witness.returned > invoked);
      return absences.every((witness) => witness.invoked > overwritten);
    });
  }

  /** Whether a version of this key was named that no known write has: one in doubt may have had it. */
  #hasMystery(key: string): boolean {
    return [...(this.#named.get(key) ?? [])].some((version) => !this.#explained.has(`${key} ${version}`));
  }

  /** Whether an earlier delete, with no put that can have come in between, had left nothing to delete. */
  #wasGone(key: string, version: number, invoked: number, returned: number): boolean {
    const before = (this.#deletes.get(key) ?? []).filter((other) => other.version < version);
    const last = before.reduce<Commit | undefined>(
      (a, b) => (a === undefined || b.version > a.version ? b : a),
      undefined,
    );
    if (last === undefined || last.returned > invoked) return false;
    const isBetween = (put: Commit) => put.version > last.version && put.version < version;
    const mayBeBetween = (put: Span) => put.invoked < returned && put.returned > last.invoked;
    return (
      !(this.#puts.get(key) ?? []).some(isBetween) && !(this.#doubtful.get(key) ?? []).some(mayBeBetween)
    );
  }

  #saw(span: Span, key: string, version: number): void {
    if (version === 0) append(this.#absences, key, span);
    else this.#named.set(key, (this.#named.get(key) ?? new Set()).add(version));
  }
}

interface Commit extends Span {
  readonly version: number;
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

function projected(operation: HistoryOperation, dropped: string): HistoryOperation[] {
  const { call, outcome } = operation;
  if (outcome.kind === "shown") {
    const entries = new Map([...outcome.entries].filter(([key]) => key !== dropped));
    return entries.size === 0 ? [] : [{ ...operation, outcome: { kind: "shown", entries } }];
  }
  if (call.kind !== "write") return [operation];
  const operations = call.operations.filter(({ key }) => key !== dropped);
  const left = projectedOutcome(call, outcome, dropped);
  return operations.length === 0 || left === undefined
    ? []
    : [{ ...operation, call: { ...call, operations }, outcome: left }];
}

/** A conflict names an operation by its place; undefined: it was one that goes. */
function projectedOutcome(
  call: Call & { kind: "write" },
  outcome: Outcome,
  dropped: string,
): Outcome | undefined {
  if (outcome.kind !== "conflict") return outcome;
  if (call.operations[outcome.operationIndex]?.key === dropped) return undefined;
  const before = call.operations.slice(0, outcome.operationIndex).filter(({ key }) => key !== dropped);
  return { ...outcome, operationIndex: before.length };
}
