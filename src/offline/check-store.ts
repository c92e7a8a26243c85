import { join } from "node:path";
import { misfitOf, storeDirectories } from "../engine/store-fit.ts";
import { HoldfastError } from "../lib/errors.ts";
import type { ManifestState } from "../manifest/manifest-state.ts";
import { LockHeldError, readFile, type FileSystem, type Lock } from "../vfs/file-system.ts";
import { decodeHolder } from "../vfs/lock-holder.ts";
import { lockName } from "../wal/directory.ts";
import type { LogSurvey } from "../wal/survey.ts";
import { checkLog } from "./check-log.ts";
import { checkTables } from "./check-tables.ts";
import { addCorruption, emptyReport, guarded, isSystemError, type StoreReport } from "./store-report.ts";

/**
 * Reads every byte of a store that nobody has open and says whether all is as it was written: every checksum, the order
 * of keys and versions, and everything that one file says of another. Changes nothing. All that is wrong is found, and
 * not only the first of it, as far as the damage lets anything behind it be read.
 *
 * The store is locked meanwhile, unless it never had a lock, as a backup: what a server is writing looks like damage.
 */
export function checkStore(fileSystem: FileSystem, directory: string): StoreReport {
  if (!isStore(fileSystem, directory)) {
    throw new HoldfastError(
      "NO_STORE",
      `Cannot check ${directory}: there is no store in it; name the data directory of a server, or a backup`,
    );
  }
  const path = join(storeDirectories(directory).wal, lockName);
  const lock = isThere(fileSystem, path) ? lockForCheck(fileSystem, directory, path) : undefined;
  try {
    const report = readStore(fileSystem, directory);
    const isUndisturbed = lock === undefined ? !isThere(fileSystem, path) : lock.isInPlace();
    if (isUndisturbed) return report;
    throw new HoldfastError(
      "LOCKED",
      `Cannot check ${directory}: a server began to use it meanwhile; stop it first`,
    );
  } finally {
    lock?.release();
  }
}

/** The same of a store that is the caller's own for the time being. */
export function readStore(fileSystem: FileSystem, directory: string): StoreReport {
  const { wal, tables, manifest } = storeDirectories(directory);
  const report = emptyReport(directory);
  const log = checkLog(fileSystem, wal, report);
  checkHolder(fileSystem, join(wal, lockName), report);
  const listed = checkTables(fileSystem, { tables, manifest }, report);
  // Of a log or a manifest that can't be read whole, nothing follows.
  if (log !== undefined && listed !== undefined) {
    const misfit = misfitOf(listed.state, log) ?? splitSegment(listed.state, log);
    if (misfit !== undefined) addCorruption(report, directory, 0, misfit);
  }
  noteStrangers(fileSystem, directory, report);
  return report;
}

/** Whether there is anything that a server has made. */
export function isStore(fileSystem: FileSystem, directory: string): boolean {
  return Object.values(storeDirectories(directory)).some((part) => isThere(fileSystem, part));
}

/** What lies behind a file, as if that were a directory, is not there either. */
function isThere(fileSystem: FileSystem, path: string): boolean {
  try {
    return fileSystem.exists(path);
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOTDIR") return false;
    throw error;
  }
}

function lockForCheck(fileSystem: FileSystem, directory: string, path: string): Lock {
  try {
    return fileSystem.lockToRead(path);
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    const holder = error.pid === undefined ? "a process" : `process ${error.pid}`;
    throw new HoldfastError(
      "LOCKED",
      `Cannot check ${directory}: ${holder} has it open; stop that first, or make a backup, which is checked as well`,
      { cause: error },
    );
  }
}

/** Nothing depends on who held the lock last, and nobody syncs it: the next start writes it anew, whatever it says. */
function checkHolder(fileSystem: FileSystem, file: string, report: StoreReport): void {
  guarded(report, file, () => {
    if (!fileSystem.exists(file)) return;
    const bytes = readFile(fileSystem, file);
    report.bytes += bytes.length;
    // An owner that was killed before it could write its name leaves it empty.
    if (bytes.length === 0 || decodeHolder(bytes) !== undefined) return;
    const problem = "it does not name the last owner of the store, or the checksum does not match";
    report.findings.push({ kind: "torn", file, offset: 0, problem });
  });
}

/** A segment goes into tables as a whole, so that what is covered ends where a segment ends. */
function splitSegment(state: ManifestState | undefined, { segments }: LogSurvey): string | undefined {
  if (state === undefined || segments.some(({ header }) => header.firstSeq === state.coveredSeq + 1))
    return undefined;
  return `its tables end at seq ${state.coveredSeq}, and no segment of its log begins behind that`;
}

function noteStrangers(fileSystem: FileSystem, directory: string, report: StoreReport): void {
  const own = Object.values(storeDirectories(directory));
  for (const name of fileSystem.list(directory).sort()) {
    const file = join(directory, name);
    if (own.includes(file) || name.startsWith(".")) continue;
    report.notes.push({ file, text: "no store writes this; it is passed over" });
  }
}
