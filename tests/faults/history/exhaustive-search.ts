import type { Seen } from "../../support/oracle-types.ts";
import { recordsOf, type History, type HistoryOperation } from "./history.ts";

/**
 * The same question as linearizability.ts answers, by trying all orders (Wing and Gong's search, which forgets no way
 * and remembers the states it has been in). It knows nothing of what makes the other one quick, takes exponential
 * time, and exists to be compared with: for histories of a dozen operations.
 */
export function isLinearizable({ operations }: History): boolean {
  const mandatory = operations.filter(
    ({ outcome }) => outcome.kind !== "unknown" && outcome.kind !== "refused",
  );
  const doubtful = operations.filter(
    ({ call, outcome }) => call.kind === "write" && outcome.kind === "unknown",
  );
  const versions = mentionedVersions(operations);
  const seen = new Set<string>();

  const search = (done: ReadonlySet<number>, state: State): boolean => {
    const left = mandatory.filter(({ id }) => !done.has(id));
    if (left.length === 0) return true;
    const text = `${[...done].sort((a, b) => a - b).join()}|${textOf(state)}`;
    if (seen.has(text)) return false;
    seen.add(text);
    const earliestReturn = Math.min(...left.map(({ returned }) => returned));
    const tries = [...left, ...doubtful.filter(({ id }) => !done.has(id))];
    return tries.some((operation) => {
      if (operation.invoked >= earliestReturn) return false;
      // Whatever was called after this one's last moment, and has its place, came after it.
      const isLate = operations.some(({ id, invoked }) => done.has(id) && invoked > operation.returned);
      if (isLate) return false;
      return outcomesOf(state, operation, versions).some((after) =>
        search(new Set([...done, operation.id]), after),
      );
    });
  };
  return search(new Set(), { entries: new Map(), seq: 0, snapshots: new Map() });
}

interface State {
  readonly entries: ReadonlyMap<string, Seen>;
  readonly seq: number;
  readonly snapshots: ReadonlyMap<number, ReadonlyMap<string, Seen>>;
}

/** The states in which a sequential store can be after it gave this answer; none: it can't give it. */
function outcomesOf(state: State, operation: HistoryOperation, versions: readonly number[]): State[] {
  const { call, outcome, id } = operation;
  const versionOf = (key: string) => state.entries.get(key)?.version ?? 0;
  if (outcome.kind === "opened") {
    if (outcome.seq < state.seq) return [];
    return [{ ...state, seq: outcome.seq, snapshots: new Map([...state.snapshots, [id, state.entries]]) }];
  }
  if (outcome.kind === "shown" && call.kind === "read") {
    const entries = call.snapshot === undefined ? state.entries : state.snapshots.get(call.snapshot);
    const isRight = [...outcome.entries].every(([key, shown]) => {
      const entry = entries?.get(key);
      return entry?.version === shown?.version && entry?.tag === shown?.tag;
    });
    return entries !== undefined && isRight ? [state] : [];
  }
  if (call.kind !== "write") return [];
  const failing = call.operations.findIndex(
    ({ key, ifVersion }) => ifVersion !== undefined && ifVersion !== versionOf(key),
  );
  if (outcome.kind === "conflict") {
    const isRight =
      failing === outcome.operationIndex &&
      versionOf(call.operations[failing]!.key) === outcome.actualVersion;
    return isRight ? [state] : [];
  }
  if (failing >= 0) return [];
  const earliest = state.seq + recordsOf(call);
  const possible = outcome.kind === "written" ? [outcome.version] : [earliest, ...versions];
  return possible
    .filter((version) => version >= earliest)
    .map((version) => {
      const entries = new Map(state.entries);
      for (const { key, type, tag } of call.operations) {
        if (type === "put") entries.set(key, { version, tag });
        else entries.delete(key);
      }
      return { ...state, entries, seq: version };
    });
}

/** A write in doubt has a version that somebody names, or any that is in nobody's way: the lowest. */
function mentionedVersions(operations: readonly HistoryOperation[]): number[] {
  const versions = new Set<number>();
  for (const { call, outcome } of operations) {
    if (outcome.kind === "conflict") versions.add(outcome.actualVersion);
    if (outcome.kind === "shown")
      for (const entry of outcome.entries.values()) versions.add(entry?.version ?? 0);
    if (call.kind === "write") for (const { ifVersion = 0 } of call.operations) versions.add(ifVersion);
  }
  return [...versions];
}

function textOf({ entries, seq, snapshots }: State): string {
  const text = (map: ReadonlyMap<string, Seen>) =>
    [...map]
      .map(([key, { version, tag }]) => `${key}:${version}:${tag}`)
      .sort()
      .join();
  return `${seq}|${text(entries)}|${[...snapshots].map(([id, map]) => `${id}=${text(map)}`).join(";")}`;
}
