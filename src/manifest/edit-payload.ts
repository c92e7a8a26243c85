import { Buffer } from "node:buffer";
import { ByteWriter } from "../lib/byte-writer.ts";
import { readUint64, writeUint64 } from "../lib/uint64.ts";
import {
  addedTableBytes,
  editNumbersBytes,
  editNumbersBytesOfVersion1,
  formatVersion,
  removedTableBytes,
} from "./format.ts";
import type { ManifestEdit, TableEntry } from "./manifest-state.ts";

/** Appends an edit's payload to `target`. */
export function encodeEditPayload(target: ByteWriter, edit: ManifestEdit): void {
  const { added, removed } = edit;
  const at = target.reserve(editNumbersBytes + removed.length * removedTableBytes);
  writeUint64(target.bytes, edit.coveredSeq, at);
  writeUint64(target.bytes, edit.nextTableNumber, at + 8);
  writeUint64(target.bytes, edit.segmentNumber, at + 16);
  writeUint64(target.bytes, edit.durableSeq, at + 24);
  target.bytes.writeUInt32BE(removed.length, at + 32);
  target.bytes.writeUInt32BE(added.length, at + 36);
  for (const [index, number] of removed.entries()) {
    writeUint64(target.bytes, number, at + editNumbersBytes + index * removedTableBytes);
  }
  for (const table of added) encodeTable(target, table);
}

/**
 * The edit that these bytes are, all of them, or a sentence that says why they are none. Whether what it says can be
 * true is for the state to judge that it is applied to.
 */
export function decodeEditPayload(
  bytes: Buffer,
  version = formatVersion,
): { edit: ManifestEdit } | { problem: string } {
  const numbersBytes = version === 1 ? editNumbersBytesOfVersion1 : editNumbersBytes;
  if (bytes.length < numbersBytes) return { problem: "it ends before its counts" };
  const removedCount = bytes.readUInt32BE(numbersBytes - 8);
  const addedCount = bytes.readUInt32BE(numbersBytes - 4);
  let at = numbersBytes + removedCount * removedTableBytes;
  // Checked before anything is allocated for what the counts promise.
  if (at + addedCount * addedTableBytes > bytes.length) {
    return {
      problem: `it ends before the ${removedCount} removed and ${addedCount} added tables that it names`,
    };
  }
  const removed = Array.from({ length: removedCount }, (_, index) =>
    readUint64(bytes, numbersBytes + index * removedTableBytes),
  );
  const added: TableEntry[] = [];
  for (let index = 0; index < addedCount; index++) {
    const keysAt = at + addedTableBytes;
    if (keysAt > bytes.length) return { problem: "it ends inside a table" };
    const firstKeyBytes = bytes.readUInt16BE(at + 69);
    const lastKeyBytes = bytes.readUInt16BE(at + 71);
    const end = keysAt + firstKeyBytes + lastKeyBytes;
    if (end > bytes.length) return { problem: "it ends inside a table's keys" };
    added.push(decodeTable(bytes, at, keysAt + firstKeyBytes, end));
    at = end;
  }
  if (at !== bytes.length) return { problem: `${bytes.length - at} bytes follow its last table` };
  const edit = {
    coveredSeq: readUint64(bytes, 0),
    nextTableNumber: readUint64(bytes, 8),
    segmentNumber: readUint64(bytes, 16),
    durableSeq: readUint64(bytes, version === 1 ? 0 : 24),
    removed,
    added,
  };
  return { edit };
}

function encodeTable(target: ByteWriter, table: TableEntry): void {
  const { firstKey, lastKey } = table;
  const at = target.reserve(addedTableBytes + firstKey.length + lastKey.length);
  const { bytes } = target;
  writeUint64(bytes, table.number, at);
  writeUint64(bytes, table.bytes, at + 8);
  writeUint64(bytes, table.entryCount, at + 16);
  writeUint64(bytes, table.tombstoneCount, at + 24);
  writeUint64(bytes, table.keyBytes, at + 32);
  writeUint64(bytes, table.valueBytes, at + 40);
  writeUint64(bytes, table.versionMin, at + 48);
  writeUint64(bytes, table.versionMax, at + 56);
  bytes.writeUInt32BE(table.fileChecksum, at + 64);
  bytes.writeUInt8(table.level, at + 68);
  bytes.writeUInt16BE(firstKey.length, at + 69);
  bytes.writeUInt16BE(lastKey.length, at + 71);
  bytes.set(firstKey, at + addedTableBytes);
  bytes.set(lastKey, at + addedTableBytes + firstKey.length);
}

/** The keys are copies: a state must not keep the bytes of a whole file alive. */
function decodeTable(bytes: Buffer, at: number, lastKeyAt: number, end: number): TableEntry {
  return {
    number: readUint64(bytes, at),
    bytes: readUint64(bytes, at + 8),
    entryCount: readUint64(bytes, at + 16),
    tombstoneCount: readUint64(bytes, at + 24),
    keyBytes: readUint64(bytes, at + 32),
    valueBytes: readUint64(bytes, at + 40),
    versionMin: readUint64(bytes, at + 48),
    versionMax: readUint64(bytes, at + 56),
    fileChecksum: bytes.readUInt32BE(at + 64),
    level: bytes.readUInt8(at + 68),
    firstKey: Uint8Array.prototype.slice.call(bytes, at + addedTableBytes, lastKeyAt),
    lastKey: Uint8Array.prototype.slice.call(bytes, lastKeyAt, end),
  };
}
