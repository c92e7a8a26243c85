import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const outputs = "compaction/table-outputs.ts";
const turns = "compaction/publish-turns.ts";
const published = "../faults/fault-sweep/publish-turns.test.ts";
const segment = "compaction/sealed-segment.ts";
const gap = (test: string) => ["../faults/mutants/store-gaps.test.ts", test] as const;
const refuses = (what: string) =>
  ["flush-job.test.ts", `a flush refuses, and names file and offset, ${what}`] as const;
const order = [
  "job-faults.test.ts",
  "a flush syncs a table and reads all of it again before it gets its name",
] as const;
const merge = (what: string) => ["merge-job.test.ts", `a merge ${what}`] as const;
const choice = (what: string) => ["compaction-policy.test.ts", `a choice ${what}`] as const;
const publishing = "    const found = verifyTable(fileSystem, path, { storeId, number, hashSeed });\n";
const naming = "    await this.#touch(finalPath, () => fileSystem.rename(path, finalPath));\n";

const early =
  "    const earlyPath = join(this.#job.directory, tableName(number));\n" +
  "    await this.#touch(earlyPath, () => fileSystem.rename(path, earlyPath));\n";

/** What flushes and merges rely on: what they read is what was written, and they drop only what nobody can see. */
export const compactionMutants: readonly PlacedMutant[] = killedIn("tests/compaction", [
  // --- Tables come into the world -------------------------------------------------------------------------
  {
    name: "a table gets its name before it is read again",
    changes: [
      change(outputs, naming, ""),
      change(outputs, publishing, early + publishing.replace("path,", "earlyPath,")),
    ],
    killer: order,
  },
  {
    name: "a table is read again, but not compared",
    changes: [
      change(
        outputs,
        "found.fileChecksum === summary.fileChecksum && found.entryCount === summary.entryCount,",
        "found.entryCount > 0,",
      ),
    ],
    killer: gap("a table is announced only if it is the one that was written"),
  },
  {
    name: "a table is not read again",
    changes: [
      change(
        outputs,
        publishing,
        "    const found = { ...summary, storeId, hashSeed, fileSystem, verifyTable };\n",
      ),
    ],
    killer: order,
  },
  {
    name: "a table is announced before its name is durable",
    changes: [
      change(
        outputs,
        "await this.#touch(directory, () => this.#world.fileSystem.syncDirectory(directory));",
        "void this.#touch(directory, () => this.#world.fileSystem.syncDirectory(directory));",
      ),
    ],
    killer: ["job-faults.test.ts", "a flush fails with any call that fails"],
  },
  {
    name: "a number is given to two tables",
    changes: [
      change(
        outputs,
        `assert(!fileSystem.exists(finalPath), "the numbers of tables are never used twice");`,
        "",
      ),
    ],
    killer: ["job-faults.test.ts", "a number that a table has already is never given to another"],
  },
  {
    name: "what an earlier attempt left is in the way",
    changes: [change(outputs, "    if (fileSystem.exists(path)) fileSystem.unlink(path);\n", "")],
    killer: ["job-faults.test.ts", "what an earlier attempt could not remove is in nobody's way"],
  },
  {
    name: "a job that failed leaves its files",
    changes: [
      change(
        outputs,
        "[...this.#paths].map((path) => () => this.#world.fileSystem.unlink(path))",
        "[...this.#paths].map((path) => () => void path)",
      ),
    ],
    killer: ["job-faults.test.ts", "a flush fails with any call that fails"],
  },
  {
    name: "two jobs sync their directory at once",
    changes: [
      change(
        turns,
        "const synced = this.#ended.then(async () => {",
        "const synced = Promise.resolve().then(async () => {",
      ),
    ],
    killer: [published, "a job's sync of the directory begins once that of another has ended"],
  },
  {
    name: "a job does not wait for the sync of its names",
    changes: [change(turns, "        await sync();\n", "        void sync().catch(() => {});\n")],
    killer: [published, "names that were given before a sync failed are announced by nobody"],
  },
  {
    name: "a job announces names that another one's failed sync may have lost",
    changes: [change(turns, "      if (this.failures !== failuresBefore) throw this.#lastFailure;\n", "")],
    killer: [published, "names that were given before a sync failed are announced by nobody"],
    isSlow: true,
  },
  // --- The segment that a table is made of ----------------------------------------------------------------
  {
    name: "a flush takes another segment",
    changes: [
      change(
        segment,
        "header.number !== place.number || header.firstSeq !== place.firstSeq",
        "header.number < 0",
      ),
    ],
    killer: refuses("another segment"),
  },
  {
    name: "a flush takes a segment that begins elsewhere",
    changes: [change(segment, " || header.firstSeq !== place.firstSeq", "")],
    killer: refuses("another first seq"),
  },
  {
    name: "a flush takes another store's segment",
    changes: [change(segment, "if (Buffer.compare(header.storeId, expected.storeId) !== 0)", "if (false)")],
    killer: refuses("a segment of another store"),
  },
  {
    name: "a flush takes what it can read of a damaged segment",
    changes: [change(segment, "if (walk.problem !== undefined)", 'if (walk.problem === "")')],
    killer: refuses("a byte of a group"),
  },
  {
    name: "a flush takes a segment that ends with zeros",
    changes: [change(segment, "if (walk.end !== bytes.length)", "if (walk.end < 0)")],
    killer: refuses("zeros where its last group was"),
  },
  {
    name: "a flush takes a segment that ends with another seq",
    changes: [change(segment, "if (walk.lastSeq !== place.lastSeq)", "if (walk.lastSeq < 0)")],
    killer: refuses("another last seq"),
  },
  {
    name: "a flush takes a segment of another length",
    changes: [
      change(
        segment,
        "if (size !== place.bytes || readFully(file, bytes, 0) < place.bytes)",
        "if (readFully(file, bytes, 0) < 0)",
      ),
    ],
    killer: refuses("bytes behind its end"),
  },
  // --- What may be left out -------------------------------------------------------------------------------
  {
    name: "a flush drops a version that a snapshot sees",
    changes: [
      change(
        "compaction/flush-job.ts",
        "      if (stripe === stripeBefore) continue;\n",
        "      if (stripeBefore !== -1) continue;\n",
      ),
    ],
    killer: ["flush-job.test.ts", "a flush keeps of each key what the snapshots see"],
  },
  {
    name: "a flush drops tombstones",
    changes: [
      change(
        "compaction/flush-job.ts",
        "      stripeBefore = stripe;\n",
        "      stripeBefore = stripe;\n      if (memtable.isTombstone(entry)) continue;\n",
      ),
    ],
    killer: [
      "flush-job.test.ts",
      "a flush writes the newest version of each key in the order of the keys, tombstones too",
    ],
  },
  {
    name: "a merge drops a version that a snapshot sees",
    changes: [
      change(
        "compaction/merge-job.ts",
        "if (stripe === this.#lastStripe) {",
        "if (stripe <= this.#lastStripe) {",
      ),
    ],
    killer: ["job-model.test.ts", "whatever is flushed and merged, every reader sees what was written"],
  },
  {
    name: "a merge drops a tombstone that hides something deeper",
    changes: [
      change(
        "compaction/merge-job.ts",
        " || this.#mayHideOlder(stream)) return true;",
        ") return true;\n    void this.#mayHideOlder;",
      ),
    ],
    killer: merge("drops a tombstone only where no deeper table reaches"),
  },
  {
    name: "a merge drops a tombstone that a snapshot needs",
    changes: [
      change("compaction/merge-job.ts", "!stream.isTombstone || stripe > 0 ||", "!stream.isTombstone ||"),
    ],
    killer: merge("keeps a tombstone that is newer than a snapshot"),
  },
  {
    name: "of two runs with one key the older wins",
    changes: [
      change(
        "compaction/merge-tree.ts",
        "return order === 0 ? run < other : order < 0;",
        "return order === 0 ? run > other : order < 0;",
      ),
    ],
    killer: merge("keeps the newest version of each key"),
  },
  {
    name: "a merge cuts a table between versions of a key",
    changes: [
      change(
        "compaction/merge-job.ts",
        "if (isNewKey && this.#isCutBefore(stream))",
        "if (this.#isCutBefore(stream))",
      ),
    ],
    killer: merge("ends a table at its size, but never between two versions of a key"),
  },
  {
    name: "a merge forgets what it overlaps below",
    changes: [
      change(
        "compaction/compaction-policy.ts",
        "const below = isInPlace ? [] : overlapping(",
        "const below = true as boolean ? [] : overlapping(",
      ),
    ],
    killer: choice("of level 0 takes tables that overlap each other"),
  },
  {
    name: "a merge is not told what lies deeper",
    changes: [
      change(
        "compaction/compaction-policy.ts",
        "levels.slice(outputLevel + 1).map((tables) => overlapping(tables, range));",
        "[].map(() => [range]);",
      ),
    ],
    killer: choice("of a full level takes the table that overlaps the least below, and names what is deeper"),
  },
  {
    name: "a merge inside level 0 is not told of older tables there",
    changes: [
      change(
        "compaction/compaction-policy.ts",
        "if (isInPlace && level === 0) {",
        "if (isInPlace && level < 0) {",
      ),
    ],
    killer: choice("merges small tables of level 0 among themselves"),
  },
  {
    name: "small tables of one flush are parted",
    changes: [
      change(
        "compaction/compaction-policy.ts",
        "if (older === undefined || older.versionMax < versionMin) count = index + 1;",
        "if (older === undefined || versionMin > 0) count = index + 1;",
      ),
    ],
    killer: choice("does not part small tables whose ages interleave"),
  },
]);
