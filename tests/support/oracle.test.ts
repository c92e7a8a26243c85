import { describe, expect, test } from "bun:test";
import { Oracle } from "./oracle.ts";
import type { Operation, Rule, Seen } from "./oracle-types.ts";

/**
 * The judge is judged: histories that keep the promise pass, and each way of breaking it is called by its name.
 * A checker that finds nothing proves nothing, unless it is known to find what there is.
 */
const put = (key: string, tag: number, ifVersion?: number): Operation => ({
  key,
  type: "put",
  tag,
  ifVersion,
});
const remove = (key: string, ifVersion?: number): Operation => ({ key, type: "delete", tag: 0, ifVersion });
const holds = (...entries: [string, number, number][]): Map<string, Seen> =>
  new Map(entries.map(([key, version, tag]) => [key, { version, tag }]));

/** What happened, told to an oracle; `expected` names the rules that it must find broken, in order. */
interface Story {
  name: string;
  tell: (oracle: Oracle) => void;
  expected?: Rule[];
}

function judge(stories: Story[]): void {
  for (const { name, tell, expected = [] } of stories) {
    test(name, () => {
      const oracle = new Oracle();
      tell(oracle);
      expect(oracle.violations.map(({ rule }) => rule)).toEqual(expected);
    });
  }
}

/** An acknowledged write, in one line. */
function acked(oracle: Oracle, version: number, ...operations: Operation[]): void {
  oracle.acknowledged(oracle.send(1, operations), version);
}

describe("a history is allowed in which", () => {
  judge([
    {
      name: "everything acknowledged is there",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 4, put("b", 2), put("c", 3));
        acked(oracle, 5, remove("c"));
        oracle.recovered(5, holds(["a", 1, 1], ["b", 4, 2]));
      },
    },
    {
      name: "a put in flight overwrote an acknowledged one, or did not",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        oracle.send(2, [put("a", 3)]);
        oracle.send(2, [put("b", 4)]);
        oracle.recovered(3, holds(["a", 3, 3], ["b", 2, 2]));
      },
    },
    {
      name: "a delete in flight removed an acknowledged put",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [remove("a")]);
        oracle.recovered(2, holds());
      },
    },
    {
      name: "a conditional delete in flight removed exactly the version that it asked for",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(2, [remove("a", 1)]);
        oracle.recovered(2, holds());
      },
    },
    {
      name: "a whole batch in flight is there, and another one is not",
      tell: (oracle) => {
        acked(oracle, 1, put("d", 1));
        oracle.send(1, [put("a", 2), put("b", 3), remove("d")]);
        oracle.send(2, [put("a", 4), put("c", 5)]);
        oracle.recovered(5, holds(["a", 5, 2], ["b", 5, 3]));
      },
    },
    {
      name: "a batch in flight is there but for what a later write overwrote",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1), put("b", 2)]);
        oracle.acknowledged(oracle.send(2, [put("b", 3)]), 4);
        oracle.recovered(4, holds(["a", 3, 1], ["b", 4, 3]));
      },
    },
    {
      name: "a reader sees writes in flight, in order, and the crash keeps what it saw",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1)]);
        oracle.send(1, [put("a", 2)]);
        oracle.sawEntry(oracle.beginRead(), "a", { version: 1, tag: 1 });
        oracle.sawEntry(oracle.beginRead(), "a", { version: 2, tag: 2 });
        oracle.recovered(2, holds(["a", 2, 2]));
      },
    },
    {
      name: "a read that began before a write ended shows the older value",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        const since = oracle.beginRead();
        acked(oracle, 2, put("a", 2));
        oracle.sawEntry(since, "a", { version: 1, tag: 1 });
        oracle.recovered(2, holds(["a", 2, 2]));
      },
    },
    {
      name: "a page shows an instant at which a key was deleted, after the newest version on it",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        const since = oracle.beginRead();
        acked(oracle, 3, remove("a"));
        oracle.sawPage(since, new Map([...holds(["b", 2, 2]), ["a", undefined]]));
        oracle.recovered(3, holds(["b", 2, 2]));
      },
    },
    {
      name: "conflicts tell the truth, and conditions that held went through",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1, 0));
        acked(oracle, 2, put("a", 2, 1));
        oracle.conflicted(oracle.send(2, [put("a", 3, 1)]), 0, 2);
        acked(oracle, 3, remove("a", 2));
        oracle.conflicted(oracle.send(2, [put("b", 4, 9)]), 0, 0);
        acked(oracle, 4, put("a", 5, 0));
        oracle.recovered(4, holds(["a", 4, 5]));
      },
    },
    {
      name: "rounds follow each other on the same store",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [put("b", 2)]);
        oracle.recovered(2, holds(["a", 1, 1], ["b", 2, 2]));
        acked(oracle, 3, put("a", 3, 1));
        acked(oracle, 4, remove("b", 2));
        oracle.recovered(4, holds(["a", 3, 3]));
        oracle.recovered(4, holds(["a", 3, 3]));
      },
    },
    {
      name: "each further segment of the log began with a record of the store's own, but for one that a crash cut off",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 3, put("a", 2));
        oracle.recovered(4, holds(["a", 3, 2]), 4);
        acked(oracle, 6, put("a", 3));
        oracle.recovered(6, holds(["a", 6, 3]), 5);
      },
    },
    {
      name: "a snapshot shows what was there at its seq, however late it is read",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        const since = oracle.beginRead();
        oracle.sawSeq(2);
        acked(oracle, 3, put("a", 3));
        acked(oracle, 4, remove("b"));
        oracle.sawPage(since, new Map([...holds(["a", 1, 1], ["b", 2, 2]), ["c", undefined]]), 2);
        oracle.recovered(4, holds(["a", 3, 3]));
      },
    },
    {
      name: "a copy has all that was known when it was begun, and some of what came later",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        const begun = oracle.beginCopy();
        acked(oracle, 2, put("b", 2));
        acked(oracle, 3, put("a", 3));
        oracle.sawCopy(begun, 2, holds(["a", 1, 1], ["b", 2, 2]));
        oracle.recovered(3, holds(["a", 3, 3], ["b", 2, 2]));
      },
    },
  ]);
});

describe("a crash breaks the promise when", () => {
  judge([
    {
      name: "an acknowledged put is gone",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.recovered(1, holds());
      },
      expected: ["lost-write"],
    },
    {
      name: "an acknowledged overwrite is gone, and the value before it is back",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.recovered(2, holds(["a", 1, 1]));
      },
      expected: ["lost-write"],
    },
    {
      name: "an acknowledged delete is gone",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, remove("a"));
        oracle.recovered(2, holds(["a", 1, 1]));
      },
      expected: ["lost-write"],
    },
    {
      name: "a member of an acknowledged batch is gone",
      tell: (oracle) => {
        acked(oracle, 3, put("a", 1), put("b", 2));
        oracle.recovered(3, holds(["a", 3, 1]));
      },
      expected: ["lost-write"],
    },
    {
      name: "the only delete in flight was sent before the lost put on the same connection",
      tell: (oracle) => {
        oracle.send(1, [remove("a")]);
        acked(oracle, 2, put("a", 1));
        oracle.recovered(2, holds());
      },
      expected: ["lost-write"],
    },
    {
      name: "the only delete in flight asked for another version than that of the lost put",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.send(2, [remove("a", 1)]);
        oracle.recovered(3, holds());
      },
      expected: ["lost-write"],
    },
    {
      name: "the only delete in flight has no sequence number left to have happened at",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(2, [remove("a")]);
        oracle.recovered(1, holds());
      },
      expected: ["lost-write"],
    },
    {
      name: "a batch in flight is there with one of its puts",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1), put("b", 2)]);
        oracle.recovered(3, holds(["a", 3, 1]));
      },
      expected: ["half-batch"],
    },
    {
      name: "a batch in flight is there without its delete",
      tell: (oracle) => {
        acked(oracle, 1, put("b", 1));
        oracle.send(1, [put("a", 2), remove("b")]);
        oracle.recovered(4, holds(["a", 4, 2], ["b", 1, 1]));
      },
      expected: ["half-batch"],
    },
    {
      name: "a batch in flight is there with its delete only",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        oracle.send(1, [remove("a"), put("b", 3)]);
        oracle.recovered(5, holds(["b", 2, 2]));
      },
      expected: ["lost-write"],
    },
    {
      name: "a value that a reader saw is gone although nobody acknowledged it",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [put("a", 2)]);
        oracle.sawEntry(oracle.beginRead(), "a", { version: 2, tag: 2 });
        oracle.recovered(2, holds(["a", 1, 1]));
      },
      expected: ["lost-write"],
    },
    {
      name: "an entry that a reader saw deleted is back",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [remove("a")]);
        oracle.sawAbsence(oracle.beginRead(), "a");
        oracle.recovered(2, holds(["a", 1, 1]));
      },
      expected: ["resurrected"],
    },
    {
      name: "the version that a conflict reported is gone",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [put("a", 2)]);
        oracle.conflicted(oracle.send(2, [put("a", 3, 1)]), 0, 2);
        oracle.recovered(2, holds(["a", 1, 1]));
      },
      expected: ["lost-write"],
    },
    {
      name: "something is there that nobody sent",
      tell: (oracle) => oracle.recovered(1, holds(["a", 1, 1])),
      expected: ["never-sent", "seqs-unaccounted"],
    },
    {
      name: "a value is there under another key than it was sent for",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1)]);
        oracle.recovered(1, holds(["b", 1, 1]));
      },
      expected: ["never-sent"],
    },
    {
      name: "a write that was refused is there",
      tell: (oracle) => {
        oracle.refused(oracle.send(1, [put("a", 1)]));
        oracle.recovered(1, holds(["a", 1, 1]));
      },
      expected: ["refused-but-applied"],
    },
    {
      name: "a write that was seen is refused afterwards",
      tell: (oracle) => {
        const write = oracle.send(1, [put("a", 1)]);
        oracle.sawEntry(oracle.beginRead(), "a", { version: 1, tag: 1 });
        oracle.refused(write);
        oracle.recovered(1, holds(["a", 1, 1]));
      },
      expected: ["refused-but-applied", "refused-but-applied"],
    },
    {
      name: "a write of an earlier round, which was not there then, is there now",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1)]);
        oracle.recovered(0, holds());
        oracle.send(1, [put("b", 2)]);
        oracle.recovered(1, holds(["a", 1, 1]));
      },
      expected: ["never-sent"],
    },
    {
      name: "sequence numbers went that nobody's write explains",
      tell: (oracle) => {
        acked(oracle, 2, put("a", 1));
        oracle.recovered(2, holds(["a", 2, 1]));
      },
      expected: ["seqs-unaccounted"],
    },
    {
      name: "more records of the store's own are there than it began segments",
      tell: (oracle) => {
        acked(oracle, 3, put("a", 1));
        oracle.recovered(3, holds(["a", 3, 1]), 2);
      },
      expected: ["seqs-unaccounted"],
    },
    {
      name: "the store's seq is behind that of a snapshot",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1)]);
        oracle.sawSeq(1);
        oracle.recovered(0, holds());
      },
      expected: ["seq-went-back"],
    },
    {
      name: "the store's seq is behind an acknowledged one",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, remove("a"));
        oracle.recovered(1, holds());
      },
      expected: ["seq-went-back"],
    },
    {
      name: "an entry has another version than was acknowledged",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [put("b", 2)]);
        oracle.recovered(2, holds(["a", 2, 1]));
      },
      expected: ["version-changed"],
    },
    {
      name: "an entry of an earlier round has another version than then",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.recovered(1, holds(["a", 1, 1]));
        oracle.send(1, [put("b", 2)]);
        oracle.recovered(2, holds(["a", 2, 1]));
      },
      expected: ["version-changed"],
    },
  ]);
});

describe("a running store breaks the promise when", () => {
  judge([
    {
      name: "a version is given out that is not newer than what was known",
      tell: (oracle) => {
        acked(oracle, 2, put("a", 1));
        oracle.send(2, [put("c", 3)]);
        acked(oracle, 1, put("b", 2));
        oracle.recovered(2, holds(["a", 2, 1], ["b", 1, 2]));
      },
      expected: ["version-went-back", "connection-out-of-order"],
    },
    {
      name: "a version is given out twice",
      tell: (oracle) => {
        const one = oracle.send(1, [put("a", 1)]);
        const other = oracle.send(2, [put("b", 2)]);
        oracle.acknowledged(one, 1);
        oracle.acknowledged(other, 1);
        oracle.recovered(1, holds(["a", 1, 1], ["b", 1, 2]));
      },
      expected: ["version-reused", "version-reused"],
    },
    {
      name: "numbers start again after a restart",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.recovered(1, holds(["a", 1, 1]));
        acked(oracle, 1, put("b", 2));
      },
      expected: ["version-went-back", "version-reused"],
    },
    {
      name: "a read shows less than what was acknowledged before it began",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.sawEntry(oracle.beginRead(), "a", { version: 1, tag: 1 });
      },
      expected: ["stale-read"],
    },
    {
      name: "a read shows absence although nobody deletes",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.sawAbsence(oracle.beginRead(), "a");
      },
      expected: ["stale-read"],
    },
    {
      name: "a read shows what an earlier read saw deleted",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.send(1, [remove("a")]);
        oracle.sawAbsence(oracle.beginRead(), "a");
        oracle.sawEntry(oracle.beginRead(), "a", { version: 1, tag: 1 });
      },
      expected: ["resurrected"],
    },
    {
      name: "a snapshot shows a version that was already overwritten at its seq",
      tell: (oracle) => {
        const since = oracle.beginRead();
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.sawPage(since, holds(["a", 1, 1]), 2);
        oracle.recovered(2, holds(["a", 2, 2]));
      },
      expected: ["torn-page"],
    },
    {
      name: "a snapshot shows a version that came after its seq",
      tell: (oracle) => {
        const since = oracle.beginRead();
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.sawPage(since, holds(["a", 2, 2]), 1);
        oracle.recovered(2, holds(["a", 2, 2]));
      },
      expected: ["torn-page"],
    },
    {
      name: "a snapshot shows absence where the key was deleted after its seq only",
      tell: (oracle) => {
        const since = oracle.beginRead();
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, remove("a"));
        oracle.sawPage(since, new Map([["a", undefined]]), 1);
        oracle.recovered(2, holds());
      },
      expected: ["torn-page"],
    },
    {
      name: "a snapshot shows something else when it is read again",
      tell: (oracle) => oracle.snapshotChanged(1, "a", { version: 1, tag: 1 }, undefined),
      expected: ["snapshot-changed"],
    },
    {
      name: "a copy ends before what was known when it was begun",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        oracle.sawCopy(oracle.beginCopy(), 1, holds(["a", 1, 1], ["b", 2, 2]));
        oracle.recovered(2, holds(["a", 1, 1], ["b", 2, 2]));
      },
      expected: ["stale-copy", "torn-page"],
    },
    {
      name: "a copy lacks what was acknowledged before it was begun",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        oracle.sawCopy(oracle.beginCopy(), 2, holds(["b", 2, 2]));
        oracle.recovered(2, holds(["a", 1, 1], ["b", 2, 2]));
      },
      expected: ["stale-read", "resurrected", "torn-page"],
    },
    {
      name: "a copy holds what the store does not",
      tell: (oracle) => {
        const begun = oracle.beginCopy();
        oracle.send(1, [put("a", 1)]);
        oracle.sawCopy(begun, 1, holds(["a", 1, 1]));
        oracle.recovered(1, holds());
      },
      expected: ["lost-write"],
    },
    {
      name: "two connections' reads see two writes in different orders",
      tell: (oracle) => {
        oracle.send(1, [put("a", 1)]);
        oracle.send(2, [put("a", 2)]);
        oracle.sawEntry(oracle.beginRead(), "a", { version: 2, tag: 2 });
        oracle.sawEntry(oracle.beginRead(), "a", { version: 1, tag: 1 });
      },
      expected: ["stale-read"],
    },
    {
      name: "a page shows a batch in parts",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        const since = oracle.beginRead();
        acked(oracle, 4, put("a", 2), put("b", 3));
        oracle.sawPage(since, holds(["a", 1, 1], ["b", 4, 3]));
        oracle.recovered(4, holds(["a", 4, 2], ["b", 4, 3]));
      },
      expected: ["torn-page"],
    },
    {
      name: "a page shows a delete, and beside it a value that was overwritten earlier",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("b", 2));
        const since = oracle.beginRead();
        acked(oracle, 3, put("b", 3));
        acked(oracle, 4, remove("a"));
        oracle.sawPage(since, new Map([...holds(["b", 2, 2]), ["a", undefined]]));
        oracle.recovered(4, holds(["b", 3, 3]));
      },
      expected: ["torn-page"],
    },
    {
      name: "a write goes through although another version was there",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        acked(oracle, 3, put("a", 3, 1));
        acked(oracle, 4, put("a", 4, 0));
        oracle.recovered(4, holds(["a", 4, 4]));
      },
      expected: ["condition-ignored", "condition-ignored"],
    },
    {
      name: "a member of a batch goes through although another version was there",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 4, put("b", 2), put("a", 3, 0));
        oracle.recovered(4, holds(["a", 4, 3], ["b", 4, 2]));
      },
      expected: ["condition-ignored"],
    },
    {
      name: "a write that was in flight went through although another version was there",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.send(2, [put("a", 3, 1)]);
        oracle.recovered(3, holds(["a", 3, 3]));
      },
      expected: ["condition-ignored"],
    },
    {
      name: "a conflict is reported with the very version that was asked for",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        oracle.conflicted(oracle.send(1, [put("a", 2, 1)]), 0, 1);
      },
      expected: ["refused-wrongly"],
    },
    {
      name: "a conflict is reported with a version that was overwritten before",
      tell: (oracle) => {
        acked(oracle, 1, put("a", 1));
        acked(oracle, 2, put("a", 2));
        oracle.conflicted(oracle.send(1, [put("a", 3, 7)]), 0, 1);
      },
      expected: ["stale-read"],
    },
    {
      name: "requests of one connection are executed in another order than they were sent",
      tell: (oracle) => {
        const first = oracle.send(1, [put("a", 1)]);
        const second = oracle.send(1, [put("b", 2)]);
        oracle.acknowledged(second, 1);
        oracle.acknowledged(first, 2);
        oracle.recovered(2, holds(["a", 2, 1], ["b", 1, 2]));
      },
      expected: ["connection-out-of-order"],
    },
  ]);
});
