import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const unfinished = "offline/unfinished-store.ts";
const crash = ["copy-crash.test.ts", "a copy (copied) has its name only when it is whole"] as const;
const fails = ["copy-crash.test.ts", "a copy (copied) that fails at any call says so"] as const;
const finds = (what: string) => ["check-store.test.ts", `check finds ${what}`] as const;
const refused = (what: string) => ["copy-store.test.ts", `a copy is refused, ${what}`] as const;
const startGap = (test: string) => ["../faults/mutants/start-gaps.test.ts", test] as const;
const ages = refused("if its parts are of different ages");

/** What backups and the check of a store rely on. */
export const offlineMutants: readonly PlacedMutant[] = killedIn("tests/offline", [
  // --- A copy comes into the world ------------------------------------------------------------------------
  {
    name: "a copied file is not synced",
    changes: [change("offline/copy-file.ts", "      await target.sync();\n", "")],
    killer: crash,
  },
  {
    name: "a large copied file is not synced piece by piece",
    changes: [change("offline/copy-file.ts", "    if (at < bytes) await target.datasync();\n", "")],
    killer: crash,
    survives:
      "the sync at the end covers it; this one spreads the load, for a server that syncs its log meanwhile",
  },
  {
    name: "the names in a copy are not synced",
    changes: [change("offline/copy-store.ts", "    await unfinished.sync();\n", "")],
    killer: crash,
  },
  {
    name: "the directories of a copy are not synced",
    changes: [
      change(
        unfinished,
        "    for (const path of [...this.#parts, this.directory]) await this.#fileSystem.syncDirectory(path);\n",
        "",
      ),
    ],
    killer: crash,
  },
  {
    name: "a copy's lock is not synced",
    changes: [change(unfinished, "      await lockFile.sync();\n", "")],
    killer: crash,
    survives:
      "nobody reads anything from it but who held it; it is synced so that a check of the copy has nothing to mention",
  },
  {
    name: "a copy's own name is not synced",
    changes: [change(unfinished, "      await syncAncestors(this.#fileSystem, name);\n", "")],
    killer: crash,
  },
  {
    name: "a copy gets its name before it is synced",
    changes: [
      change("offline/copy-store.ts", "    await unfinished.sync();\n", ""),
      change(
        "offline/copy-store.ts",
        "    await unfinished.publish(to);\n",
        "    await unfinished.publish(to);\n    await unfinished.sync().catch(() => {});\n",
      ),
    ],
    killer: crash,
  },
  {
    name: "a copy is not checked",
    changes: [
      change("offline/copy-store.ts", "    assertUndamaged(check, from, unfinished.directory);\n", ""),
    ],
    killer: refused("if any file of the original is damaged"),
  },
  {
    name: "a copy that failed is left half done",
    changes: [
      change("offline/copy-store.ts", "    unfinished.discard();\n    throw error;", "    throw error;"),
    ],
    killer: fails,
  },
  {
    name: "a file that was not copied whole stays",
    changes: [
      change(
        "offline/copy-file.ts",
        "      fileSystem.unlink(to);\n      throw error;",
        "      throw error;",
      ),
    ],
    killer: ["copy-store.test.ts", "a copy of a store that is written to"],
    survives: "whoever fails removes the whole unfinished copy; nothing is tried again over that name",
  },
  {
    name: "a copy that ends early counts as whole",
    changes: [change("offline/copy-file.ts", "if (count < wanted.length)", "if (count < 0)")],
    killer: ["copy-store.test.ts", "a copy"],
    survives: "the copy is read and checked as a whole before it gets its name",
  },
  {
    name: "what a crash left of a copy stays in the next one",
    changes: [
      change(
        unfinished,
        "for (const name of unfinished.#namesIn(part)) fileSystem.unlink(join(part, name));",
        "void unfinished.#namesIn(part);",
      ),
    ],
    killer: crash,
  },
  {
    name: "a table that the store has dropped stays in the copy",
    changes: [
      change(
        "offline/copied-tables.ts",
        "      this.#fileSystem.unlink(join(this.#to, tableName(number)));\n",
        "",
      ),
    ],
    killer: ["copy-store.test.ts", "a copy of a store that is written to"],
    isSlow: true,
  },
  {
    name: "an attempt's segments stay in the next one",
    changes: [
      change(
        "offline/copy-log.ts",
        "    fileSystem.unlink(join(to, segmentName(number)));\n",
        "    void number;\n",
      ),
    ],
    killer: ["copy-store.test.ts", "a copy of a store that is written to"],
    isSlow: true,
  },
  {
    name: "a second copy to the same place does not wait",
    changes: [
      change(
        unfinished,
        "fileSystem.lock(join(wal, lockName)));",
        "{ isInPlace: () => true, release() {} });",
      ),
    ],
    killer: refused("while another one to the same place is made"),
    isSlow: true,
  },
  // --- What is copied is of one moment --------------------------------------------------------------------
  {
    name: "a log is copied beyond what the manifest covers",
    changes: [
      change(
        "offline/copy-log.ts",
        "const { part, survey } = surveyPart(fileSystem, wal, state?.coveredSeq ?? Infinity);",
        "const { part, survey } = surveyPart(fileSystem, wal, Infinity);",
      ),
    ],
    killer: ["copy-store.test.ts", "a copy of a store that is written to"],
    isSlow: true,
  },
  {
    name: "nobody asks whether what was copied of the log fits the manifest",
    changes: [
      change(
        "offline/copy-log.ts",
        "let misfit = misfitOf(state, partOf(survey, spans)) ?? gapOf(state, spans);",
        "let misfit = gapOf(state, spans);\n  void partOf;",
      ),
    ],
    killer: ["copy-store.test.ts", "a copy of a store that is written to begins anew at whatever call"],
    survives:
      "the copy is checked before it gets its name, and there log and manifest are held to each other again",
  },
  {
    name: "a gap between tables and log is not missed",
    changes: [change("offline/copy-log.ts", " ?? gapOf(state, spans);", ";\n  void gapOf;")],
    killer: ["copy-store.test.ts", "a copy"],
  },
  {
    name: "an older manifest that was put back is believed",
    changes: [
      change(
        "offline/copy-log.ts",
        "if (now === undefined || now.coveredSeq < survey.floorSeq) misfit",
        "if (now === undefined) misfit",
      ),
    ],
    killer: ages,
  },
  {
    name: "a log that is written to is looked at once",
    changes: [change("offline/copy-log.ts", "const surveysMax = 4;", "const surveysMax = 1;")],
    killer: ["live-log.test.ts", "a copy is not deceived by pages"],
  },
  // --- The check ------------------------------------------------------------------------------------------
  {
    name: "a check does not verify tables",
    changes: [
      change(
        "offline/check-tables.ts",
        "guarded(report, path, () => verifyTable(fileSystem, path, { storeId, hashSeed, number }));",
        "guarded(report, path, () => ({ ...entry, storeId, hashSeed, fileSystem }) as unknown as TableSummary);",
      ),
    ],
    killer: ["damage.test.ts", "a store with every kind of file is clean, and is not once one byte"],
  },
  {
    name: "a check does not look into tables that no manifest lists",
    changes: [
      change(
        "offline/check-tables.ts",
        "guarded(report, file, () => verifyTable(fileSystem, file));",
        "guarded(report, file, () => ({ bytes: 0, fileSystem }));",
      ),
    ],
    killer: finds("all that is damaged, and not only the first of it"),
  },
  {
    name: "a check does not compare keys with the manifest",
    changes: [
      change(
        "offline/check-tables.ts",
        "if (Buffer.compare(value, said as Uint8Array) !== 0)",
        "if (value === said && said.length < 0)",
      ),
    ],
    killer: finds("a table that is whole, but not the one that the manifest means"),
    survives: "a table with other keys has another checksum, which is compared as well",
  },
  {
    name: "a check does not compare numbers with the manifest",
    changes: [
      change(
        "offline/check-tables.ts",
        "} else if (value !== said) return",
        "} else if (value === undefined) return",
      ),
    ],
    killer: finds("a table that is whole, but not the one that the manifest means"),
  },
  {
    name: "a check takes damage with a witness for a tear",
    changes: [
      change(
        "offline/check-log.ts",
        "const isTorn = isLast && findWitness(bytes, header, end) === undefined;",
        "const isTorn = isLast && findWitness !== undefined;",
      ),
    ],
    killer: startGap("a check, behind the first damage, still tells damage"),
  },
  {
    name: "a check does not hold segments to their names",
    changes: [change("offline/check-log.ts", "if (header.number !== number)", "if (header.number < 0)")],
    killer: startGap("a check, behind the first damage, still holds segments"),
  },
  {
    name: "a check does not hold log and manifest to each other",
    changes: [
      change(
        "offline/check-store.ts",
        "misfitOf(listed.state, log) ?? splitSegment(listed.state, log)",
        "splitSegment(listed.state, log)",
      ),
    ],
    killer: finds("a log that is gone"),
  },
  {
    name: "a check does not miss the segment at the end of the tables",
    changes: [
      change("offline/check-store.ts", " ?? splitSegment(listed.state, log);", ";\n    void splitSegment;"),
    ],
    killer: ["check-store.test.ts", "check holds tables to each other: tables end where a segment"],
  },
  {
    name: "a check does not hold tables to each other",
    changes: [
      change(
        "offline/check-version-order.ts",
        "} else if (version >= versionAbove && below !== above) {",
        "} else if (version < 0) {",
      ),
    ],
    killer: ["check-store.test.ts", "check holds tables to each other: each table that is newer"],
  },
  {
    name: "a check passes over tables without a manifest",
    changes: [
      change(
        "offline/check-tables.ts",
        "} else if (listed.state === undefined) {",
        "} else if (number < 0) {",
      ),
    ],
    killer: finds("tables where there is no manifest that could list them"),
  },
  {
    name: "a check goes on beside a server",
    changes: [
      change(
        "offline/check-store.ts",
        "isThere(fileSystem, path) ? lockForCheck(fileSystem, directory, path) : undefined;",
        'isThere(fileSystem, path) && directory === "" ? lockForCheck(fileSystem, directory, path) : undefined;',
      ),
    ],
    killer: ["check-store.test.ts", "check refuses a store that a server has open"],
  },
]);
