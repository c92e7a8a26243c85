import { dirname } from "node:path";
import { readFile, writeFully, type FileSystem } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { segmentName } from "../../src/wal/directory.ts";
import { decodeSegmentHeader } from "../../src/wal/segment-header.ts";
import { walkSegment } from "../../src/wal/segment-walk.ts";
import { logDirectory } from "./log-fixture.ts";

/** The files of a log's directory by name, but for the lock's, which only names a process. */
export type Files = Map<string, Buffer>;

export function filesOf(fileSystem: FileSystem, directory = logDirectory): Files {
  const names = fileSystem
    .list(directory)
    .filter((name) => name !== "LOCK")
    .sort();
  return new Map(names.map((name) => [name, readFile(fileSystem, `${directory}/${name}`)]));
}

/** A disk that holds these files, durably. */
export async function diskWith(files: Files): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  disk.makeDirectory(dirname(logDirectory));
  disk.makeDirectory(logDirectory);
  for (const [name, bytes] of files) {
    const file = disk.create(`${logDirectory}/${name}`);
    writeFully(file, bytes, 0);
    await file.sync();
    file.close();
  }
  await disk.syncDirectory(logDirectory);
  await disk.syncDirectory(dirname(logDirectory));
  await disk.syncDirectory("/");
  return disk;
}

/** The same files, one of them changed; `undefined` removes it. */
export function withFile(files: Files, name: string, bytes: Uint8Array | undefined): Files {
  const changed = new Map(files);
  if (bytes === undefined) changed.delete(name);
  else changed.set(name, Buffer.from(bytes));
  return changed;
}

export const segmentsOf = (files: Files) => [...files.keys()].filter((name) => name.endsWith(".wal"));
export const firstSegment = segmentName(1);

/** A copy with one byte changed. */
export function withByte(bytes: Uint8Array, offset: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[offset] = value;
  return changed;
}

export function withBitFlipped(bytes: Uint8Array, offset: number, bit: number): Buffer {
  return withByte(bytes, offset, bytes[offset]! ^ (1 << bit));
}

/** Where each group of a segment begins, in order. */
export function groupOffsets(segment: Buffer): number[] {
  const decoded = decodeSegmentHeader(segment);
  if ("problem" in decoded) throw new Error(decoded.problem);
  const offsets: number[] = [];
  walkSegment(segment, decoded.header, decoded.checksum, (group) => offsets.push(group.offset));
  return offsets;
}
