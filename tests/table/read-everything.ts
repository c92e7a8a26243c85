import { BlockCache } from "../../src/table/block-cache.ts";
import { dumpTable } from "../../src/table/dump-table.ts";
import { TableCorruptionError } from "../../src/table/errors.ts";
import { TableStream } from "../../src/table/table-stream.ts";
import { verifyTable } from "../../src/table/verify-table.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import { backward, forward, get, identity, lines, openReader, readAll, scan } from "./reading-fixture.ts";
import { tablePath, type TestEntry } from "./table-fixture.ts";

/** Every way to read a table: each opens it, reads all of it, and says as text what it has seen. */
export const ways: Record<string, (disk: FileSystem, entries: readonly TestEntry[]) => string> = {
  verify: (disk) => JSON.stringify(verifyTable(disk, tablePath, identity)),

  stream: (disk) => {
    const stream = new TableStream(disk, tablePath, identity);
    try {
      return lines(readAll(stream)).join("\n");
    } finally {
      stream.close();
    }
  },

  dump: (disk) => {
    let text = "";
    for (const item of dumpTable(disk, tablePath)) text += JSON.stringify(item);
    return text;
  },

  find: (disk, entries) =>
    withReader(disk, (reader) =>
      lines(entries.map(({ key, version }) => get(reader, key, version))).join("\n"),
    ),

  forward: (disk) => withReader(disk, (reader) => lines(scan(reader.cursor(), forward)).join("\n")),

  backward: (disk) => withReader(disk, (reader) => lines(scan(reader.cursor(), backward)).join("\n")),

  seek: (disk, entries) =>
    withReader(disk, (reader) => {
      const cursor = reader.cursor();
      const seen = entries.flatMap(({ key, version }, index) => {
        const seek = { from: key, reverse: index % 2 === 0, inclusive: index % 3 > 0, versionMax: version };
        return scan(cursor, seek, 2);
      });
      return lines(seen).join("\n");
    }),
};

function withReader<T>(disk: FileSystem, read: (reader: ReturnType<typeof openReader>) => T): T {
  const reader = openReader(disk, new BlockCache(8 * 4096));
  try {
    return read(reader);
  } finally {
    reader.close();
  }
}

/** What one way sees of a table, or how it refuses it. Any other error is a bug, and goes on its way. */
export function readBy(
  way: string,
  disk: FileSystem,
  entries: readonly TestEntry[],
): string | TableCorruptionError {
  try {
    return ways[way]!(disk, entries);
  } catch (error) {
    if (error instanceof TableCorruptionError) return error;
    throw error;
  }
}
