import { basename, dirname, join } from "node:path";
import type { ManifestState } from "../../src/manifest/manifest-state.ts";
import { walkManifest } from "../../src/manifest/walk-manifest.ts";
import { tableName, tableNumberOf } from "../../src/table/table-format.ts";

/** Of a file, what a power cut would leave of it. */
export interface DurableFile {
  /** Its content as far as it is durable. */
  readonly durableContent: Buffer;
  /** Whether that is all of it. */
  readonly isDurable: boolean;
  /** The last record in it, if it is a segment; 0: there is none. */
  readonly lastSeq: number;
}

export interface DurableFiles {
  /** Undefined: there is no such file. */
  file(path: string): DurableFile | undefined;
  /** Those whose names a power cut would leave. */
  durablePaths(directory: string): string[];
}

/**
 * Why a file may not be deleted, if it may not. A segment of the log may go once the manifest says that tables hold all
 * its records, and a table once the manifest does not list it any more: that manifest which would be left by a power
 * cut, and with each table that it lists.
 */
export function whyKept(files: DurableFiles, path: string): string | undefined {
  const store = dirname(dirname(path));
  const state = durableState(files, join(store, "manifest"));
  if (path.endsWith(".table")) {
    const isListed = state?.tables.some(({ number }) => number === tableNumberOf(basename(path)));
    return isListed ? "the manifest still lists it" : undefined;
  }
  const { lastSeq = 0 } = files.file(path) ?? {};
  if (!path.endsWith(".wal") || lastSeq === 0) return undefined;
  const { coveredSeq = 0, tables = [] } = state ?? {};
  if (lastSeq > coveredSeq)
    return `it ends at seq ${lastSeq}, and tables hold everything up to ${coveredSeq} only`;
  const paths = files.durablePaths(join(store, "tables"));
  const volatile = tables.find(({ number }) => {
    const table = join(store, "tables", tableName(number));
    return !paths.includes(table) || !files.file(table)!.isDurable;
  });
  return volatile && `table ${volatile.number}, which holds what it held, is not durable`;
}

/** What a start after a power cut would read. */
function durableState(files: DurableFiles, directory: string): ManifestState | undefined {
  const names = files.durablePaths(directory).filter((path) => path.endsWith(".manifest"));
  const newest = names.sort().at(-1);
  if (newest === undefined) return undefined;
  const content = files.file(newest)!.durableContent;
  return walkManifest(newest, Number.parseInt(basename(newest), 10), content).state.freeze();
}
