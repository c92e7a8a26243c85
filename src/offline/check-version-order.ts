import { join } from "node:path";
import { overlapping } from "../compaction/levels.ts";
import type { ManifestState, TableEntry } from "../manifest/manifest-state.ts";
import { compareKeys } from "../memtable/compare-keys.ts";
import { dumpTable } from "../table/dump-table.ts";
import { tableName } from "../table/table-format.ts";
import { TableStream } from "../table/table-stream.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { addCorruption, guarded, type StoreReport } from "./store-report.ts";

/**
 * Readers take the first entry of a key that they come to, from the newest table of level 0 down to the deepest level.
 * So what lies deeper must be older: else a value that was overwritten, or deleted, would come back. No checksum of one
 * table can say that; this reads all of them side by side, in the order of their keys.
 *
 * Only tables of which the order is not plain from what the manifest says of keys and versions are read. Each run has
 * one table open at a time, so the memory is bounded by the number of runs.
 */
export function checkVersionOrder(
  fileSystem: FileSystem,
  directory: string,
  state: ManifestState,
  report: StoreReport,
): void {
  const runs = doubtfulRuns(runsOf(state.tables)).map(
    (tables) => new RunWalk(fileSystem, directory, state, tables),
  );
  const reported = new Set<number>();
  try {
    guarded(report, directory, () => {
      for (const run of runs) run.next();
      walk(runs, ({ above, below, key, version, versionAbove }) => {
        if (reported.has(below.number)) return;
        reported.add(below.number);
        const file = join(directory, tableName(below.number));
        const offset = placeOf(fileSystem, file, key, version);
        const problem =
          `it has version ${version} of the key ${key.toString("hex")} (in hexadecimal), but table ${above.number} of ` +
          `level ${above.level}, where readers look first, has version ${versionAbove}`;
        addCorruption(report, file, offset, problem);
      });
    });
  } finally {
    for (const run of runs) run.close();
  }
}

/** Newest first: each table of level 0 by itself, and each other level as a whole, in which no two tables overlap. */
function runsOf(tables: readonly TableEntry[]): TableEntry[][] {
  const runs: TableEntry[][] = [];
  for (const table of tables) {
    const run = runs.at(-1);
    if (run === undefined || table.level === 0 || run[0]!.level !== table.level) runs.push([table]);
    else run.push(table);
  }
  return runs;
}

/** Of each run what could hold a newer version than a run before it, or an older one than a run behind it. */
function doubtfulRuns(runs: readonly (readonly TableEntry[])[]): TableEntry[][] {
  const doubtful = new Set<TableEntry>();
  for (const [index, run] of runs.entries()) {
    for (const above of run) {
      for (const deeper of runs.slice(index + 1)) {
        for (const below of overlapping(deeper, above)) {
          if (below.versionMax >= above.versionMin) doubtful.add(above).add(below);
        }
      }
    }
  }
  return runs.map((run) => run.filter((table) => doubtful.has(table))).filter((run) => run.length > 0);
}

interface Misorder {
  above: TableEntry;
  below: TableEntry;
  key: Buffer;
  version: number;
  versionAbove: number;
}

/** Runs stand at their first entries. Within a table the order was verified when it was read. */
function walk(runs: readonly RunWalk[], found: (misorder: Misorder) => void): void {
  let above: TableEntry | undefined;
  let key = Buffer.alloc(0);
  let keyBytes = 0;
  let versionAbove = 0;
  for (;;) {
    const run = leastOf(runs);
    if (run === undefined) return;
    const { stream, table: below } = run;
    const { keyBytes: bytes, keyStart, keyEnd, version } = stream!;
    if (above === undefined || compareKeys(key, 0, keyBytes, bytes, keyStart, keyEnd) !== 0) {
      keyBytes = keyEnd - keyStart;
      if (keyBytes > key.length) key = Buffer.allocUnsafe(2 * keyBytes);
      bytes.copy(key, 0, keyStart, keyEnd);
    } else if (version >= versionAbove && below !== above) {
      found({ above, below: below!, key: Buffer.from(key.subarray(0, keyBytes)), version, versionAbove });
    }
    above = below;
    versionAbove = version;
    run.next();
  }
}

/** The run at the least key; among those at the same the newest. There are few runs, so a heap would not pay. */
function leastOf(runs: readonly RunWalk[]): RunWalk | undefined {
  let least: RunWalk | undefined;
  for (const run of runs) {
    if (run.stream === undefined) continue;
    if (least === undefined || isBefore(run.stream, least.stream!)) least = run;
  }
  return least;
}

function isBefore(one: TableStream, other: TableStream): boolean {
  return (
    compareKeys(one.keyBytes, one.keyStart, one.keyEnd, other.keyBytes, other.keyStart, other.keyEnd) < 0
  );
}

/** Tables that follow each other, read as one. */
class RunWalk {
  /** At the entry where the run stands; undefined behind its end. */
  stream: TableStream | undefined;
  table: TableEntry | undefined;
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #store: Pick<ManifestState, "storeId" | "hashSeed">;
  readonly #tables: readonly TableEntry[];
  #opened = 0;

  constructor(
    fileSystem: FileSystem,
    directory: string,
    store: Pick<ManifestState, "storeId" | "hashSeed">,
    tables: readonly TableEntry[],
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#store = store;
    this.#tables = tables;
  }

  next(): void {
    if (this.stream?.next() === true) return;
    this.close();
    while (this.#opened < this.#tables.length) {
      this.table = this.#tables[this.#opened++]!;
      const { number } = this.table;
      const { storeId, hashSeed } = this.#store;
      const path = join(this.#directory, tableName(number));
      this.stream = new TableStream(this.#fileSystem, path, { storeId, hashSeed, number });
      if (this.stream.next()) return;
      this.close();
    }
  }

  close(): void {
    this.stream?.close();
    this.stream = undefined;
  }
}

/** Where in its file the entry's value lies. */
function placeOf(fileSystem: FileSystem, path: string, key: Buffer, version: number): number {
  for (const item of dumpTable(fileSystem, path)) {
    if (item.kind === "entry" && item.version === version && key.equals(item.key)) return item.valueOffset;
  }
  return 0;
}
