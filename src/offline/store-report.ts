import { HoldfastError } from "../lib/errors.ts";

/** What was found in a store: how much there is of it, and all that is not as it was written. */
export interface StoreReport {
  directory: string;
  findings: Finding[];
  notes: Note[];
  segments: number;
  /** Those that are listed and whole. */
  tables: number;
  /** In those tables: tombstones and older versions count as well. */
  entries: number;
  /** Of all files that were read. */
  bytes: number;
  /** Everything up to it is in tables. */
  coveredSeq: number;
  /** The last record of the log that can be read. */
  lastSeq: number;
}

/** Something that is not as it was written, and where. */
export interface Finding {
  /** torn: what a crash may leave at the end of a file, which the next start mends. corrupt: anything else. */
  kind: "torn" | "corrupt";
  file: string;
  offset: number;
  problem: string;
}

/** A file that a crash or a repair left, of which nothing depends. */
export interface Note {
  file: string;
  text: string;
}

export function emptyReport(directory: string): StoreReport {
  const counts = { segments: 0, tables: 0, entries: 0, bytes: 0, coveredSeq: 0, lastSeq: 0 };
  return { directory, findings: [], notes: [], ...counts };
}

export function addCorruption(report: StoreReport, file: string, offset: number, problem: string): void {
  report.findings.push({ kind: "corrupt", file, offset, problem });
}

/**
 * What `read` returns; damage that it throws becomes a finding, so that it does not keep the rest from being looked
 * at. What the system can't read is damage as well: nobody can vouch for it. Bugs are thrown on.
 */
export function guarded<T>(report: StoreReport, file: string, read: () => T): { value: T } | undefined {
  try {
    return { value: read() };
  } catch (error) {
    if (isCorruption(error)) addCorruption(report, error.file, error.offset, error.problem);
    else if (isSystemError(error)) addCorruption(report, file, 0, `it can't be read: ${error.message}`);
    else throw error;
    return undefined;
  }
}

/** The log's, the manifest's and the tables' own errors all say the same three things. */
interface Corruption extends HoldfastError {
  file: string;
  offset: number;
  problem: string;
}

export function isCorruption(error: unknown): error is Corruption {
  return error instanceof HoldfastError && "file" in error && "offset" in error && "problem" in error;
}

export function isSystemError(error: unknown): error is Error & { code: string; syscall: string } {
  return error instanceof Error && "code" in error && "syscall" in error;
}
