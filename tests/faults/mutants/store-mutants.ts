import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const startGap = (test: string) => ["faults/mutants/start-gaps.test.ts", test] as const;
const gap = (test: string) => ["faults/mutants/store-gaps.test.ts", test] as const;
const points = [
  "crash/crash-points.test.ts",
  "no crash, at whatever call, takes back what was acknowledged",
] as const;
const moved = ["engine/engine.test.ts", "what must never reach the disk a store stops"] as const;
const noted = (test: string) => ["engine/reach-notes.test.ts", test] as const;
const check = (what: string) => ["offline/check-store.test.ts", `check finds ${what}`] as const;

/** What the engine relies on when memory becomes tables, and when it begins: orders, and what has to fit together. */
export const storeMutants: readonly PlacedMutant[] = killedIn("tests", [
  // --- From the log into tables ---------------------------------------------------------------------------
  {
    name: "readers go over to a table that the manifest does not list yet",
    changes: [
      change(
        "engine/table-store.ts",
        "    await manifest.apply({ ...change, nextTableNumber: this.#nextTableNumber });\n    this.#state = manifest.state;\n    const gone = this.set.apply(added, change.removed);\n    effective();\n",
        "    const gone = this.set.apply(added, change.removed);\n    effective();\n    await manifest.apply({ ...change, nextTableNumber: this.#nextTableNumber });\n    this.#state = manifest.state;\n",
      ),
    ],
    killer: points,
    survives:
      "nothing is lost: the log keeps the records until the edit is durable, and a failed edit stops the store",
  },
  {
    name: "changes of the tables do not take turns",
    changes: [change("engine/table-store.ts", "    await before;\n", "    void before;\n")],
    killer: gap("a change of the tables begins with what the one before it left"),
  },
  {
    name: "a start removes tables that the manifest lists",
    changes: [
      change(
        "engine/table-store.ts",
        '(known.has(number) && !name.endsWith(".tmp"))',
        '(!known.has(number) && !name.endsWith(".tmp"))',
      ),
    ],
    killer: gap("a start keeps the tables that its manifest lists"),
  },
  {
    name: "a table need not be what the manifest says of it",
    changes: [
      change(
        "engine/table-store.ts",
        "if (summary[field] === entry[field]) continue;",
        "if (summary[field] !== undefined) continue;",
      ),
    ],
    killer: startGap("a start refuses a whole table of the same number"),
  },
  {
    name: "files that are doomed go although the store has moved",
    changes: [
      change(
        "engine/table-store.ts",
        "        this.#assertInPlace();\n        this.#fileSystem.unlink",
        "        this.#fileSystem.unlink",
      ),
    ],
    killer: startGap("a store that was moved deletes nothing by the names"),
  },
  {
    name: "files that are doomed go at the end although the store has moved",
    changes: [
      change("engine/table-store.ts", "      if (this.#doomed.length > 0) this.#assertInPlace();\n", ""),
    ],
    killer: startGap("a store that was moved deletes nothing when it is closed"),
  },
  {
    name: "a flush writes although the store has moved",
    changes: [change("engine/flusher.ts", "    this.parts.assertInPlace();\n", "")],
    killer: moved,
    survives: "the log looks for its lock before every group, and the job refuses a segment of another store",
  },
  {
    name: "a merge writes although the store has moved",
    changes: [change("engine/compactor.ts", "    this.parts.assertInPlace();\n", "")],
    killer: moved,
    survives: "the job refuses tables of another store, and the manifest's edit looks for the lock again",
  },
  {
    name: "the names of a new store's parts are not synced",
    changes: [change("engine/open.ts", "  await fileSystem.syncDirectory(options.directory);\n", "")],
    killer: points,
    survives:
      "the manifest syncs all directories above its own before anything relies on it; this one comes first only for order",
  },
  {
    name: "the log is pruned before its table is there",
    changes: [
      change(
        "engine/flusher.ts",
        "    this.parts.assertInPlace();\n",
        "    this.parts.assertInPlace();\n    await this.#log.truncate(segment.lastSeq);\n",
      ),
    ],
    killer: points,
  },
  {
    name: "the manifest says that more is covered than the table holds",
    changes: [
      change("engine/flusher.ts", "coveredSeq: segment.lastSeq,", "coveredSeq: this.#log.durableSeq,"),
    ],
    killer: points,
  },
  {
    name: "what goes into a merge stays in the manifest",
    changes: [
      change(
        "engine/compactor.ts",
        "() => ({ added, removed, coveredSeq: tables.coveredSeq",
        "() => ({ added, removed: removed.slice(1), coveredSeq: tables.coveredSeq",
      ),
    ],
    killer: gap("what goes into a merge is forgotten"),
  },
  {
    name: "a replay passes over the record behind the tables",
    changes: [
      change(
        "engine/recovery.ts",
        "group.firstSeq + group.recordCount - 1 <= coveredSeq) return;",
        "group.firstSeq <= coveredSeq + 1) return;",
      ),
    ],
    killer: points,
  },
  {
    name: "a first manifest is followed by a second one though its own name may be lost",
    changes: [
      change(
        "manifest/manifest.ts",
        "const number = followed(reading);",
        "const { number } = reading;\n  void followed;",
      ),
    ],
    killer: [
      "manifest/manifest.test.ts",
      "the file that was the first one keeps its number until something is appended",
    ],
  },
  // --- Log, manifest and tables fit together --------------------------------------------------------------
  {
    name: "nobody asks whether log and manifest are of one piece",
    changes: [change("engine/recovery.ts", "if (misfit !== undefined) throw", 'if (misfit === "") throw')],
    killer: ["engine/engine.test.ts", "a store whose log another program truncated is refused"],
  },
  {
    name: "a lost manifest is not missed",
    changes: [
      change(
        "engine/store-fit.ts",
        "if (log.floorSeq === 0) return undefined;",
        "if (log.floorSeq >= 0) return undefined;",
      ),
    ],
    killer: check("a manifest that is gone"),
  },
  {
    name: "a lost log is not missed",
    changes: [
      change(
        "engine/store-fit.ts",
        `if (last === undefined) return "there is a manifest, but no log";`,
        "if (last === undefined) return undefined;",
      ),
    ],
    killer: check("a log that is gone"),
  },
  {
    name: "another store's log is taken",
    changes: [
      change(
        "engine/store-fit.ts",
        "if (!Buffer.from(last.header.storeId).equals(state.storeId))",
        "if (false)",
      ),
    ],
    killer: check("the log of another store"),
  },
  {
    name: "an older manifest is taken",
    changes: [change("engine/store-fit.ts", "if (log.floorSeq > state.coveredSeq)", "if (false)")],
    killer: startGap("a start refuses an older manifest"),
  },
  {
    name: "a log that ends before its tables is taken",
    changes: [
      change(
        "engine/store-fit.ts",
        "log.lastSeq < state.durableSeq || last.number < state.segmentNumber",
        "last.number < 0",
      ),
    ],
    killer: startGap("a start refuses an older log"),
  },
  {
    name: "a log that ends before what was durable is taken",
    changes: [change("engine/store-fit.ts", "log.lastSeq < state.durableSeq || ", "")],
    killer: noted("from its note on damage to the end of the log is no tear"),
  },
  {
    name: "a log that stands still is not noted",
    changes: [change("engine/reach-notes.ts", ".then(() => this.note())", ".then(() => {})")],
    killer: noted("a log that has stood still for a while is noted"),
  },
  {
    name: "an end in order is not noted",
    changes: [
      change("engine/engine.ts", "if (this.#writer.stopped === closed) await housekeeping.ended();", ""),
    ],
    killer: noted("a start vouches for all that it found, and an end in order"),
  },
  {
    name: "a start does not note what it found",
    changes: [
      change(
        "manifest/manifest.ts",
        "Math.max(one.durableSeq, other.durableSeq)",
        "Math.max(one.durableSeq, 0 * other.durableSeq)",
      ),
    ],
    killer: noted("a start vouches for all that it found"),
  },
  {
    name: "more is noted of the log than was synced",
    changes: [
      change(
        "engine/reach-notes.ts",
        "durableSeq: log.durableSeq }",
        "durableSeq: log.builder.appendedSeq }",
      ),
    ],
    killer: points,
  },
  {
    name: "a note that can't be written is passed over",
    changes: [change("engine/reach-notes.ts", ", this.#parts.failed);", ", () => void this.#parts.failed);")],
    killer: noted("a note that can't be written stops the store"),
  },
  {
    name: "a log that lost its last segment is taken",
    changes: [change("engine/store-fit.ts", " || last.number < state.segmentNumber) {", ") {")],
    killer: noted("a segment that was begun and has no record yet"),
  },
]);
