import { readManifest } from "../manifest/read-manifest.ts";
import { recordType } from "../wal/format.ts";
import { RecordCursor } from "../wal/record.ts";
import type { LogSurvey, SurveyVisitor } from "../wal/survey.ts";
import { MemtableStack } from "./memtable-stack.ts";
import { misfitOf, StoreMismatchError, storeDirectories } from "./store-fit.ts";
import { TableStore, type TableWorld } from "./table-store.ts";

/**
 * What a start does while the log is read: reads the manifest, opens the tables, indexes the records that no table
 * holds, and says whether all of it fits together. Changes nothing; whoever refuses leaves everything as it was.
 */
export class Recovery {
  memtables: MemtableStack;
  /** Undefined: the store has no tables, and never had. */
  tables: TableStore | undefined;
  readonly #world: TableWorld;
  readonly #directories: ReturnType<typeof storeDirectories>;
  readonly #directory: string;

  /** `hashSeed` is for a store that has no manifest yet. */
  constructor(world: TableWorld, directory: string, hashSeed: number) {
    this.#world = world;
    this.#directory = directory;
    this.#directories = storeDirectories(directory);
    this.memtables = new MemtableStack(hashSeed);
  }

  prepare(): SurveyVisitor {
    const { manifest, tables } = this.#directories;
    const found = readManifest(this.#world.fileSystem, manifest);
    if (found !== undefined) {
      this.tables = new TableStore(this.#world, tables, found.state);
      this.memtables = new MemtableStack(found.state.hashSeed);
    }
    return replayInto(this.memtables, found?.state.coveredSeq ?? 0);
  }

  approve(survey: LogSurvey): void {
    const misfit = misfitOf(this.tables?.state, survey);
    if (misfit !== undefined) throw new StoreMismatchError(this.#directory, misfit);
  }

  async close(): Promise<void> {
    await this.tables?.close();
  }
}

/** Indexes every record above `coveredSeq` where recovery read it; the bytes stay where they are. */
function replayInto(memtables: MemtableStack, coveredSeq: number): SurveyVisitor {
  const cursor = new RecordCursor();
  let begin: (() => void) | undefined;
  return {
    segment(header, bytes, isLast): void {
      begin = () => memtables.begin(header.number, bytes, header.firstSeq - 1);
      if (!isLast) return;
      begin();
      begin = undefined;
    },
    group(bytes, group, payloadStart, payloadEnd): void {
      // Segments are covered as a whole, so this one gets a memtable with its first group, or never.
      if (group.recordCount === 0 || group.firstSeq + group.recordCount - 1 <= coveredSeq) return;
      begin?.();
      begin = undefined;
      const memtable = memtables.newest;
      cursor.open(bytes, payloadStart, payloadEnd, group.firstSeq);
      while (cursor.next()) {
        const { type, keyStart, keyEnd, valueEnd, commitSeq } = cursor;
        if (type !== recordType.put && type !== recordType.delete) continue;
        const hash = memtables.hash(bytes, keyStart, keyEnd);
        if (type === recordType.delete) memtable.stageDelete(hash, keyStart, keyEnd - keyStart, commitSeq);
        else memtable.stagePut(hash, keyStart, keyEnd - keyStart, valueEnd - keyEnd, commitSeq);
      }
    },
  };
}
