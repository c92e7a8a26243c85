import type { SourceChange } from "../support/changed-source.ts";
import type { Mutant } from "../wal/mutants.ts";

const change = (file: string, from: string, to: string): SourceChange => ({ file: `src/${file}`, from, to });
const everyBit = "damage to a manifest is named by its place, and never silent: every single bit";
const crashAt = (act: string) => `a crash at any call, and at any call of the start after it, of ${act}`;
const impossible = (what: string) => `an edit that ${what}`;
const row = (letter: string, found: string) => `recovery decides row ${letter}: ${found}`;

/** Syncs, checks and orders of the manifest, one at a time. A mutant that survives means a test is missing. */
export const mutants: readonly Mutant[] = [
  // --- Syncs and their order ------------------------------------------------------------------------------
  {
    name: "nothing that is appended is synced",
    changes: [change("manifest/manifest-file.ts", "await this.#file.datasync();", "")],
    killer: ["crash-points.test.ts", crashAt("edits that are appended")],
    inEveryRun: true,
  },
  {
    name: "an edit is not synced before its seal is written",
    changes: [
      change(
        "manifest/manifest-file.ts",
        "await this.#file.datasync();",
        "if (bytes === seal.bytes) await this.#file.datasync();",
      ),
    ],
    killer: ["crash.test.ts", "no crash takes an announced edit"],
  },
  {
    name: "a seal is not synced before the next edit is written",
    changes: [
      change(
        "manifest/manifest-file.ts",
        "await this.#file.datasync();",
        "if (bytes === edit.bytes) await this.#file.datasync();",
      ),
    ],
    killer: ["crash-points.test.ts", crashAt("an edit whose seal lies across two sectors")],
  },
  {
    name: "an edit is announced before its sync returns",
    changes: [
      change("manifest/manifest-file.ts", "await this.#file.datasync();", "void this.#file.datasync();"),
    ],
    killer: ["manifest.test.ts", "an edit shows in the state once it is durable"],
  },
  {
    name: "an edit has no seal",
    changes: [
      change("manifest/manifest-file.ts", "of [edit, seal]", "of [edit].concat(seal).slice(0, 1)"),
      change("manifest/walk-manifest.ts", "if (!walk.isSealed)", "if (false)"),
    ],
    killer: ["damage.test.ts", everyBit],
    inEveryRun: true,
  },
  {
    name: "the directory is not synced after a rename",
    changes: [
      change(
        "vfs/publish.ts",
        "fileSystem.rename(`${path}.tmp`, path);\n  await fileSystem.syncDirectory(directory);",
        "fileSystem.rename(`${path}.tmp`, path);",
      ),
    ],
    killer: ["crash-points.test.ts", crashAt("edits that are each written with a new file")],
  },
  {
    name: "a file gets its name before its content is synced",
    changes: [change("vfs/publish.ts", "await file.sync();", "")],
    killer: ["crash-points.test.ts", crashAt("edits that are each written with a new file")],
  },
  {
    name: "directories above a new manifest are not synced",
    changes: [change("manifest/manifest.ts", "await syncAncestors(fileSystem, path);", "")],
    killer: ["crash-points.test.ts", crashAt("a first start")],
  },
  {
    name: "directories above a new manifest are synced only after it has its name",
    changes: [
      change("manifest/manifest.ts", "await syncAncestors(fileSystem, path);", ""),
      change(
        "manifest/manifest.ts",
        "const file = await ManifestFile.publish(fileSystem, path, 1, live.freeze(), 0);",
        "const file = await ManifestFile.publish(fileSystem, path, 1, live.freeze(), 0);\n    await syncAncestors(fileSystem, path);",
      ),
    ],
    killer: ["crash-points.test.ts", crashAt("a first start")],
  },
  {
    name: "a start deletes the old manifest before the new one is durable",
    changes: [
      change(
        "manifest/manifest.ts",
        "const file = await ManifestFile.publish(fileSystem, path, number + 1, state, editNumber);",
        "deleteOlder(fileSystem, path, number + 1);\n    const file = await ManifestFile.publish(fileSystem, path, number + 1, state, editNumber);",
      ),
    ],
    killer: ["crash-points.test.ts", crashAt("a start, and nothing else")],
    inEveryRun: true,
  },
  {
    name: "a rewrite deletes the old manifest before the new one is durable",
    changes: [
      change(
        "manifest/manifest.ts",
        "this.#file = await ManifestFile.publish(fileSystem, directory, old.number + 1",
        "deleteOlder(fileSystem, directory, old.number + 1);\n    this.#file = await ManifestFile.publish(fileSystem, directory, old.number + 1",
      ),
    ],
    killer: ["crash-points.test.ts", crashAt("edits that are each written with a new file")],
  },
  {
    name: "a rewrite leaves out the edit that made it necessary",
    changes: [
      change(
        "manifest/manifest.ts",
        "old.number + 1, state, old.editNumber",
        "old.number + 1, this.#state, old.editNumber",
      ),
    ],
    killer: ["manifest.test.ts", "a manifest says the same after every edit"],
  },
  {
    name: "a start goes on in the file that it found",
    changes: [
      change(
        "manifest/manifest.ts",
        "path, number + 1, state, editNumber",
        "path, number, state, editNumber",
      ),
    ],
    killer: ["manifest.test.ts", "the file is written anew by every start"],
  },
  {
    name: "older manifests are not deleted",
    changes: [change("manifest/manifest.ts", "if (older < number) fileSystem", "if (older < 0) fileSystem")],
    killer: ["manifest.test.ts", "the file is written anew by every start"],
  },
  {
    name: "unfinished files are not deleted",
    changes: [
      change("manifest/manifest.ts", "listManifests(fileSystem, directory).unfinished)", "[] as string[])"),
    ],
    killer: ["crash-points.test.ts", crashAt("edits that are each written with a new file")],
  },
  {
    name: "the newest manifest does not count",
    changes: [change("manifest/read-manifest.ts", "listing.numbers.at(-1)", "listing.numbers[0]")],
    killer: ["crash-points.test.ts", crashAt("edits that are each written with a new file")],
  },
  // --- Faults ---------------------------------------------------------------------------------------------
  {
    name: "a fault stops nothing",
    changes: [change("manifest/manifest.ts", "if (this.fault !== undefined) throw this.fault;", "")],
    killer: [
      "faults.test.ts",
      "whatever call fails, in whatever way, once or from then on, a manifest stops",
    ],
    inEveryRun: true,
  },
  {
    name: "a failed sync is tried again",
    changes: [
      change(
        "manifest/manifest-file.ts",
        "await this.#file.datasync();",
        "await this.#file.datasync().catch(() => this.#file.datasync());",
      ),
    ],
    killer: [
      "faults.test.ts",
      "whatever call fails, in whatever way, once or from then on, a manifest stops",
    ],
  },
  {
    name: "an edit does not wait for those before it",
    changes: [change("manifest/manifest.ts", "this.#turn.then(() => this.#apply(own))", "this.#apply(own)")],
    killer: ["manifest.test.ts", "an edit waits for those before it"],
  },
  {
    name: "the state shows an edit before it is durable",
    changes: [
      change(
        "manifest/manifest.ts",
        "this.#assertInPlace();",
        "this.#assertInPlace();\n      this.#state = state;",
      ),
    ],
    killer: ["manifest.test.ts", "an edit shows in the state once it is durable"],
  },
  {
    name: "nobody asks whether the directory is still in its place",
    changes: [change("manifest/manifest.ts", "this.#assertInPlace();", "")],
    killer: ["manifest.test.ts", "an edit is not written once the directory is no longer where it was"],
  },
  {
    name: "a state lends out the bytes of its caller",
    changes: [
      change("manifest/manifest.ts", "firstKey: new Uint8Array(table.firstKey)", "firstKey: table.firstKey"),
    ],
    killer: ["manifest.test.ts", "a manifest keeps its own bytes"],
  },
  {
    name: "a read that comes back short is an end",
    changes: [change("manifest/read-manifest.ts", "if (filled < bytes.length) throw", "if (false) throw")],
    killer: ["decision-table.test.ts", row("C", "a manifest of which less is read")],
  },
  // --- Checks ---------------------------------------------------------------------------------------------
  {
    name: "a file's header is not checked",
    changes: [
      change("manifest/file-header.ts", "if (crc32c(bytes.subarray(0, 40)) !== checksum)", "if (false)"),
    ],
    killer: ["codec.test.ts", "a manifest's header with any one byte changed"],
    inEveryRun: true,
  },
  {
    name: "a file's magic is not checked",
    changes: [
      change("manifest/file-header.ts", "if (!fileMagic.equals(bytes.subarray(0, 8)))", "if (false)"),
    ],
    killer: ["decision-table.test.ts", row("E", "a manifest of zeros")],
  },
  {
    name: "a later format version is read",
    changes: [change("manifest/file-header.ts", "|| version > formatVersion)", ")")],
    killer: ["decision-table.test.ts", row("E", "a format version")],
  },
  {
    name: "a file's number is not that of its name",
    changes: [change("manifest/walk-manifest.ts", "if (header.number !== number)", "if (false)")],
    killer: ["decision-table.test.ts", row("E", "a number that is not")],
  },
  {
    name: "an edit's header is not checked",
    changes: [
      change(
        "manifest/edit-header.ts",
        "if (crc32c(file.subarray(offset, offset + 32), seed) !== editChecksum(file, offset))",
        "if (false)",
      ),
    ],
    killer: ["codec.test.ts", "an edit's header with any one byte changed"],
    inEveryRun: true,
  },
  {
    name: "an edit's checksum does not start from the file's",
    changes: [
      change(
        "manifest/edit-header.ts",
        "crc32c(target.subarray(0, 32), seed)",
        "crc32c(target.subarray(0, 32))",
      ),
      change(
        "manifest/edit-header.ts",
        "file.subarray(offset, offset + 32), seed)",
        "file.subarray(offset, offset + 32))",
      ),
    ],
    killer: ["codec.test.ts", "an edit's header with any one byte changed"],
  },
  {
    name: "an edit may stand anywhere",
    changes: [
      change(
        "manifest/edit-header.ts",
        "if (readUint64(file, offset + 20) !== offset) return undefined;",
        "",
      ),
    ],
    killer: ["codec.test.ts", "an edit's header comes back as it went in"],
  },
  {
    name: "a payload is not checked",
    changes: [
      change("manifest/walk-manifest.ts", "if (crc32c(payload) !== header.payloadChecksum)", "if (false)"),
    ],
    killer: ["damage.test.ts", everyBit],
    inEveryRun: true,
  },
  {
    name: "a payload may end behind the file",
    changes: [change("manifest/walk-manifest.ts", "if (payloadEnd > bytes.length)", "if (false)")],
    killer: ["decision-table.test.ts", row("I", "half of the last edit")],
  },
  {
    name: "the chain is not checked",
    changes: [
      change("manifest/walk-manifest.ts", "if (header.previousChecksum !== previousChecksum)", "if (false)"),
    ],
    killer: ["decision-table.test.ts", row("G", "a whole edit of the same length")],
    inEveryRun: true,
  },
  {
    name: "the edit number is not checked",
    changes: [change("manifest/walk-manifest.ts", "if (!isNext)", "if (false)")],
    killer: ["decision-table.test.ts", row("G", "a last edit with another number")],
  },
  {
    name: "an edit needs no seal before the next",
    changes: [change("manifest/walk-manifest.ts", "if (!walk.isSealed)", "if (false)")],
    killer: ["decision-table.test.ts", row("G", "an edit behind one that has no seal")],
  },
  {
    name: "a seal may seal anything",
    changes: [
      change(
        "manifest/walk-manifest.ts",
        "if (walk.isSealed || editNumber !== walk.editNumber)",
        "if (false)",
      ),
    ],
    killer: ["decision-table.test.ts", row("G", "a second seal")],
  },
  {
    name: "nobody looks for a witness",
    changes: [
      change("manifest/walk-manifest.ts", "findWitness(bytes, walk.end, seed)", "undefined as never"),
    ],
    killer: ["decision-table.test.ts", row("H", "a bad header of an edit")],
    inEveryRun: true,
  },
  {
    name: "a first edit may be torn",
    changes: [change("manifest/walk-manifest.ts", "if (walk.editCount === 0) return problem;", "")],
    killer: ["decision-table.test.ts", row("F", "half of the first edit")],
  },
  {
    name: "foreign files are passed over",
    changes: [
      change(
        "manifest/read-manifest.ts",
        "  rejectForeign(directory, listing);\n  return { file",
        "  return { file",
      ),
    ],
    killer: ["decision-table.test.ts", row("B", "a foreign file is")],
  },
  {
    name: "a manifest that was lost is not missed",
    changes: [change("manifest/read-manifest.ts", "    rejectLost(directory, listing);\n", "")],
    killer: ["decision-table.test.ts", row("D", "no manifest")],
  },
  {
    name: "bytes behind the last table are passed over",
    changes: [change("manifest/edit-payload.ts", "if (at !== bytes.length)", "if (false)")],
    killer: ["codec.test.ts", "an edit's payload that is cut, or longer than it says"],
  },
  {
    name: "counts are believed before they are checked",
    changes: [
      change(
        "manifest/edit-payload.ts",
        "if (at + addedCount * addedTableBytes > bytes.length)",
        "if (false)",
      ),
    ],
    killer: ["decision-table.test.ts", row("G", "a last edit that promises more")],
  },
  // --- What an edit may say -------------------------------------------------------------------------------
  {
    name: "(a) the covered seq may go back",
    changes: [change("manifest/live-state.ts", "if (coveredSeq < this.#coveredSeq)", "if (false)")],
    killer: ["manifest.test.ts", impossible("takes the covered seq back")],
  },
  {
    name: "(a) the next table number may go back",
    changes: [change("manifest/live-state.ts", "if (nextTableNumber < this.#nextTableNumber)", "if (false)")],
    killer: ["manifest.test.ts", impossible("takes the next table number back")],
  },
  {
    name: "(a) the segment number may go back",
    changes: [change("manifest/live-state.ts", "if (segmentNumber < this.#segmentNumber)", "if (false)")],
    killer: ["manifest.test.ts", impossible("takes the segment number back")],
  },
  {
    name: "(a) the durable seq may go back",
    changes: [change("manifest/live-state.ts", "if (durableSeq < this.#durableSeq)", "if (false)")],
    killer: ["manifest.test.ts", impossible("takes the durable seq back")],
  },
  {
    name: "(a) more may be covered than was durable",
    changes: [change("manifest/live-state.ts", "if (durableSeq < coveredSeq)", "if (false)")],
    killer: ["manifest.test.ts", impossible("covers more than was durable")],
  },
  {
    name: "(b) what is removed need not be live",
    changes: [
      change(
        "manifest/live-state.ts",
        "if (table === undefined) return",
        "if (table === undefined) continue; if (false) return",
      ),
    ],
    killer: ["manifest.test.ts", impossible("removes a table that is not live")],
  },
  {
    name: "(c) what is added may be live",
    changes: [
      change("manifest/live-state.ts", "if (this.#tables.get(table.number) !== undefined)", "if (false)"),
    ],
    killer: ["manifest.test.ts", impossible("adds a table that is live")],
  },
  {
    name: "(c) numbers need not have been given",
    changes: [change("manifest/live-state.ts", "table.number >= edit.nextTableNumber", "false")],
    killer: ["manifest.test.ts", impossible("adds a table with a number that was never given")],
  },
  {
    name: "(c) a table that moves may become another",
    changes: [
      change(
        "manifest/live-state.ts",
        "if (before !== undefined && !isSameTable(before, table))",
        "if (false)",
      ),
    ],
    killer: ["manifest.test.ts", impossible("adds another table under the number")],
  },
  {
    name: "(d) versions need not be covered",
    changes: [change("manifest/live-state.ts", "if (versionMax > edit.coveredSeq)", "if (false)")],
    killer: ["manifest.test.ts", impossible("adds versions that it does not cover")],
  },
  {
    name: "(e) a table may overlap the one before it",
    changes: [
      change(
        "manifest/live-tables.ts",
        "if (before !== undefined &&",
        "if (false && before !== undefined &&",
      ),
    ],
    killer: ["manifest.test.ts", impossible("adds a table that overlaps one before it")],
  },
  {
    name: "(e) a table may overlap the one behind it",
    changes: [
      change("manifest/live-tables.ts", "if (after !== undefined &&", "if (false && after !== undefined &&"),
    ],
    killer: ["manifest.test.ts", impossible("adds a table that overlaps one behind it")],
  },
];
