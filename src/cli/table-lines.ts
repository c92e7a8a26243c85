import type { BlockItem, EntryItem, TableDumpItem, TableItem } from "../table/dump-table.ts";
import type { TableCorruptionError } from "../table/errors.ts";
import type { TableSummary } from "../table/table-summary.ts";
import { keyHeadBytesMax, valueHeadBytesMax } from "../wal/inspect.ts";
import { hexOf, jsonField } from "./bytes-text.ts";
import { count, headText, hex32 } from "./dump-text.ts";

/** How what is in a table is shown: as lines for people, and as objects for programs. */

/** One line, indented by how deep the item lies: table, block, entry. */
export function tableLine(item: TableDumpItem, isHex: boolean): string {
  switch (item.kind) {
    case "table":
      return tableText(item, isHex);
    case "block":
      return `  ${blockText(item, isHex)}`;
    case "entry":
      return `    ${entryText(item, isHex)}`;
  }
}

export function tableObject(item: TableDumpItem, isHex: boolean): object {
  switch (item.kind) {
    case "table": {
      const { storeId, hashSeed, fileChecksum, firstKey, lastKey, path, kind, ...fields } = item;
      return {
        kind,
        file: path,
        ...fields,
        storeId: hexOf(storeId),
        hashSeed: hex32(hashSeed),
        fileChecksum: hex32(fileChecksum),
        ...jsonField("firstKey", firstKey, isHex),
        ...jsonField("lastKey", lastKey, isHex),
      };
    }
    case "block": {
      const { separator, ...fields } = item;
      return { ...fields, ...jsonField("separator", separator, isHex) };
    }
    case "entry": {
      const { key, value, valueOffset, ...fields } = item;
      return {
        ...fields,
        keyBytes: key.length,
        valueBytes: value.length,
        valueOffset,
        ...jsonField("keyHead", key.subarray(0, keyHeadBytesMax), isHex),
        ...jsonField("valueHead", value.subarray(0, valueHeadBytesMax), isHex),
      };
    }
  }
}

/** The outcome of a verification: the verdict, and what it means. */
export function tableReportLines(outcome: TableSummary | TableCorruptionError, file: string): string[] {
  if ("problem" in outcome) return [`corrupt at ${outcome.file}:${outcome.offset}`, outcome.problem];
  const { entryCount, tombstoneCount, versionMin, versionMax, bytes } = outcome;
  return [
    "clean",
    `${count(entryCount, "entry")}, ${count(tombstoneCount, "tombstone")} among them, ` +
      `of the versions ${versionMin} to ${versionMax}, in ${count(bytes, "byte")} of ${file}`,
  ];
}

export function tableReportObject(
  outcome: TableSummary | TableCorruptionError,
  file: string,
  isHex: boolean,
): object {
  if ("problem" in outcome) {
    const { file: place, offset, problem } = outcome;
    return { kind: "report", verdict: "corrupt", file: place, offset, problem };
  }
  const { firstKey, lastKey, fileChecksum, ...fields } = outcome;
  const keys = { ...jsonField("firstKey", firstKey, isHex), ...jsonField("lastKey", lastKey, isHex) };
  return {
    kind: "report",
    verdict: "clean",
    file,
    table: { ...fields, fileChecksum: hex32(fileChecksum), ...keys },
  };
}

function tableText(table: TableItem, isHex: boolean): string {
  const { number, path, bytes, storeId, hashSeed, entryCount, tombstoneCount, keyBytes, valueBytes } = table;
  const { versionMin, versionMax, blockCount, filterOffset, filterBytes, indexOffset, indexBytes } = table;
  const { firstKey, lastKey, fileChecksum } = table;
  return (
    `table ${number}  ${path}  ${count(bytes, "byte")}  ${count(entryCount, "entry")}  ` +
    `${count(tombstoneCount, "tombstone")}  ${count(keyBytes, "byte")} of keys  ${count(valueBytes, "byte")} of values  ` +
    `versions ${versionMin} to ${versionMax}  ${keyText(firstKey, isHex)} to ${keyText(lastKey, isHex)}  ` +
    `store ${hexOf(storeId)}  hash seed ${hex32(hashSeed)}  ${count(blockCount, "block")}  ` +
    `filter @${filterOffset} ${count(filterBytes, "byte")}  index @${indexOffset} ${count(indexBytes, "byte")}  ` +
    `checksum ${hex32(fileChecksum)}`
  );
}

function blockText({ block, offset, bytes, entryCount, separator }: BlockItem, isHex: boolean): string {
  return (
    `block ${block} @${offset}  ${count(bytes, "byte")}  ${count(entryCount, "entry")}  ` +
    `separator ${keyText(separator, isHex)}`
  );
}

function entryText({ key, version, isTombstone, value, valueOffset }: EntryItem, isHex: boolean): string {
  const head = `@${valueOffset}  ${keyText(key, isHex)}  version ${version}`;
  if (isTombstone) return `${head}  tombstone`;
  const valueHead = value.subarray(0, valueHeadBytesMax);
  return `${head}  ${count(value.length, "byte")} ${headText(valueHead, value.length, isHex)}`;
}

function keyText(key: Uint8Array, isHex: boolean): string {
  return headText(key.subarray(0, keyHeadBytesMax), key.length, isHex);
}
