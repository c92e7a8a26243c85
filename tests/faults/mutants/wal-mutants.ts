import { change, killedIn, type PlacedMutant } from "./placed-mutant.ts";

const headers = ["headers.test.ts", "a segment's header says what is wrong with it"] as const;
const walk = (what: string) =>
  ["segment-walk.test.ts", `a walk through a segment ends before a group that ${what}`] as const;
const row = (letter: string) => ["decision-table.test.ts", `recovery decides row ${letter}`] as const;
const gap = (test: string) => ["../faults/mutants/log-gaps.test.ts", test] as const;
const anyCall = ["faults.test.ts", 'in mode "always" any call of a run may fail'] as const;

/** What tests/wal/mutants.ts leaves out of the log, and of how files come into the world. */
export const walMutants: readonly PlacedMutant[] = killedIn("tests/wal", [
  // --- Syncs and their order ------------------------------------------------------------------------------
  {
    name: "a sync that the loop waits for is left out",
    changes: [change("wal/segment-file.ts", "    this.#file.datasyncNow();\n", "")],
    killer: ["sync-policy.test.ts", "a log that waits for its syncs acknowledges in order"],
  },
  {
    name: "a sync that the loop should wait for is not waited for",
    changes: [
      change(
        "wal/log-syncs.ts",
        "    segment.syncNow();\n",
        "    void segment.sync();\n    segment.durableOffset = segment.writtenOffset;\n    segment.durableSeq = segment.writtenSeq;\n",
      ),
    ],
    killer: ["sync-policy.test.ts", "a log that waits for its syncs acknowledges in order"],
  },
  {
    name: "a log is closed without a sync before its last seal",
    changes: [change("wal/log-writer.ts", "      await this.sync();\n", "")],
    killer: gap("a clean close vouches for the last record"),
  },
  {
    name: "a log is closed without a seal",
    changes: [change("wal/log-writer.ts", "if (!this.#vouchedFor) this.builder.seal();", "")],
    killer: ["seals.test.ts", "a seal comes with close(), and with truncate()"],
  },
  {
    name: "a group may vouch for what was not synced",
    changes: [
      change("wal/segment-file.ts", "durableThrough: this.durableOffset,", "durableThrough: group.start,"),
    ],
    killer: gap("a crash that tears one of two groups"),
  },
  {
    name: "a seal vouches for records that were not synced before it",
    changes: [
      change(
        "wal/log-writer.ts",
        "group.recordCount === 0 && recordsAreDurable;",
        "group.recordCount === 0;",
      ),
    ],
    killer: ["vouching.test.ts", "after a clean close in mode"],
  },
  {
    name: "the names of deleted segments are not synced",
    changes: [
      change("wal/log-writer.ts", "    if (deleted > 0) await fileSystem.syncDirectory(directory);\n", ""),
    ],
    killer: ["poison.test.ts", "the directory is synced once at a time"],
    isSlow: true,
  },
  {
    name: "changes of names do not wait for each other",
    changes: [
      change(
        "wal/directory-turns.ts",
        "const acted = this.ended.then(() => {",
        "const acted = Promise.resolve().then(() => {",
      ),
    ],
    killer: ["poison.test.ts", "the directory is synced once at a time"],
  },
  {
    name: "segments are deleted newest first",
    changes: [
      change(
        "wal/log-writer.ts",
        "    let deleted = 0;\n",
        "    let deleted = 0;\n    const numbers: number[] = [];\n",
      ),
      change(
        "wal/log-writer.ts",
        "      fileSystem.unlink(join(directory, segmentName(number)));\n",
        "      numbers.unshift(number);\n",
      ),
      change(
        "wal/log-writer.ts",
        "    if (deleted > 0) await",
        "    for (const number of numbers) fileSystem.unlink(join(directory, segmentName(number)));\n    if (deleted > 0) await",
      ),
    ],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of a truncation'],
    survives:
      "a gap below the floor is passed over; the order is for whoever looks at the files without reading them",
  },
  {
    name: "everything of a truncated log goes, and not only what lies below its floor",
    changes: [
      change(
        "wal/log-writer.ts",
        "this.sealed[0]!.lastSeq <= this.floorSeq)",
        "this.sealed[0]!.firstSeq <= this.floorSeq)",
      ),
    ],
    killer: ["contract/contract.test.ts", "a log in memory"],
  },
  {
    name: "nobody asks whether the log is still in its place",
    changes: [change("wal/log-writer.ts", "      this.#assertInPlace();\n", "")],
    killer: gap("nothing is written once the log was moved"),
  },
  {
    name: "a repaired log's seals are not synced",
    changes: [
      change("wal/repair.ts", "walk.durableThrough);\n    await file.sync();", "walk.durableThrough);"),
    ],
    killer: gap("a start syncs the seals that it writes again"),
  },
  {
    name: "what a repair deletes is not synced",
    changes: [change("wal/repair.ts", "  await fileSystem.syncDirectory(directory);\n", "")],
    killer: ["crash-points.test.ts", "a crash at any call of a recovery"],
    survives: "whatever comes back is deleted again by the next start, and nothing refers to it",
  },
  {
    name: "a repair leaves unfinished files",
    changes: [
      change(
        "wal/repair.ts",
        "  for (const name of listing.unfinished) fileSystem.unlink(join(directory, name));\n",
        "",
      ),
    ],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of a rotation'],
  },
  {
    name: "a repair leaves what a truncation left",
    changes: [
      change(
        "wal/repair.ts",
        "  for (const number of survey.leftovers) fileSystem.unlink(join(directory, segmentName(number)));\n",
        "",
      ),
    ],
    killer: gap("a start deletes what an interrupted truncation left"),
  },
  {
    name: "a repair keeps no torn tail but the last",
    changes: [change("wal/repair.ts", "torn.length + 1 - tornFilesKept", "torn.length")],
    killer: ["torn-tail.test.ts", "the bytes that were cut are kept beside those of earlier crashes"],
  },
  {
    name: "an ancestor's directory is not synced",
    changes: [change("vfs/publish.ts", "      await fileSystem.syncDirectory(parent);\n", "")],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of the first start'],
  },
  {
    name: "an ancestor whose sync failed is passed over",
    changes: [
      change(
        "vfs/publish.ts",
        "if (!mayNotSync.has((error as { code?: unknown }).code)) throw error;",
        "void mayNotSync.has(error);",
      ),
    ],
    killer: anyCall,
  },
  // --- Acknowledgements -----------------------------------------------------------------------------------
  {
    name: "an append resolves one record too early",
    changes: [
      change(
        "wal/waiting-seqs.ts",
        "this.#seqs[this.#first]! <= ackableSeq",
        "this.#seqs[this.#first]! <= ackableSeq + 1",
      ),
    ],
    killer: ["sync-modes.test.ts", 'in mode "always" appends that come during a sync wait for the next one'],
  },
  {
    name: "sync() does not sync",
    changes: [
      change(
        "wal/write-ahead-log.ts",
        "await this.#settled(this.#writable().sync());",
        "await this.#settled(Promise.resolve(void this.#writable()));",
      ),
    ],
    killer: gap("what nobody may lose a record that was appended in mode none is there after sync()"),
  },
  {
    name: "a CHECKPOINT is acknowledged without a sync",
    changes: [
      change("wal/write-ahead-log.ts", "await this.#settled(writer.sync());\n    return seq;", "return seq;"),
    ],
    killer: ["contract/contract.test.ts", "a log in memory"],
  },
  {
    name: "a truncation of nothing does not sync",
    changes: [
      change(
        "wal/write-ahead-log.ts",
        "writer.truncate(seq) : writer.sync()",
        "writer.truncate(seq) : Promise.resolve()",
      ),
    ],
    killer: gap("what nobody may lose a record that was appended in mode none is there after a truncation"),
  },
  // --- Checks ---------------------------------------------------------------------------------------------
  {
    name: "a group without a magic is read",
    changes: [
      change(
        "wal/group-header.ts",
        "  if (segment.readUInt32BE(offset) !== groupMagic) return undefined;\n",
        "",
      ),
    ],
    killer: ["headers.test.ts", "a group's header with any one byte changed"],
    survives: "its checksum covers the magic; the comparison only comes first because it costs less",
  },
  {
    name: "a payload has no checksum",
    changes: [
      change("wal/segment-file.ts", "payload.length === 0 ? 0 : crc32c(payload)", "0 * crc32c(payload)"),
    ],
    killer: ["golden.test.ts", "a golden log is written today as it always was"],
  },
  {
    name: "a later format of segments is read",
    changes: [change("wal/segment-header.ts", "if (version !== formatVersion)", "if (false)")],
    killer: headers,
  },
  {
    name: "a segment's reserved bytes may be anything",
    changes: [change("wal/segment-header.ts", "if (bytes.readUInt32BE(12) !== 0)", "if (false)")],
    killer: headers,
  },
  {
    name: "a segment's header may contradict itself",
    changes: [
      change(
        "wal/segment-header.ts",
        "if (header.number !== header.predecessor.number + 1 || header.firstSeq !== header.predecessor.lastSeq + 1)",
        "if (false)",
      ),
    ],
    killer: headers,
  },
  {
    name: "bytes behind the last group are zeros without a look",
    changes: [
      change(
        "wal/segment-walk.ts",
        "if (bytes.compare(zeros, 0, end - at, at, end) !== 0) return false;",
        "if (end < at) return false;",
      ),
    ],
    killer: ["torn-tail.test.ts", "a torn tail is repaired with a single byte among the zeros"],
  },
  {
    name: "a group may leave seqs out",
    changes: [change("wal/segment-walk.ts", "if (group.firstSeq !== walk.lastSeq + 1)", "if (false)")],
    killer: walk("(3) leaves a seq out"),
  },
  {
    name: "a floor may be anything",
    changes: [
      change(
        "wal/segment-walk.ts",
        "group.floorSeq < walk.floorSeq || group.floorSeq > walk.lastSeq + group.recordCount",
        "false",
      ),
    ],
    killer: walk("(3) has a floor above its last record"),
  },
  {
    name: "what was synced may be taken back",
    changes: [
      change(
        "wal/segment-walk.ts",
        "group.durableThrough < walk.durableThrough || group.durableThrough > walk.end",
        "false",
      ),
    ],
    killer: walk("(3) takes back what was synced"),
  },
  {
    name: "a payload may end behind the file",
    changes: [change("wal/segment-walk.ts", "if (payloadEnd > segment.length)", "if (false)")],
    killer: ["segment-walk.test.ts", "a walk through a segment ends where (1) the header is cut"],
  },
  {
    name: "records need not be well formed",
    changes: [
      change(
        "wal/segment-walk.ts",
        "if (!recordsAreWellFormed(segment, payloadStart, payloadEnd, group.recordCount))",
        "if (!recordsAreWellFormed)",
      ),
    ],
    killer: walk("(5)"),
  },
  {
    name: "a group vouches for itself",
    changes: [
      change("wal/segment-walk.ts", "group.durableThrough > badOffset", "group.durableThrough >= badOffset"),
    ],
    killer: ["segment-walk.test.ts", "a witness is not the group at the bad bytes"],
  },
  {
    name: "a segment's number need not be its name's",
    changes: [change("wal/survey.ts", "if (decoded.header.number !== number)", "if (false)")],
    killer: row("D"),
  },
  {
    name: "a gap below the floor is damage",
    changes: [
      change(
        "wal/survey.ts",
        "  if (before.number !== segment.header.predecessor.number) return false;\n",
        "",
      ),
    ],
    killer: ["crash-points.test.ts", 'in mode "always" a crash at any call of a truncation'],
  },
  {
    name: "a segment may be shorter or longer than its successor says",
    changes: [change("wal/survey.ts", "if (before.fileBytes !== expected.bytes)", "if (false)")],
    killer: row("H"),
  },
  {
    name: "a segment may end with another seq than its successor says",
    changes: [change("wal/survey.ts", "if (before.walk.lastSeq !== expected.lastSeq)", "if (false)")],
    killer: gap("a segment that ends with another seq than its successor says is refused"),
  },
  {
    name: "a segment may end with another group than its successor says",
    changes: [
      change("wal/survey.ts", "if (before.walk.lastChecksum !== expected.lastChecksum)", "if (false)"),
    ],
    killer: gap("a segment of the same length, from another life of the log"),
  },
  {
    name: "bad bytes in a segment that has a successor are a tear",
    changes: [
      change(
        "wal/survey.ts",
        "if (!isLast) return corrupt(",
        "if (isLast && problem === undefined) return corrupt(",
      ),
    ],
    killer: row("G"),
  },
  {
    name: "a foreign file in the log's directory is passed over",
    changes: [change("wal/survey.ts", "    rejectForeign(directory, survey);\n", "")],
    killer: row("B"),
  },
  {
    name: "a read that comes back short is the segment's end",
    changes: [
      change("wal/survey.ts", "if (filled < fileBytes) throw new Error", "if (filled < 0) throw new Error"),
    ],
    killer: row("C"),
  },
]);
