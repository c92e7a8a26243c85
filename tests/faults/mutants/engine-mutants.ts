import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const engine = "engine/engine.ts";
const waits = (what: string) =>
  ["engine/engine.test.ts", `observed means durable ${what} waits for the write`] as const;
const gap = (test: string) => ["faults/mutants/store-gaps.test.ts", test] as const;

/** What the engine relies on when it answers: nobody is told what a crash could take back, or what is not so. */
export const engineMutants: readonly PlacedMutant[] = killedIn("tests", [
  // --- Visibility -----------------------------------------------------------------------------------------
  {
    name: "nothing that is read waits",
    changes: [
      change(
        engine,
        "return version > this.#writer.ackableSeq ? version : 0;",
        "return version < 0 ? version : 0;",
      ),
    ],
    killer: waits("a value"),
  },
  {
    name: "what is read waits for all but the last that it depends on",
    changes: [
      change(
        engine,
        "return version > this.#writer.ackableSeq ? version : 0;",
        "return version > this.#writer.ackableSeq + 1 ? version : 0;",
      ),
    ],
    killer: waits("a value"),
  },
  {
    name: "a value does not wait",
    changes: [
      change(
        engine,
        "const visibleAt = this.#visibleAt(lookup.version);",
        "const visibleAt = this.#visibleAt(0);",
      ),
    ],
    killer: waits("a value"),
  },
  {
    name: "an absence does not wait",
    changes: [
      change(
        engine,
        "return replies.entry(id, 0, key, keyEnd, keyEnd, visibleAt);",
        "return replies.entry(id, 0, key, keyEnd, keyEnd, 0);",
      ),
    ],
    killer: waits("an absence after a delete"),
  },
  {
    name: "many keys wait for none",
    changes: [
      change(
        engine,
        "visibleAt = Math.max(visibleAt, this.#visibleAt(lookup.version));",
        "visibleAt = Math.max(visibleAt, 0);",
      ),
    ],
    killer: waits("one of many keys"),
  },
  {
    name: "a page does not wait",
    changes: [
      change(
        engine,
        "replies.page(id, more, opened?.id ?? 0, this.#visibleAt(versionMax));",
        "replies.page(id, more, opened?.id ?? 0, 0 * versionMax);",
      ),
    ],
    killer: waits("a page with a pending value"),
  },
  {
    name: "a page does not wait for the tombstones that it passed over",
    changes: [
      change(
        "engine/scan-page.ts",
        "    page.versionMax = Math.max(page.versionMax, at.version);\n",
        "    if (!at.isTombstone) page.versionMax = Math.max(page.versionMax, at.version);\n",
      ),
    ],
    killer: waits("a page that passes over a pending delete"),
  },
  {
    name: "a snapshot does not wait",
    changes: [
      change(
        engine,
        "const snapshot = this.#snapshots.open(this.currentSeq, leaseMs, false);\n      replies.snapshot(id, snapshot.id, snapshot.seq, snapshot.leaseMs, this.#visibleAt(snapshot.seq));",
        "const snapshot = this.#snapshots.open(this.currentSeq, leaseMs, false);\n      replies.snapshot(id, snapshot.id, snapshot.seq, snapshot.leaseMs, 0);",
      ),
    ],
    killer: gap("a snapshot waits for the writes that it sees"),
  },
  {
    name: "a renewed snapshot does not wait",
    changes: [
      change(
        engine,
        "const snapshot = this.#snapshots.renew(snapshotId, leaseMs);\n      replies.snapshot(id, snapshot.id, snapshot.seq, snapshot.leaseMs, this.#visibleAt(snapshot.seq));",
        "const snapshot = this.#snapshots.renew(snapshotId, leaseMs);\n      replies.snapshot(id, snapshot.id, snapshot.seq, snapshot.leaseMs, 0);",
      ),
    ],
    killer: gap("a snapshot waits for the writes that it sees"),
  },
  {
    name: "a refused condition does not wait",
    changes: [change(engine, "write.ifVersion === unconditional ? 0 : this.#foundVisibleAt", "0")],
    killer: waits("a refused condition"),
  },
  {
    name: "a refused batch does not wait for its conditions",
    changes: [
      change(
        engine,
        "if (operations.ifVersion !== unconditional) visibleAt = Math.max(visibleAt, this.#foundVisibleAt);",
        "",
      ),
    ],
    killer: waits("a batch refused behind a pending condition"),
  },
  {
    name: "a refused batch waits only for the condition that failed",
    changes: [
      change(
        engine,
        "visibleAt = Math.max(visibleAt, this.#foundVisibleAt);",
        "visibleAt = this.#foundVisibleAt;",
      ),
    ],
    killer: waits("a batch refused behind a pending condition"),
  },
  {
    name: "a put is acknowledged before its sync",
    changes: [
      change(
        engine,
        "    this.#append(write, isDelete, 0, version);\n    this.#writer.wake();\n    replies.written(id, version, version);",
        "    this.#append(write, isDelete, 0, version);\n    this.#writer.wake();\n    replies.written(id, version, 0);",
      ),
    ],
    killer: gap("a write is acknowledged when it is durable"),
  },
  {
    name: "a batch is acknowledged before its sync",
    changes: [
      change(
        engine,
        "      throw error;\n    }\n    this.#writer.wake();\n    replies.written(id, version, version);",
        "      throw error;\n    }\n    this.#writer.wake();\n    replies.written(id, version, 0);",
      ),
    ],
    killer: gap("a write is acknowledged when it is durable"),
  },
  {
    name: "a condition is not checked",
    changes: [
      change(engine, "return actual === ifVersion ? undefined :", "return actual >= 0 ? undefined :"),
    ],
    killer: ["engine/engine.test.ts", "conditions ifVersion 0 wants the key absent"],
  },
  {
    name: "half a batch stays in the open group",
    changes: [change(engine, "      this.#writer.abandon(error);\n      throw error;", "      throw error;")],
    killer: ["engine/engine.test.ts", "what must never reach the disk a batch of which something threw"],
  },
  {
    name: "what is closed still answers",
    changes: [
      change(
        engine,
        "if (this.#isClosed) throw this.#writer.stopped",
        "if (false) throw this.#writer.stopped",
      ),
    ],
    killer: gap("a closed store answers nothing"),
  },
  {
    name: "the oldest memtable is asked first",
    changes: [
      change(
        "engine/memtable-stack.ts",
        "for (let index = this.stacked.length - 1; index >= 0; index--) {",
        "for (let index = 0; index < this.stacked.length; index++) {",
      ),
    ],
    killer: gap("the newest value of a key is in the newest memtable"),
  },
  {
    name: "a memtable shows a snapshot what is newer",
    changes: [
      change(
        "engine/memtable-stack.ts",
        "if (versionMax !== Number.MAX_SAFE_INTEGER) entry = memtable.visible(entry, versionMax);",
        "",
      ),
    ],
    killer: gap("a snapshot shows what it saw, from memory and from tables"),
  },
  {
    name: "memtables keep no versions for snapshots",
    changes: [
      change("engine/open.ts", "(seq) => (memtables.keepVersionsThrough = seq)", "(seq) => void seq"),
    ],
    killer: gap("a snapshot shows what it saw, from memory and from tables"),
  },
  {
    name: "flushes and merges keep no versions for snapshots",
    changes: [
      change("engine/background.ts", "snapshots: snapshots.seqs,", "snapshots: snapshots.seqs.slice(0, 0),"),
    ],
    killer: gap("a snapshot shows what it saw, from memory and from tables"),
  },
]);
