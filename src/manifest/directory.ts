import type { FileSystem } from "../vfs/file-system.ts";

/** "000000000003.manifest": names sort as their numbers do. */
export function manifestName(number: number): string {
  return `${String(number).padStart(12, "0")}.manifest`;
}

export interface ManifestListing {
  /** Numbers of the manifests, ascending. The last one counts; a crash may leave the one before it. */
  numbers: number[];
  /** Files that were being written when a process ended; nothing refers to them. */
  unfinished: string[];
  /** Names that no manifest has. */
  foreign: string[];
}

/** Sorts the names of a directory. Names that begin with a dot belong to somebody else and are passed over. */
export function listManifests(fileSystem: FileSystem, directory: string): ManifestListing {
  const listing: ManifestListing = { numbers: [], unfinished: [], foreign: [] };
  for (const name of fileSystem.list(directory).sort()) {
    if (name.startsWith(".")) continue;
    if (/^\d{12}\.manifest$/.test(name)) listing.numbers.push(Number(name.slice(0, 12)));
    else if (/^\d{12}\.manifest\.tmp$/.test(name)) listing.unfinished.push(name);
    else listing.foreign.push(name);
  }
  return listing;
}
