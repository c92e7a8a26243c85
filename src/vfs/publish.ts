import { dirname, join } from "node:path";
import { writeFully, type File, type FileSystem } from "./file-system.ts";

/** How files and directories come into the world so that no crash takes them back. */

/**
 * Brings a file into the world, or in the place of another, whole or not at all: written under a temporary name,
 * synced, renamed, and the directory synced. Only then may anything refer to it: a file whose directory entry was
 * never synced is gone after a power cut, however well its content was synced. Returns the file, open for writing.
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
  } finally {
    file.close();
  }
  fileSystem.rename(`${path}.tmp`, path);
  await fileSystem.syncDirectory(directory);
  return fileSystem.open(path);
}

/** Creates a directory and those above it that are missing. They are durable only after syncAncestors. */
export function makeDirectories(fileSystem: FileSystem, directory: string): void {
  if (fileSystem.exists(directory)) return;
  const parent = dirname(directory);
  if (parent !== directory) makeDirectories(fileSystem, parent);
  fileSystem.makeDirectory(directory);
}

/**
 * Makes the name of a directory durable, and the names of all above it: a store in a directory that the parent
 * forgot is a lost store. All of them, not only those that this process made: an earlier one may have been killed
 * between making and syncing, and what it left looks like any other directory.
 */
export async function syncAncestors(fileSystem: FileSystem, directory: string): Promise<void> {
  let path = fileSystem.realPath(directory);
  for (let parent = dirname(path); parent !== path; path = parent, parent = dirname(path)) {
    try {
      await fileSystem.syncDirectory(parent);
    } catch (error) {
      if (!mayNotSync.has((error as { code?: unknown }).code)) throw error;
    }
  }
}

/** What a directory answers that belongs to somebody else, or to a file system that never forgets a name. */
const mayNotSync = new Set<unknown>(["EACCES", "EPERM", "EROFS", "EINVAL"]);
