import type { Operation } from "../../support/oracle-types.ts";
import type { Call, History, HistoryOperation, Outcome } from "./history.ts";
import type { HistoryRule } from "./history-violation.ts";

/** An operation of a history that is written by hand: from when to when, what was asked, and what came of it. */
export type Line = [from: number, to: number, call: Call, outcome: Outcome];

const put = (key: string, tag: number, ifVersion?: number): Call =>
  batchOf([{ key, type: "put", tag, ifVersion }], false);
const remove = (key: string, ifVersion?: number): Call =>
  batchOf([{ key, type: "delete", tag: 0, ifVersion }], false);
const batchOf = (operations: Operation[], isBatch = true): Call => ({ kind: "write", operations, isBatch });
const batch = batchOf([
  { key: "a", type: "put", tag: 1 },
  { key: "b", type: "put", tag: 1 },
]);
const read: Call = { kind: "read", what: "read" };
const readOf = (snapshot: number): Call => ({ kind: "read", what: "read", snapshot });
const open: Call = { kind: "snapshot" };
const version = (number: number): Outcome => ({ kind: "written", version: number });
const conflict = (actualVersion: number, operationIndex = 0): Outcome => ({
  kind: "conflict",
  operationIndex,
  actualVersion,
});
const opened = (seq: number): Outcome => ({ kind: "opened", seq });
const unknown: Outcome = { kind: "unknown" };
const refused: Outcome = { kind: "refused" };
/** `{ a: [version, tag] }`; undefined: absent. */
const shows = (entries: Record<string, [number, number] | undefined>): Outcome => ({
  kind: "shown",
  entries: new Map(
    Object.entries(entries).map(([key, seen]) => [key, seen && { version: seen[0], tag: seen[1] }]),
  ),
});
const absent = undefined;

/** Ids are places in the list. */
export function historyOf(lines: readonly Line[]): History {
  const operations = lines.map(([invoked, returned, call, outcome], id): HistoryOperation => {
    return {
      id,
      client: "client",
      call,
      outcome,
      invoked,
      returned,
      invokedMs: invoked,
      returnedMs: returned,
    };
  });
  return { operations, events: [] };
}

/** Histories that a store can have which keeps its promise. */
export const possible: [name: string, lines: Line[]][] = [
  [
    "a read beside a put shows what was before it, or the put",
    [
      [1, 6, put("a", 1), version(1)],
      [2, 4, read, shows({ a: absent })],
      [3, 5, read, shows({ a: [1, 1] })],
    ],
  ],
  [
    "a write without an answer happens after reads that did not see it",
    [
      [1, Infinity, put("a", 1), unknown],
      [2, 3, read, shows({ a: absent })],
      [4, 5, read, shows({ a: [1, 1] })],
    ],
  ],
  [
    "a delete without an answer explains an absence",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 6, remove("a"), unknown],
      [7, 8, read, shows({ a: absent })],
    ],
  ],
  [
    "a put without an answer explains the version that a conflict met",
    [
      [1, 4, put("a", 1), unknown],
      [2, 3, put("a", 2, 0), conflict(5)],
    ],
  ],
  [
    "a delete without an answer makes way for a put that wants the key absent",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, remove("a"), unknown],
      [5, 6, put("a", 2, 0), version(3)],
    ],
  ],
  [
    "what nobody asked for may have sequence numbers, too",
    [
      [1, 2, put("a", 1), version(10)],
      [3, 4, put("a", 2), version(20)],
    ],
  ],
  [
    "a snapshot goes on showing what was there when it was opened",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, open, opened(1)],
      [5, 6, put("a", 2), version(2)],
      [7, 8, readOf(1), shows({ a: [1, 1] })],
    ],
  ],
];

/** Histories that none can have, and the rule that says so. */
export const impossible: [name: string, rule: HistoryRule, lines: Line[]][] = [
  [
    "an acknowledged put is gone",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, read, shows({ a: absent })],
    ],
  ],
  [
    "what a read has shown is gone",
    "no-order",
    [
      [1, 4, put("a", 1), unknown],
      [2, 3, read, shows({ a: [1, 1] })],
      [5, 6, read, shows({ a: absent })],
    ],
  ],
  [
    "an older version is back",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, put("a", 2), version(2)],
      [5, 6, read, shows({ a: [1, 1] })],
    ],
  ],
  [
    "a deleted entry is back",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, remove("a"), version(2)],
      [5, 6, read, shows({ a: [1, 1] })],
    ],
  ],
  [
    "a write of a life that is over happens in the next one",
    "no-order",
    [
      [1, 4, put("a", 1), unknown],
      [5, 6, read, shows({ a: absent })],
      [7, 8, read, shows({ a: [1, 1] })],
    ],
  ],
  [
    "a delete of a life that is over explains an absence in the next one",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, remove("a"), unknown],
      [5, 6, read, shows({ a: [1, 1] })],
      [7, 8, read, shows({ a: absent })],
    ],
  ],
  [
    "one delete without an answer explains two absences with a put between them",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, Infinity, remove("a"), unknown],
      [4, 5, read, shows({ a: absent })],
      [6, 7, put("a", 2), version(3)],
      [8, 9, read, shows({ a: absent })],
    ],
  ],
  [
    "a delete without an answer has no sequence number left",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 10, remove("a"), unknown],
      [4, 5, read, shows({ a: absent })],
      [6, 7, put("b", 2), version(2)],
    ],
  ],
  [
    "versions go back",
    "no-order",
    [
      [1, 2, put("a", 1), version(2)],
      [3, 4, put("b", 2), version(1)],
    ],
  ],
  [
    "a batch has fewer sequence numbers than records",
    "no-order",
    [
      [1, 2, put("c", 2), version(1)],
      [3, 4, batch, version(3)],
    ],
  ],
  [
    "one read shows a batch in part",
    "no-order",
    [
      [1, 4, batch, version(3)],
      [2, 3, read, shows({ a: [3, 1], b: absent })],
    ],
  ],
  [
    "a batch without an answer is there in part",
    "no-order",
    [
      [1, 4, batch, unknown],
      [5, 6, read, shows({ a: [3, 1], b: absent })],
    ],
  ],
  [
    "one read shows two keys at two moments",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, put("b", 2), version(2)],
      [5, 9, put("a", 3), version(3)],
      [6, 7, read, shows({ a: [3, 3], b: absent })],
    ],
  ],
  [
    "two reads see two writes in two orders",
    "no-order",
    [
      [1, 8, put("a", 1), version(1)],
      [2, 9, put("b", 2), version(2)],
      [3, 4, read, shows({ a: [1, 1], b: absent })],
      [5, 6, read, shows({ a: absent, b: [2, 2] })],
    ],
  ],
  [
    "a condition is ignored",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, put("a", 2, 0), version(2)],
    ],
  ],
  [
    "a conflict met a version that was overwritten before",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, put("a", 2), version(2)],
      [5, 6, put("a", 3, 0), conflict(1)],
    ],
  ],
  [
    "a conflict met the version it wants",
    "refused-wrongly",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, put("a", 2, 1), conflict(1)],
    ],
  ],
  ["an unconditional write conflicts", "refused-wrongly", [[1, 2, put("a", 1), conflict(3)]]],
  ["a value that nobody wrote", "never-written", [[1, 2, read, shows({ a: [1, 1] })]]],
  [
    "a value under another key",
    "never-written",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, read, shows({ b: [1, 1] })],
    ],
  ],
  [
    "what was refused is there",
    "refused-but-applied",
    [
      [1, 2, put("a", 1), refused],
      [3, 4, read, shows({ a: [1, 1] })],
    ],
  ],
  [
    "a value has another version than its acknowledgement said",
    "version-unclear",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, read, shows({ a: [2, 1] })],
    ],
  ],
  [
    "two writes have one version",
    "version-unclear",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, put("b", 2), version(1)],
    ],
  ],
  [
    "a snapshot shows what came after it",
    "no-order",
    [
      [1, 2, open, opened(0)],
      [3, 4, put("a", 1), version(1)],
      [5, 6, readOf(0), shows({ a: [1, 1] })],
    ],
  ],
  [
    "a snapshot lacks what came before it",
    "no-order",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, open, opened(1)],
      [5, 6, readOf(1), shows({ a: absent })],
    ],
  ],
  [
    "a snapshot says an older seq than was acknowledged",
    "no-order",
    [
      [1, 2, put("a", 1), version(4)],
      [3, 4, open, opened(3)],
    ],
  ],
  [
    "a snapshot changes",
    "snapshot-changed",
    [
      [1, 2, put("a", 1), version(1)],
      [3, 4, open, opened(1)],
      [5, 6, readOf(1), shows({ a: [1, 1] })],
      [7, 8, readOf(1), shows({ a: absent })],
    ],
  ],
];
