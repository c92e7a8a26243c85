import type { TableEntry } from "../manifest/manifest-state.ts";
import type { EditPlace } from "../manifest/walk-manifest.ts";
import type { ManifestDump } from "../offline/dump-manifest.ts";
import { keyHeadBytesMax } from "../wal/inspect.ts";
import { hexOf, jsonField } from "./bytes-text.ts";
import { count, headText, hex32 } from "./dump-text.ts";

/** How what is in a manifest is shown: as lines for people, and as objects for programs. */

export function manifestLines(dump: ManifestDump, isHex: boolean): string[] {
  return [headerText(dump), ...dump.edits.flatMap((place) => editLines(place, isHex)), ...reportLines(dump)];
}

export function manifestObjects(dump: ManifestDump, isHex: boolean): object[] {
  const { file, bytes, header, edits, verdict } = dump;
  const identity = header && {
    number: header.number,
    storeId: hexOf(header.storeId),
    hashSeed: hex32(header.hashSeed),
  };
  return [
    { kind: "manifest", file, bytes, ...identity },
    ...edits.map(({ edit, ...place }) => {
      const added = edit.added.map((table) => tableObject(table, isHex));
      return { kind: "edit", ...place, ...edit, added };
    }),
    { kind: "report", verdict: verdict.kind, file, ...verdictFields(verdict, isHex) },
  ];
}

function headerText({ file, bytes, header }: ManifestDump): string {
  if (header === undefined) return `manifest  ${file}  ${count(bytes, "byte")}`;
  const { number, storeId, hashSeed } = header;
  const identity = `store ${hexOf(storeId)}  hash seed ${hex32(hashSeed)}`;
  return `manifest ${number}  ${file}  ${count(bytes, "byte")}  ${identity}`;
}

function editLines({ edit, editNumber, offset, bytes }: EditPlace, isHex: boolean): string[] {
  const { added, removed, coveredSeq, nextTableNumber, segmentNumber, durableSeq } = edit;
  return [
    `  edit ${editNumber} @${offset}  ${count(bytes, "byte")}  covered seq ${coveredSeq}  ` +
      `next table ${nextTableNumber}  active segment ${segmentNumber}  durable seq ${durableSeq}`,
    ...removed.map((number) => `    - table ${number}`),
    ...added.map((table) => `    + ${tableText(table, isHex)}`),
  ];
}

function tableText(table: TableEntry, isHex: boolean): string {
  const { number, level, bytes, entryCount, tombstoneCount, keyBytes, valueBytes } = table;
  return (
    `table ${number}  level ${level}  ${count(bytes, "byte")}  ${count(entryCount, "entry")}  ` +
    `${count(tombstoneCount, "tombstone")}  ${count(keyBytes, "byte")} of keys  ${count(valueBytes, "byte")} of values  ` +
    `versions ${table.versionMin} to ${table.versionMax}  ` +
    `${keyText(table.firstKey, isHex)} to ${keyText(table.lastKey, isHex)}  checksum ${hex32(table.fileChecksum)}`
  );
}

function tableObject({ firstKey, lastKey, fileChecksum, ...fields }: TableEntry, isHex: boolean): object {
  return {
    ...fields,
    fileChecksum: hex32(fileChecksum),
    ...jsonField("firstKey", firstKey, isHex),
    ...jsonField("lastKey", lastKey, isHex),
  };
}

/** The verdict, and what it means. */
function reportLines({ file, verdict, edits }: ManifestDump): string[] {
  if (verdict.kind === "corrupt") {
    const { error } = verdict;
    return [`corrupt at ${error.file}:${error.offset}`, error.problem];
  }
  const { tables, coveredSeq } = verdict.state;
  const levels = new Set(tables.map(({ level }) => level)).size;
  const summary =
    `${count(edits.length, "edit")}; ${count(tables.length, "table")} on ${count(levels, "level")}, with everything ` +
    `up to seq ${coveredSeq}`;
  if (verdict.kind === "torn") {
    const { offset, bytes, problem } = verdict.torn;
    return [
      `torn tail at ${offset} of ${file}: ${count(bytes, "byte")}, ${problem}`,
      "a crash cut it, or it is being written right now; the next start leaves it out",
      summary,
    ];
  }
  const unsealed = "the last edit has no seal: a crash came before it, or it is being written right now";
  return ["clean", ...(verdict.isSealed ? [] : [unsealed]), summary];
}

function verdictFields(verdict: ManifestDump["verdict"], isHex: boolean): object {
  if (verdict.kind === "corrupt") {
    const { file, offset, problem } = verdict.error;
    return { file, offset, problem };
  }
  const { tables, coveredSeq, nextTableNumber, segmentNumber, durableSeq } = verdict.state;
  const state = {
    coveredSeq,
    nextTableNumber,
    segmentNumber,
    durableSeq,
    tables: tables.map((table) => tableObject(table, isHex)),
  };
  return verdict.kind === "torn" ? { ...verdict.torn, state } : { isSealed: verdict.isSealed, state };
}

function keyText(key: Uint8Array, isHex: boolean): string {
  return headText(key.subarray(0, keyHeadBytesMax), key.length, isHex);
}
