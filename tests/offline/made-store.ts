import { createManifest } from "../../src/manifest/manifest.ts";
import type { ManifestState, TableEntry } from "../../src/manifest/manifest-state.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { tableName } from "../../src/table/table-format.ts";
import { TableWriter } from "../../src/table/table-writer.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { EngineDriver } from "../engine/engine-driver.ts";
import { addEntry, entry } from "../table/table-fixture.ts";
import { dataDirectory, smallSizes } from "./rich-store.ts";

export interface MadeTable {
  readonly level: number;
  /** In their order: "key@version" for a put, "-key@version" for a delete. */
  readonly entries: string;
}

/**
 * A store with the tables that a test wants, whatever an engine would have made of it: each of them, the log and the
 * manifest are whole, and fit together.
 */
export async function storeWithTables(tables: readonly MadeTable[]): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  const driver = await EngineDriver.open(disk, smallSizes);
  for (let count = 0; count < 20; count++) driver.put(`k${count}`, "v");
  await driver.checkpoint();
  await driver.engine.close();

  const { state } = readManifest(disk, `${dataDirectory}/manifest`)!;
  for (const table of state.tables) disk.unlink(`${dataDirectory}/tables/${tableName(table.number)}`);
  const made: TableEntry[] = [];
  for (const table of tables) made.push(await writeTable(disk, state, 100 + made.length, table));
  await replaceManifest(disk, { tables: made, nextTableNumber: 1000 });
  return disk;
}

/** Has the manifest say something else. */
export async function replaceManifest(disk: MemoryFileSystem, change: Partial<ManifestState>): Promise<void> {
  const { state, file } = readManifest(disk, `${dataDirectory}/manifest`)!;
  disk.unlink(file);
  const manifest = await createManifest(disk, `${dataDirectory}/manifest`, { ...state, ...change });
  await manifest.close();
}

export async function writeTable(
  disk: MemoryFileSystem,
  { storeId, hashSeed }: { storeId: Uint8Array; hashSeed: number },
  number: number,
  { level, entries }: MadeTable,
): Promise<TableEntry> {
  const parsed = entries.split(" ").map((word) => {
    const [, minus, key, version] = /^(-?)(.*)@(\d+)$/.exec(word)!;
    return entry(key!, Number(version), minus === "-" ? undefined : "value");
  });
  const file = disk.create(`${dataDirectory}/tables/${tableName(number)}`);
  const versionMin = Math.min(...parsed.map(({ version }) => version));
  const writer = new TableWriter({ file, storeId, number, hashSeed, versionMin });
  for (const each of parsed) addEntry(writer, each);
  const summary = await writer.finish();
  file.close();
  return { ...summary, level };
}
