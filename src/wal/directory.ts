import { dirname, join } from "node:path";
import { writeFully, type File, type FileSystem } from "../vfs/file-system.ts";

/** The names in a log's directory, and how files come to bear them. */
export const lockName = "LOCK";

/** "000000000042.wal": names sort as their numbers do. */
export function segmentName(number: number): string {
  return `${String(number).padStart(12, "0")}.wal`;
}

export interface DirectoryListing {
  /** Segment numbers, ascending. */
  segments: number[];
  /** Files that were being written when a process ended; nothing refers to them. */
  unfinished: string[];
  /** Tails that crashes left and repairs cut, in the order of their names. */
  torn: string[];
  /** Names that no log writes. */
  foreign: string[];
}

/** Sorts the names of a directory. Names that begin with a dot belong to somebody else and are passed over. */
export function listDirectory(fileSystem: FileSystem, directory: string): DirectoryListing {
  const listing: DirectoryListing = { segments: [], unfinished: [], torn: [], foreign: [] };
  for (const name of fileSystem.list(directory).sort()) {
    if (name === lockName || name.startsWith(".")) continue;
    if (/^\d{12}\.wal$/.test(name)) listing.segments.push(Number(name.slice(0, 12)));
    else if (name.endsWith(".tmp")) listing.unfinished.push(name);
    else if (/^\d{12}-\d+(-\d+)?\.torn$/.test(name)) listing.torn.push(name);
    else listing.foreign.push(name);
  }
  return listing;
}

/**
 * Brings a file into the world whole or not at all: written under a temporary name, synced, renamed, and the
 * directory synced. Only then may anything refer to it (reliability rule: a file whose directory entry was never
 * synced is gone after a power cut, however well its content was synced). Returns the file, still open.
 */
export async function publishFile(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  content: Uint8Array,
): Promise<File> {
  const path = join(directory, name);
  const file = fileSystem.create(`${path}.tmp`);
  try {
    writeFully(file, content, 0);
    await file.sync();
    fileSystem.rename(`${path}.tmp`, path);
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

/**
 * Creates a directory and those above it that are missing, each durable before the next: a store in a directory
 * that the parent forgot is a lost store.
 */
export async function makeDurableDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  if (fileSystem.exists(directory)) return;
  const parent = dirname(directory);
  if (parent !== directory) await makeDurableDirectory(fileSystem, parent);
  fileSystem.makeDirectory(directory);
  await fileSystem.syncDirectory(parent);
}
