import { join } from "node:path";
import { listManifests, manifestName } from "../manifest/directory.ts";
import type { ManifestState, TableEntry } from "../manifest/manifest-state.ts";
import { readManifest, type ManifestReading } from "../manifest/read-manifest.ts";
import { tableName, tableNumberOf } from "../table/table-format.ts";
import type { TableSummary } from "../table/table-summary.ts";
import { verifyTable } from "../table/verify-table.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { checkVersionOrder } from "./check-version-order.ts";
import { addCorruption, guarded, type StoreReport } from "./store-report.ts";

export interface TableDirectories {
  tables: string;
  manifest: string;
}

/**
 * Reads the manifest, every table that it lists, and what else lies beside them. Undefined: the manifest is damaged, so
 * nobody knows what there should be. A store that is too young to have one has no state either.
 */
export function checkTables(
  fileSystem: FileSystem,
  { tables, manifest }: TableDirectories,
  report: StoreReport,
): { state: ManifestState | undefined } | undefined {
  const found = guarded(report, manifest, () => readManifest(fileSystem, manifest));
  if (found !== undefined) reportManifest(found.value, report);
  guarded(report, manifest, () => checkManifestNames(fileSystem, manifest, found?.value, report));
  const state = found?.value?.state;
  if (state !== undefined) checkListed(fileSystem, tables, state, report);
  guarded(report, tables, () => checkUnlisted(fileSystem, tables, found && { state }, report));
  return found && { state };
}

function reportManifest(reading: ManifestReading | undefined, report: StoreReport): void {
  if (reading === undefined) return;
  const { file, bytes, state, torn, isSealed } = reading;
  report.bytes += bytes + (torn?.bytes ?? 0);
  report.coveredSeq = state.coveredSeq;
  if (torn !== undefined) {
    const { offset, problem } = torn;
    report.findings.push({ kind: "torn", file, offset, problem });
  } else if (!isSealed) {
    const text = "its last edit is whole, but a crash came before its seal; the next start writes it anew";
    report.notes.push({ file, text });
  }
}

function checkManifestNames(
  fileSystem: FileSystem,
  directory: string,
  reading: ManifestReading | undefined,
  report: StoreReport,
): void {
  if (!fileSystem.exists(directory)) return;
  const { numbers, unfinished, foreign } = listManifests(fileSystem, directory);
  const known = new Set(report.findings.map(({ file }) => file));
  for (const name of foreign) {
    const file = join(directory, name);
    if (!known.has(file)) addCorruption(report, file, 0, "no manifest has such a name; move it elsewhere");
  }
  const note = (name: string, text: string) => report.notes.push({ file: join(directory, name), text });
  for (const name of unfinished)
    note(name, "was being written when a process ended; the next start deletes it");
  for (const number of numbers.filter((each) => each < (reading?.number ?? 0))) {
    note(manifestName(number), "a later manifest took its place; the next start deletes it");
  }
}

function checkListed(
  fileSystem: FileSystem,
  directory: string,
  state: ManifestState,
  report: StoreReport,
): void {
  const { storeId, hashSeed } = state;
  const whole: TableEntry[] = [];
  for (const entry of state.tables) {
    const { number } = entry;
    const path = join(directory, tableName(number));
    const read = guarded(report, path, () => verifyTable(fileSystem, path, { storeId, hashSeed, number }));
    if (read === undefined) continue;
    const summary = read.value;
    report.bytes += summary.bytes;
    const difference = differenceOf(summary, entry);
    if (difference !== undefined) {
      addCorruption(report, path, 0, difference);
      continue;
    }
    report.tables++;
    report.entries += summary.entryCount;
    whole.push(entry);
  }
  checkVersionOrder(fileSystem, directory, { ...state, tables: whole }, report);
}

/** What a table says of itself must be what the manifest says of it. */
function differenceOf(summary: TableSummary, entry: TableEntry): string | undefined {
  for (const [field, value] of Object.entries(summary) as [keyof TableSummary, number | Uint8Array][]) {
    const said = entry[field];
    if (value instanceof Uint8Array) {
      if (Buffer.compare(value, said as Uint8Array) !== 0)
        return `its ${field} is not what the manifest says`;
    } else if (value !== said) return `it has ${field} ${value}, where the manifest says ${said}`;
  }
  return undefined;
}

/**
 * Files beside those that are listed: what a crash left of a flush or a merge is nobody's. But tables where there is no
 * manifest lost it, since it was there before the first of them; and if it is damaged, each of them may be listed.
 */
function checkUnlisted(
  fileSystem: FileSystem,
  directory: string,
  listed: { state: ManifestState | undefined } | undefined,
  report: StoreReport,
): void {
  if (!fileSystem.exists(directory)) return;
  const known = new Set(listed?.state?.tables.map(({ number }) => number));
  for (const name of fileSystem.list(directory).sort()) {
    if (name.startsWith(".")) continue;
    const file = join(directory, name);
    const number = tableNumberOf(name.replace(/\.tmp$/, ""));
    if (number === undefined) {
      addCorruption(report, file, 0, "no table has such a name; move it elsewhere");
    } else if (name.endsWith(".tmp")) {
      report.notes.push({ file, text: "was being written when a process ended; the next start deletes it" });
    } else if (listed === undefined) {
      const read = guarded(report, file, () => verifyTable(fileSystem, file));
      report.bytes += read?.value.bytes ?? 0;
    } else if (listed.state === undefined) {
      addCorruption(report, file, 0, "there is a table, but no manifest that could list it");
    } else if (!known.has(number)) {
      const text = "the manifest does not list it: a crash left it behind, and the next start deletes it";
      report.notes.push({ file, text });
    }
  }
}
