import type { SourceChange } from "../support/changed-source.ts";

/** Something that the log relies on, taken out, and the test that must notice. */
export interface Mutant {
  readonly name: string;
  readonly changes: readonly SourceChange[];
  /** A file of this folder, and the beginning of the name of a test in it. */
  readonly killer: readonly [file: string, test: string];
  /** Whether every run of the tests proves it; the others take their turn in the long version. */
  readonly inEveryRun?: true;
}

const change = (file: string, from: string, to: string): SourceChange => ({ file: `src/${file}`, from, to });

/** Syncs, checks and orders of the log, one at a time. A mutant that survives means a test is missing. */
export const mutants: readonly Mutant[] = [
  // --- Syncs ----------------------------------------------------------------------------------------------
  {
    name: "a group's sync is left out",
    changes: [change("wal/segment-file.ts", "await this.#file.datasync();", "")],
    killer: ["crash.test.ts", 'no crash breaks what mode "always" promises'],
    inEveryRun: true,
  },
  {
    name: "an append is acknowledged before its sync returns",
    changes: [change("wal/segment-file.ts", "await this.#file.datasync();", "void this.#file.datasync();")],
    killer: ["sync-modes.test.ts", 'in mode "always" an append resolves after the sync'],
    inEveryRun: true,
  },
  {
    name: "a sync counts what was written while it ran",
    changes: [
      change(
        "wal/segment-file.ts",
        "this.durableOffset = offset;",
        "this.durableOffset = this.writtenOffset;",
      ),
      change("wal/segment-file.ts", "this.durableSeq = seq;", "this.durableSeq = this.writtenSeq;"),
    ],
    killer: ["sync-modes.test.ts", 'in mode "batch" a sync covers what was written before it began'],
  },
  {
    name: "two groups are in flight",
    changes: [
      change(
        "wal/log-writer.ts",
        `"always") {\n        await this.#syncs.makeDurable(this.#segment);`,
        `"always") {\n        void this.#syncs.makeDurable(this.#segment);`,
      ),
    ],
    killer: ["sync-modes.test.ts", 'in mode "always" one group is in flight'],
  },
  {
    name: "two syncs are in flight",
    changes: [change("wal/log-syncs.ts", "this.#inFlight ??= this", "this.#inFlight = this")],
    killer: ["sync-modes.test.ts", 'in mode "batch" two syncs are never in flight'],
  },
  {
    name: "a failed sync is tried again",
    changes: [
      change(
        "wal/log-syncs.ts",
        "await segment.sync();",
        "await segment.sync().catch(() => segment.sync());",
      ),
    ],
    killer: ["faults.test.ts", 'in mode "always" any call of a run may fail'],
    inEveryRun: true,
  },
  {
    name: "a fault poisons nothing",
    changes: [change("wal/log-writer.ts", "this.stopped = fault;", "")],
    killer: ["poison.test.ts", "a failed sync poisons the handle"],
  },
  {
    name: "a segment is sealed without a sync",
    changes: [
      change(
        "wal/log-writer.ts",
        "await this.#syncs.makeDurable(this.#segment);\n    await this.#segment.trim();\n    const predecessor",
        "this.#segment.durableOffset = this.#segment.writtenOffset;\n    const predecessor",
      ),
    ],
    killer: ["sync-modes.test.ts", 'in mode "none" a rotation syncs the segment that it seals'],
  },
  {
    name: "what was prepared stays in a sealed segment",
    changes: [
      change(
        "wal/log-writer.ts",
        "    await this.#segment.trim();\n    const predecessor",
        "    const predecessor",
      ),
    ],
    killer: ["prepared.test.ts", "a segment ends with its last group once it is sealed"],
  },
  {
    name: "a segment's end is cut without a sync",
    changes: [
      change(
        "wal/segment-file.ts",
        "this.#file.truncate(this.writtenOffset);\n    await this.#file.sync();",
        "this.#file.truncate(this.writtenOffset);",
      ),
    ],
    killer: ["prepared.test.ts", "a segment ends with its last group once it is sealed"],
  },
  {
    name: "a floor that nobody vouches for is written over itself",
    changes: [change("wal/repair.ts", "Math.max(walk.recordsEnd, walk.floorEnd)", "walk.recordsEnd")],
    killer: [
      "crash-points.test.ts",
      'in mode "batch" a crash at any call of a start takes back no truncation',
    ],
  },
  {
    name: "anything behind the last group counts as prepared",
    changes: [
      change(
        "wal/segment-walk.ts",
        "group === undefined && isZero(segment, walk.end)",
        "group === undefined",
      ),
    ],
    killer: ["decision-table.test.ts", "recovery decides row J"],
  },
  // --- Files and names ------------------------------------------------------------------------------------
  {
    name: "the directory is not synced after a rename",
    changes: [
      change(
        "vfs/publish.ts",
        "fileSystem.rename(`${path}.tmp`, path);\n  await fileSystem.syncDirectory(directory);",
        "fileSystem.rename(`${path}.tmp`, path);",
      ),
    ],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of a rotation'],
    inEveryRun: true,
  },
  {
    name: "directories above a new log are not synced",
    changes: [change("wal/open-log.ts", "await syncAncestors(fileSystem, directory);", "")],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of the first start'],
  },
  {
    name: "a file gets its name before its content is synced",
    changes: [change("vfs/publish.ts", "await file.sync();", "")],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of a rotation'],
  },
  {
    name: "a write that came back short counts as whole",
    changes: [change("vfs/file-system.ts", "written += count;", "written = source.length;")],
    killer: ["poison.test.ts", "a write that comes back short is continued"],
  },
  // --- Checks ---------------------------------------------------------------------------------------------
  {
    name: "the chain of groups is not checked",
    changes: [change("wal/segment-walk.ts", "group.previousChecksum !== walk.lastChecksum", "false")],
    killer: ["segment-walk.test.ts", "a walk through a segment ends before a group that (2)"],
    inEveryRun: true,
  },
  {
    name: "a group's header is not checked",
    changes: [
      change(
        "wal/group-header.ts",
        "if (crc32c(segment.subarray(offset, offset + 52), seed) !== checksum)",
        "if (false)",
      ),
    ],
    killer: ["headers.test.ts", "a group's header with any one byte changed"],
  },
  {
    name: "a group's checksum does not begin with the salt",
    changes: [change("wal/group-header.ts", "return crc32c(salt);", "return salt.length;")],
    killer: ["headers.test.ts", "a group's header comes back as it went in, where it was written"],
  },
  {
    name: "a group may stand anywhere",
    changes: [
      change("wal/group-header.ts", "if (readUint64(segment, offset + 16) !== offset) return undefined;", ""),
    ],
    killer: ["segment-walk.test.ts", "a witness is no copy of a group elsewhere"],
  },
  {
    name: "a payload is not checked",
    changes: [
      change(
        "wal/segment-walk.ts",
        "crc32c(segment.subarray(payloadStart, payloadEnd)) !== group.payloadChecksum",
        "false",
      ),
    ],
    killer: [
      "corruption.test.ts",
      "corruption is refused, named by file, offset and seq, with nothing changed: one",
    ],
  },
  {
    name: "a segment's header is not checked",
    changes: [
      change("wal/segment-header.ts", "if (crc32c(bytes.subarray(0, 92)) !== checksum)", "if (false)"),
    ],
    killer: ["headers.test.ts", "a segment's header with any one byte changed"],
  },
  {
    name: "a segment is not asked how its predecessor ended",
    changes: [change("wal/survey.ts", "if (difference !== undefined) {", "if (false) {")],
    killer: ["decision-table.test.ts", "recovery decides row H"],
  },
  {
    name: "nobody looks for a witness",
    changes: [change("wal/survey.ts", "if (witness !== undefined) {", "if (false) {")],
    killer: ["decision-table.test.ts", "recovery decides row I"],
    inEveryRun: true,
  },
  {
    name: "a missing segment is not missed",
    changes: [change("wal/survey.ts", "rejectMissing(directory, survey, runs);", "")],
    killer: ["decision-table.test.ts", "recovery decides row F"],
  },
  {
    name: "another store's segment is taken",
    changes: [
      change(
        "wal/survey.ts",
        "if (!Buffer.from(before.header.storeId).equals(segment.header.storeId)) {",
        "if (false) {",
      ),
    ],
    killer: ["decision-table.test.ts", "recovery decides row E"],
  },
  // --- Recovery -------------------------------------------------------------------------------------------
  {
    name: "a torn tail is not cut",
    changes: [change("wal/repair.ts", "bytes.subarray(0, walk.end))", "fileBytes(last))")],
    killer: ["torn-tail.test.ts", "a torn tail is repaired wherever it was cut"],
    inEveryRun: true,
  },
  {
    name: "a torn tail is not kept aside",
    changes: [
      change(
        "wal/repair.ts",
        'verdict.kind === "torn" ? await keepAside',
        'verdict.kind === "clean" ? await keepAside',
      ),
    ],
    killer: ["torn-tail.test.ts", "the bytes that were cut are durable"],
  },
  {
    name: "records that nobody vouches for are not written again",
    changes: [
      change(
        "wal/repair.ts",
        "const isDoubtful = Math.max(walk.recordsEnd, walk.floorEnd) > walk.durableThrough ||",
        "const isDoubtful =",
      ),
      change(
        "wal/repair.ts",
        "writeFully(file, bytes.subarray(walk.durableThrough, walk.end), walk.durableThrough);",
        "",
      ),
    ],
    killer: ["poison.test.ts", "a failed sync whose pages the system calls clean"],
    inEveryRun: true,
  },
  {
    name: "records that nobody vouches for are written over themselves",
    changes: [
      change(
        "wal/repair.ts",
        "const isDoubtful = Math.max(walk.recordsEnd, walk.floorEnd) > walk.durableThrough ||",
        "const isDoubtful =",
      ),
    ],
    killer: [
      "crash-points.test.ts",
      "a crash at any call of a recovery, and of the recovery from that, breaks no promise, when the log",
    ],
  },
  {
    name: "seals are not written again",
    changes: [
      change(
        "wal/repair.ts",
        "writeFully(file, bytes.subarray(walk.durableThrough, walk.end), walk.durableThrough);",
        "",
      ),
    ],
    killer: ["faults.test.ts", 'in mode "always" any call of a run may fail'],
  },
  {
    name: "an empty segment's name is trusted",
    changes: [change("wal/repair.ts", " || walk.groupCount === 0", "")],
    killer: ["faults.test.ts", 'in mode "always" any call of a run may fail'],
  },
  // --- Truncation, batches, order -------------------------------------------------------------------------
  {
    name: "a floor is written before the records that it covers",
    changes: [
      change(
        "wal/log-writer.ts",
        "this.#segment.write(group, this.#options.preparesSegments && this.#room.fits(preparedBytes));",
        "this.#segment.write({ ...group, floorSeq: this.builder.floorSeq }, false);",
      ),
    ],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of truncations and appends'],
  },
  {
    name: "segments are deleted before the floor is durable",
    changes: [
      change(
        "wal/log-writer.ts",
        "await this.#barrier(async () => {\n      if (image",
        "void this.#barrier(async () => {\n      if (image",
      ),
      change("wal/log-writer.ts", "lastSeq <= this.floorSeq) {", "lastSeq <= this.builder.floorSeq) {"),
    ],
    killer: ["crash-points.test.ts", 'in mode "none" a crash at any call of a truncation'],
  },
  {
    name: "a batch is cut by a seq in its middle",
    changes: [change("wal/log-reader.ts", "cursor.commitSeq > afterSeq()", "cursor.seq > afterSeq()")],
    killer: ["contract/contract.test.ts", "a log in memory keeps a batch whole wherever an afterSeq falls"],
  },
  {
    name: "readers see what is not durable",
    changes: [
      change(
        "wal/log-writer.ts",
        'const bytes = this.#options.syncMode === "always" ? durableOffset : writtenOffset;\n    return { number: image.number, firstSeq: image.firstSeq, lastSeq: this.ackableSeq, bytes };',
        "return { number: image.number, firstSeq: image.firstSeq, lastSeq: this.writtenSeq, bytes: Math.max(durableOffset, writtenOffset) };",
      ),
    ],
    killer: ["poison.test.ts", "a failed sync poisons the handle"],
  },
  {
    name: "an idle log is not sealed",
    changes: [change("wal/log-writer.ts", "this.builder.seal();\n      this.wake();", "")],
    killer: ["seals.test.ts", "a seal follows when the log falls idle"],
  },
  // --- Owners and space -----------------------------------------------------------------------------------
  {
    name: "an older handle is not fenced",
    changes: [change("wal/ownership.ts", "if (older !== undefined) await older.onTakenOver();", "")],
    killer: ["contract/contract.test.ts", "a log in memory has one owner in a process the newest"],
  },
  {
    name: "an older handle is fenced only once its opener has it",
    changes: [
      change(
        "wal/open-log.ts",
        "ownership.onTakenOver = () => writer.stop(new WalFencedError(directory));",
        "void WalFencedError;",
      ),
    ],
    killer: [
      "contract/contract.test.ts",
      "a log in memory has one owner in a process also when several opens",
    ],
  },
  {
    name: "a newer handle does not wait for the older one's sync",
    changes: [change("wal/log-writer.ts", "    await this.#running;\n    await this.#syncs.ended();\n", "")],
    killer: ["poison.test.ts", "a takeover waits for the sync in flight"],
  },
  {
    name: "nobody minds the headroom",
    changes: [change("wal/disk-room.ts", "if (bytes > this.#bytesAdmitted) {", "if (false) {")],
    killer: ["disk-full.test.ts", "while the disk has less than the headroom to spare appends are refused"],
  },
];
