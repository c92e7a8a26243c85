import type { FileSystem } from "../vfs/file-system.ts";
import { BlockStream } from "./block-stream.ts";
import type { TableFooter } from "./table-footer.ts";

/** One line of a dump. Bytes are copies: they stay what they are while the dump goes on. */
export type TableDumpItem = TableItem | BlockItem | EntryItem;

export interface TableItem extends TableFooter {
  kind: "table";
  path: string;
  bytes: number;
  firstKey: Uint8Array;
  lastKey: Uint8Array;
}

export interface BlockItem {
  kind: "block";
  block: number;
  offset: number;
  bytes: number;
  entryCount: number;
  separator: Uint8Array;
}

export interface EntryItem {
  kind: "entry";
  block: number;
  key: Uint8Array;
  version: number;
  isTombstone: boolean;
  value: Uint8Array;
  /** Where the value lies in the file. */
  valueOffset: number;
}

/**
 * Shows a table: first what its footer says, then each block, followed by its entries. Everything is verified on the
 * way; at damage it throws a TableCorruptionError, behind all that comes before.
 */
export function* dumpTable(fileSystem: FileSystem, path: string): Generator<TableDumpItem, void, void> {
  const blocks = new BlockStream(fileSystem, path);
  try {
    const { footer, index, summary } = blocks.file;
    const { bytes, firstKey, lastKey } = summary;
    yield { kind: "table", path, bytes, firstKey, lastKey, ...footer };
    while (blocks.next()) {
      const { block, decoder, blockStart } = blocks;
      const offset = index.blockStart(block);
      yield {
        kind: "block",
        block,
        offset,
        bytes: index.blockBytes(block),
        entryCount: decoder.entryCount,
        separator: copyOf(index.section, index.separatorStart(block), index.separatorEnd(block)),
      };
      for (let entry = 0; entry < decoder.count; entry++) {
        const valueStart = decoder.valueStart(entry);
        yield {
          kind: "entry",
          block,
          key: copyOf(decoder.keys, decoder.keyStart(entry), decoder.keyEnd(entry)),
          version: decoder.version(entry),
          isTombstone: decoder.isTombstone(entry),
          value: copyOf(blocks.bytes, valueStart, decoder.valueEnd(entry)),
          valueOffset: offset + valueStart - blockStart,
        };
      }
    }
  } finally {
    blocks.close();
  }
}

function copyOf(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}
