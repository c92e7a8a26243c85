import { Buffer } from "node:buffer";
import { readManifest } from "../../../src/manifest/read-manifest.ts";
import { ManifestCorruptionError } from "../../../src/manifest/errors.ts";
import { TableCorruptionError } from "../../../src/table/errors.ts";
import { TableStream } from "../../../src/table/table-stream.ts";
import { verifyTable } from "../../../src/table/verify-table.ts";
import type { GroupHeader } from "../../../src/wal/group-header.ts";
import { RecordCursor } from "../../../src/wal/record.ts";
import { surveyLog } from "../../../src/wal/survey.ts";
import { readNaively, type NaiveTable } from "../../table/naive-table.ts";
import { Disagreement } from "./frame-judge.ts";
import { InputFiles } from "./input-files.ts";
import { readNaiveLog } from "./naive-log.ts";
import { readNaiveManifest, type NaiveTableEntry } from "./naive-manifest.ts";
import { Transcript } from "./transcript.ts";

export const tableName = "000000000012.table";
export const manifestName = "000000000001.manifest";

/**
 * Has files read by the real readers and by naive ones, which must agree: on the verdict, on where it begins,
 * and on all that is in what they accept. A real reader may throw nothing but the error of its format.
 */
export class FileJudge {
  /** The time that the real reader took for the last input, in milliseconds. */
  lastMs = 0;
  /** In a word or two, what the real reader made of the last input, for whoever looks for what is new. */
  lastRow = "";
  readonly #real = new Transcript();
  readonly #naive = new Transcript();
  readonly #cursor = new RecordCursor();

  log(files: ReadonlyMap<string, Uint8Array>): "clean" | "torn" | "corrupt" {
    const input = inputOf(files);
    const real = this.#real;
    real.begin(nothing);
    const beganAt = performance.now();
    const survey = surveyLog(input, directory, {
      visitor: { group: (bytes, group, start, end) => this.#transcribe(bytes, group, start, end) },
    });
    this.lastMs = performance.now() - beganAt;
    const { verdict } = survey;
    const naive = readNaiveLog(files, this.#naive);
    const file = verdict.kind === "clean" ? "" : verdict.kind === "torn" ? verdict.file : verdict.error.file;
    this.lastRow = `${verdict.kind} ${verdict.kind === "clean" ? "" : problemOf(verdict)}`;
    agree("the verdict", verdict.kind, naive.verdict, this.lastRow);
    agree("the file", file.slice(directory.length + 1), naive.file, this.lastRow);
    if (verdict.kind === "torn") agree("where the tail begins", verdict.offset, naive.offset);
    agree("the records", real.equals(this.#naive), true, `${real} | ${this.#naive}`.slice(0, 2_000));
    if (verdict.kind === "corrupt") return "corrupt";
    agree("the floor", survey.floorSeq, naive.floorSeq);
    agree("the last seq", survey.lastSeq, naive.lastSeq);
    agree("the segments", survey.segments.map(({ number }) => number).join(), naive.segments.join());
    return verdict.kind;
  }

  manifest(bytes: Buffer): "accepted" | "refused" {
    const input = inputOf(new Map([[manifestName, bytes]]));
    const beganAt = performance.now();
    const real = attempt(() => readManifest(input, directory)!, ManifestCorruptionError);
    this.lastMs = performance.now() - beganAt;
    const naive = readNaiveManifest(bytes, 1);
    if (real instanceof ManifestCorruptionError) {
      this.lastRow = real.problem;
      agree("the verdict", "refused", typeof naive === "number" ? "refused" : "accepted", real.message);
      agree("where the damage is", real.offset, naive);
      return "refused";
    }
    this.lastRow = `accepted ${real.torn?.problem ?? ""}`;
    if (typeof naive === "number") throw new Disagreement("the verdict", "accepted", `refused at ${naive}`);
    const { state, editNumber, editCount, isSealed, torn } = real;
    const { storeId, hashSeed, coveredSeq, nextTableNumber, segmentNumber, durableSeq } = state;
    const read = {
      storeId: Buffer.from(storeId).toString("hex"),
      ...{ hashSeed, coveredSeq, nextTableNumber, segmentNumber, durableSeq },
      tables: state.tables.map((table): NaiveTableEntry => ({
        numbers: [
          ...[table.number, table.bytes, table.entryCount, table.tombstoneCount],
          ...[table.keyBytes, table.valueBytes, table.versionMin, table.versionMax],
        ],
        checksum: table.fileChecksum,
        level: table.level,
        firstKey: Buffer.from(table.firstKey).toString("hex"),
        lastKey: Buffer.from(table.lastKey).toString("hex"),
      })),
      ...{ editNumber, editCount, isSealed, bytes: real.bytes, tornAt: torn?.offset },
    };
    if (!Bun.deepEquals(read, naive))
      throw new Disagreement("the state", Bun.inspect(read), Bun.inspect(naive));
    return "accepted";
  }

  table(bytes: Buffer): "accepted" | "refused" {
    const input = inputOf(new Map([[tableName, bytes]]));
    const path = `${directory}/${tableName}`;
    const beganAt = performance.now();
    const real = attempt(() => verifyTable(input, path), TableCorruptionError);
    this.lastMs = performance.now() - beganAt;
    const naive = naiveTable(bytes);
    if (real instanceof TableCorruptionError) {
      this.lastRow = real.problem;
      if (naive !== undefined) throw new Disagreement("the verdict", real.message, "a table");
      return "refused";
    }
    this.lastRow = "accepted";
    if (naive === undefined) throw new Disagreement("the verdict", "a table", "no table");
    this.#compareEntries(new TableStream(input, path), naive);
    return "accepted";
  }

  #transcribe(bytes: Buffer, group: GroupHeader, start: number, end: number): void {
    const cursor = this.#cursor;
    const into = this.#real;
    cursor.open(bytes, start, end, group.firstSeq);
    while (cursor.next()) {
      into.number(cursor.seq);
      into.number(cursor.commitSeq);
      into.number(cursor.type);
      into.number(cursor.flags);
      into.range(cursor.keyStart, cursor.keyEnd);
      into.range(cursor.valueStart, cursor.valueEnd);
      into.number(cursor.expiresAtMs);
      into.number(cursor.requestNumber);
    }
  }

  #compareEntries(stream: TableStream, naive: NaiveTable): void {
    for (const { key, version, isTombstone, value } of naive.entries) {
      const isSame =
        stream.next() &&
        stream.version === version &&
        stream.isTombstone === isTombstone &&
        key.compare(stream.keyBytes, stream.keyStart, stream.keyEnd) === 0 &&
        value.compare(stream.valueBytes, stream.valueStart, stream.valueEnd) === 0;
      if (!isSame) throw new Disagreement("an entry", `version ${stream.version}`, `${key} ${version}`);
    }
    agree("the end", stream.next(), false);
    stream.close();
  }
}

const directory = "/fuzzed";
const nothing = Buffer.alloc(0);

function inputOf(files: ReadonlyMap<string, Uint8Array>): InputFiles {
  const input = new InputFiles(directory);
  for (const [name, bytes] of files) input.files.set(name, bytes);
  return input;
}

/**
 * The second reader, and the one rule that it leaves to its caller: a table bears the number of its file's
 * name.
 */
function naiveTable(bytes: Buffer): NaiveTable | undefined {
  try {
    const table = readNaively(bytes);
    return table.footer.number === 12 ? table : undefined;
  } catch {
    // A rule that is broken, or an offset that leads nowhere.
    return undefined;
  }
}

function problemOf(verdict: { kind: string; problem?: string; error?: { problem: string } }): string {
  return verdict.problem ?? verdict.error?.problem ?? "";
}

function attempt<T, E extends Error>(read: () => T, expected: new (...args: never[]) => E): T | E {
  try {
    return read();
  } catch (error) {
    if (error instanceof expected) return error;
    throw error;
  }
}

function agree(what: string, real: unknown, naive: unknown, more = ""): void {
  if (real !== naive) throw new Disagreement(what, `${real} ${more}`, `${naive}`);
}
