import { join } from "node:path";
import { openEngine } from "../../../src/engine/open.ts";
import { Recovery } from "../../../src/engine/recovery.ts";
import { TableStore } from "../../../src/engine/table-store.ts";
import { MemtableStack } from "../../../src/engine/memtable-stack.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { checkStore } from "../../../src/offline/check-store.ts";
import type { StoreReport } from "../../../src/offline/store-report.ts";
import { tableName } from "../../../src/table/table-format.ts";
import { verifyTable } from "../../../src/table/verify-table.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { surveyLog } from "../../../src/wal/survey.ts";
import { dataDirectory, smallSizes } from "../../offline/rich-store.ts";
import { within } from "../fault-sweep/life.ts";
import { type Content, type Contents, differenceTo, engineDifferenceTo } from "./content.ts";
import { directories, type Subject } from "./subject.ts";

/** What somebody who read a damaged store came to: it threw, or read everything. */
export type Reading =
  | { readonly error: unknown }
  | {
      /** The last record that was recovered. */
      readonly lastSeq: number;
      /** What is not as it was at that seq. */
      readonly difference: string | undefined;
    };

const cacheBytesMax = 64 * 1024;

/** What a start reads and decides, and all entries, by the code that answers requests. Changes nothing. */
export async function readByRecovery(disk: MemoryFileSystem, contents: Contents): Promise<Reading> {
  const recovery = new Recovery({ fileSystem: disk, clock: systemClock, cacheBytesMax }, dataDirectory, 1);
  try {
    const survey = surveyLog(disk, directories.wal, { visitor: recovery.prepare() });
    if (survey.verdict.kind === "corrupt") throw survey.verdict.error;
    recovery.approve(survey);
    const { lastSeq } = survey;
    if (recovery.tables === undefined) return { lastSeq, difference: "there are no tables" };
    const { set } = recovery.tables;
    return { lastSeq, difference: differenceTo(contents.through(lastSeq), recovery.memtables, set) };
  } catch (error) {
    return { error };
  } finally {
    await recovery.close();
  }
}

/** Starts for good on a copy of the disk, reads everything, and ends in order. */
export async function readByEngine(
  disk: MemoryFileSystem,
  contents: Contents,
  lastSeq: number,
): Promise<Reading> {
  const copy = disk.clone();
  try {
    const opening = openEngine({ ...smallSizes, syncMode: "always", fileSystem: copy, cacheBytesMax });
    const engine = await within(opening, "a start", () => false);
    try {
      const content = contents.through(lastSeq);
      const difference = engineDifferenceTo(content, (range, replies) => engine.scan(1, range, 0, replies));
      return { lastSeq, difference };
    } finally {
      await engine.close().catch(() => {});
    }
  } catch (error) {
    return { error };
  }
}

/** What `check` says; an exception, where it could not even do that. */
export function readByCheck(disk: MemoryFileSystem): StoreReport | { readonly error: unknown } {
  try {
    return checkStore(disk, dataDirectory);
  } catch (error) {
    return { error };
  }
}

/**
 * The parts of the above that damage to one table can change: its opening, its reading, and its check. All else is as
 * in the sound store, for nothing else reads that file.
 */
export class OneTable {
  readonly #disk: MemoryFileSystem;
  readonly #subject: Subject;
  readonly #contents = new Map<number, Content>();

  constructor(disk: MemoryFileSystem, subject: Subject) {
    this.#disk = disk;
    this.#subject = subject;
  }

  numberOf(path: string): number | undefined {
    return this.#subject.state.tables.find(({ number }) => pathOf(number) === path)?.number;
  }

  /** `soundContent`: what the table holds by itself, when nothing is damaged. */
  async read(number: number, soundContent: (number: number) => Content): Promise<Reading> {
    const { state, lastSeq } = this.#subject;
    let store: TableStore | undefined;
    try {
      const tables = state.tables.filter((entry) => entry.number === number);
      const world = { fileSystem: this.#disk, clock: systemClock, cacheBytesMax };
      store = new TableStore(world, directories.tables, { ...state, tables });
      const content = this.#contents.get(number) ?? soundContent(number);
      this.#contents.set(number, content);
      return { lastSeq, difference: differenceTo(content, new MemtableStack(state.hashSeed), store.set) };
    } catch (error) {
      return { error };
    } finally {
      await store?.close();
    }
  }

  /** What `check` does with a table that the manifest lists; undefined if it finds nothing. */
  check(number: number): unknown {
    const { storeId, hashSeed, tables } = this.#subject.state;
    try {
      const summary = verifyTable(this.#disk, pathOf(number), { storeId, hashSeed, number });
      const entry = tables.find((each) => each.number === number)!;
      return summary.fileChecksum === entry.fileChecksum ? undefined : new Error("it is another table");
    } catch (error) {
      return error;
    }
  }
}

const pathOf = (number: number): string => join(directories.tables, tableName(number));
