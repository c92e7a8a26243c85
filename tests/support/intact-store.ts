import { checkStore } from "../../src/offline/check-store.ts";
import type { StoreReport } from "../../src/offline/store-report.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import { realFileSystem } from "../../src/vfs/real.ts";

/** How the server ended that had the store last. */
export type ServerEnd = "killed" | "stopped";

/**
 * Reads every byte of a store that nobody has open, and throws if anything is not as it was written. A kill may leave
 * a torn tail, and files that belong to nothing; an end in order leaves neither. Returns whether there is a store: a
 * first boot may have been killed before there was.
 */
export function assertIntact(
  dataDirectory: string,
  end: ServerEnd,
  fileSystem: FileSystem = realFileSystem,
): boolean {
  const report = checkedStore(fileSystem, dataDirectory);
  if (report === undefined) return false;
  const isStopped = end === "stopped";
  const findings = report.findings.filter(({ kind }) => isStopped || kind === "corrupt");
  // Torn tails that starts have put aside are kept, for people to look at.
  const leftovers = report.notes.filter(({ file }) => isStopped && !file.endsWith(".torn"));
  if (findings.length === 0 && leftovers.length === 0) return true;
  const places = [
    ...findings.map(({ kind, file, offset, problem }) => `${kind}: ${file}:${offset}: ${problem}`),
    ...leftovers.map(({ file, text }) => `left: ${file}: ${text}`),
  ];
  throw new Error(`The check of a store whose server was ${end} found:\n${places.join("\n")}`);
}

function checkedStore(fileSystem: FileSystem, dataDirectory: string): StoreReport | undefined {
  try {
    return checkStore(fileSystem, dataDirectory);
  } catch (error) {
    if ((error as { code?: string }).code === "NO_STORE") return undefined;
    throw error;
  }
}
