import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readFile } from "../../../src/vfs/file-system.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";

/** Writes all that a disk shows into an empty directory. */
export function writeOut(disk: MemoryFileSystem, directory: string): void {
  for (const [path, size] of Object.entries(disk.listAll())) {
    const target = join(directory, path);
    if (size === "directory") mkdirSync(target, { mode: 0o700 });
    else writeFileSync(target, readFile(disk, path), { mode: 0o600 });
  }
}

/** In what a disk shows something else than a directory holds: a line for each path. */
export function differencesFrom(directory: string, disk: MemoryFileSystem): string[] {
  const replayed = new Map(Object.entries(disk.listAll()));
  const differences: string[] = [];
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const real = join(entry.parentPath, entry.name);
    const path = real.slice(directory.length);
    const size = replayed.get(path);
    replayed.delete(path);
    if (size === undefined) differences.push(`${path} is there, and not in the replay`);
    else if (entry.isDirectory() !== (size === "directory")) differences.push(`${path} is of another kind`);
    else if (entry.isFile() && !readFileSync(real).equals(readFile(disk, path))) {
      differences.push(`${path} holds other bytes than in the replay`);
    }
  }
  return [...differences, ...[...replayed.keys()].map((path) => `${path} is in the replay alone`)];
}
