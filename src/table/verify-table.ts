import { hashKey } from "../memtable/hash-key.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { BlockStream } from "./block-stream.ts";
import { filterLinesOf, mayContain } from "./filter.ts";
import type { TableIdentity } from "./table-file.ts";
import type { TableSummary } from "./table-summary.ts";

/**
 * Reads all of a table and holds it to all that README.md says of one: checksums, order, counts, versions, the shape
 * of the blocks, separators, and a filter that says yes to every key. Throws a TableCorruptionError with the offset
 * of what is wrong.
 */
export function verifyTable(fileSystem: FileSystem, path: string, expected?: TableIdentity): TableSummary {
  const blocks = new BlockStream(fileSystem, path, expected);
  try {
    const filter = blocks.file.readFilter();
    while (blocks.next()) {
      verifySeparators(blocks);
      verifyFilter(blocks, filter);
    }
    return blocks.file.summary;
  } finally {
    blocks.close();
  }
}

/** A block's keys are not behind its separator, and all behind the one before: but for a key with versions in both. */
function verifySeparators({ file, block, decoder }: BlockStream): void {
  const { index } = file;
  const { keys, count } = decoder;
  const last = count - 1;
  if (index.compareWithSeparator(block, keys, decoder.keyStart(last), decoder.keyEnd(last)) > 0) {
    throw file.malformed(block, 0, "its last key is behind its separator");
  }
  if (block === 0) return;
  const order = index.compareWithSeparator(block - 1, keys, decoder.keyStart(0), decoder.keyEnd(0));
  if (order < 0 || (order === 0 && !decoder.continuesKey)) {
    throw file.malformed(block, 0, "its first key is not behind the separator of the block before");
  }
}

function verifyFilter({ file, block, decoder, blockStart }: BlockStream, filter: Buffer): void {
  const { hashSeed, filterBytes } = file.footer;
  const lines = filterLinesOf(filterBytes);
  const { keys } = decoder;
  for (let entry = 0; entry < decoder.count; entry++) {
    const hash = hashKey(keys, decoder.keyStart(entry), decoder.keyEnd(entry), hashSeed);
    if (!mayContain(filter, 0, lines, hash)) {
      const place = decoder.valueStart(entry) - blockStart;
      throw file.malformed(block, place, "the filter does not know a key of it");
    }
  }
}
