import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { History, HistoryOperation, Outcome } from "./history.ts";

/** The same history with something in it changed, so that it may or may not be one that a store could have had. */
export function corruptHistory({ operations, events }: History, random: Random): History {
  if (operations.length === 0) return { operations, events };
  const chosen = randomBelow(random, operations.length);
  const operation = operations[chosen]!;
  const corrupted =
    randomBelow(random, 3) === 0 ? otherTimes(operation, random) : otherOutcome(operation, random);
  return { operations: operations.map((old, index) => (index === chosen ? corrupted : old)), events };
}

/** A version or two away, a value gone or in another one's place, an answer where there was none, or none. */
function otherOutcome(operation: HistoryOperation, random: Random): HistoryOperation {
  const { outcome, call } = operation;
  const near = (version: number) =>
    Math.max(1, version + 1 - randomBelow(random, 3) + randomBelow(random, 2));
  const corrupted = (): Outcome => {
    switch (outcome.kind) {
      case "written":
        return randomBelow(random, 3) === 0
          ? { kind: "unknown" }
          : { ...outcome, version: near(outcome.version) };
      case "conflict":
        return randomBelow(random, 3) === 0
          ? { kind: "refused" }
          : { ...outcome, actualVersion: near(outcome.actualVersion) };
      case "opened":
        return { ...outcome, seq: near(outcome.seq) };
      case "shown": {
        const entries = [...outcome.entries];
        const at = randomBelow(random, entries.length);
        const [key, seen] = entries[at]!;
        const version = near(seen?.version ?? 0);
        const other = { version, tag: seen === undefined ? 1 + randomBelow(random, 6) : seen.tag };
        entries[at] = [key, seen !== undefined && randomBelow(random, 2) === 0 ? undefined : other];
        return { kind: "shown", entries: new Map(entries) };
      }
      case "unknown":
      case "refused":
        return call.kind === "write" ? { kind: "written", version: 1 + randomBelow(random, 12) } : outcome;
    }
  };
  return { ...operation, outcome: corrupted() };
}

/**
 * Called or answered at another moment. What belongs to a snapshot stays as it is: nobody reads one before it is open.
 */
function otherTimes(operation: HistoryOperation, random: Random): HistoryOperation {
  const { call, invoked, returned } = operation;
  if (call.kind === "snapshot" || (call.kind === "read" && call.snapshot !== undefined)) return operation;
  // Between two other moments, so that there are no ties.
  const shift = randomBelow(random, 8) + 0.5;
  return randomBelow(random, 2) === 0
    ? { ...operation, invoked: Math.min(invoked + shift, returned - 0.25) }
    : { ...operation, returned: Math.max(returned - shift, invoked + 0.25) };
}
