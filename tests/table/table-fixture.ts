import { randomBytes, seededRandom } from "../../src/lib/random.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import type { TableIdentity } from "../../src/table/table-file.ts";
import { TableWriter } from "../../src/table/table-writer.ts";
import type { TableSummary } from "../../src/table/table-summary.ts";

/** What the tests' tables are made of, and how they come to be. */
export interface TestEntry {
  key: Buffer;
  version: number;
  /** Undefined: a tombstone. */
  value: Buffer | undefined;
}

export const storeId = randomBytes(seededRandom(3), 16);
export const hashSeed = 0xd00f_f00d;
export const tableNumber = 12;
export const tablePath = "/table";

export function entry(key: string | Buffer, version: number, value?: string | Buffer): TestEntry {
  return {
    key: Buffer.from(key as string),
    version,
    value: value === undefined ? undefined : Buffer.from(value as string),
  };
}

/** A writer for a new file of that disk; `changed` is what is not as it is in the other tables of the tests. */
export function writerOn(
  disk: MemoryFileSystem,
  versionMin = 0,
  changed: Partial<TableIdentity> = {},
): TableWriter {
  const identity = { storeId, number: tableNumber, hashSeed, ...changed };
  return new TableWriter({ file: disk.create(tablePath), versionMin, ...identity });
}

/** Adds the entry from the middle of buffers that are overwritten afterwards: what the writer keeps, it must copy. */
export function addEntry(writer: TableWriter, { key, version, value }: TestEntry): void {
  const around = Buffer.alloc(5, 0xee);
  const keyBytes = Buffer.concat([around, key, around]);
  const valueBytes = Buffer.concat([around, value ?? Buffer.alloc(0), around]);
  const valueEnd = valueBytes.length - 5;
  writer.add(keyBytes, 5, 5 + key.length, version, value === undefined, valueBytes, 5, valueEnd);
  keyBytes.fill(0xdd);
  valueBytes.fill(0xdd);
}

export interface WrittenTable {
  bytes: Buffer;
  summary: TableSummary;
}

/** A table of these entries, written out whenever `pendingBytesMax` are pending. */
export async function writeTable(
  entries: TestEntry[],
  {
    versionMin = 0,
    pendingBytesMax = Infinity,
    ...changed
  }: Partial<TableIdentity> & { versionMin?: number; pendingBytesMax?: number } = {},
): Promise<WrittenTable> {
  const disk = new MemoryFileSystem();
  const writer = writerOn(disk, versionMin, changed);
  for (const entry of entries) {
    addEntry(writer, entry);
    if (writer.pendingBytes >= pendingBytesMax) await writer.writeOut();
  }
  const summary = await writer.finish();
  return { bytes: readFile(disk, tablePath), summary };
}
