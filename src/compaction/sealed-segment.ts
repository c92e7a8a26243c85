import { hashKey } from "../memtable/hash-key.ts";
import { Memtable } from "../memtable/memtable.ts";
import { readFully, type FileSystem } from "../vfs/file-system.ts";
import { WalCorruptionError } from "../wal/errors.ts";
import { recordHeaderBytes, recordType } from "../wal/format.ts";
import type { GroupHeader } from "../wal/group-header.ts";
import { RecordCursor } from "../wal/record.ts";
import { decodeSegmentHeader } from "../wal/segment-header.ts";
import { walkSegment } from "../wal/segment-walk.ts";
import type { SealedSegmentPlace } from "./job.ts";

export interface ReplayedSegment {
  memtable: Memtable;
  /** Puts and deletes; each became an entry, or a newer version of one. */
  operationCount: number;
}

/**
 * Reads a sealed segment into `bytes`, which has its length, verifies all of it, and indexes it as the engine did
 * when it was written. The file is what a start would replay, so the table is made of it, and of nothing in memory:
 * what a table says was on the disk, and was found there whole.
 *
 * Of overwritten versions those up to the newest snapshot are kept; which of them are needed is decided later.
 */
export function replaySegment(
  fileSystem: FileSystem,
  place: SealedSegmentPlace,
  expected: { storeId: Uint8Array; hashSeed: number },
  snapshotMax: number,
  bytes: Buffer,
): ReplayedSegment {
  readSegment(fileSystem, place, bytes);
  const decoded = decodeSegmentHeader(bytes);
  if ("problem" in decoded) throw damage(place, 0, decoded.problem);
  const { header, checksum } = decoded;
  if (header.number !== place.number || header.firstSeq !== place.firstSeq) {
    const found = `it is segment ${header.number} from seq ${header.firstSeq} on`;
    throw damage(place, 0, `${found}, where segment ${place.number} from seq ${place.firstSeq} on should be`);
  }
  if (Buffer.compare(header.storeId, expected.storeId) !== 0) {
    throw damage(place, 0, "it belongs to another store");
  }
  const { hashSeed } = expected;
  const seqBefore = header.firstSeq - 1;
  const recordsMax = Math.floor(bytes.length / recordHeaderBytes);
  const entriesExpected = Math.max(0, Math.min(place.lastSeq - seqBefore, recordsMax));
  const memtable = new Memtable({ bytes, seqBefore, hashSeed, entriesExpected });
  memtable.keepVersionsThrough = snapshotMax;
  const cursor = new RecordCursor();
  let operationCount = 0;
  const replayGroup = (group: GroupHeader, payloadStart: number, payloadEnd: number) => {
    cursor.open(bytes, payloadStart, payloadEnd, group.firstSeq);
    while (cursor.next()) {
      const { type, keyStart, keyEnd, valueEnd, commitSeq } = cursor;
      if (type !== recordType.put && type !== recordType.delete) continue;
      operationCount++;
      const hash = hashKey(bytes, keyStart, keyEnd, hashSeed);
      if (type === recordType.delete) memtable.stageDelete(hash, keyStart, keyEnd - keyStart, commitSeq);
      else memtable.stagePut(hash, keyStart, keyEnd - keyStart, valueEnd - keyEnd, commitSeq);
    }
  };
  const walk = walkSegment(bytes, header, checksum, replayGroup);
  if (walk.problem !== undefined) throw damage(place, walk.end, walk.problem, walk.lastSeq + 1);
  if (walk.end !== bytes.length) {
    const problem = `its groups end here, ${bytes.length - walk.end} bytes before it was sealed; zeros follow`;
    throw damage(place, walk.end, problem, walk.lastSeq + 1);
  }
  if (walk.lastSeq !== place.lastSeq) {
    const problem = `it ends with seq ${walk.lastSeq}, where it was sealed with seq ${place.lastSeq}`;
    throw damage(place, walk.end, problem, Math.min(walk.lastSeq, place.lastSeq) + 1);
  }
  return { memtable, operationCount };
}

function readSegment(fileSystem: FileSystem, place: SealedSegmentPlace, bytes: Buffer): void {
  try {
    const file = fileSystem.openRead(place.path);
    try {
      const size = file.size();
      if (size !== place.bytes || readFully(file, bytes, 0) < place.bytes) {
        const problem = `it has ${size} bytes, where it was sealed with ${place.bytes}`;
        throw damage(place, Math.min(size, place.bytes), problem);
      }
    } finally {
      file.close();
    }
  } catch (error) {
    if (error instanceof WalCorruptionError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw damage(place, 0, `it can't be read: ${reason}`);
  }
}

function damage(
  { path, firstSeq }: SealedSegmentPlace,
  offset: number,
  problem: string,
  seq = firstSeq,
): WalCorruptionError {
  return new WalCorruptionError(path, offset, seq, problem);
}
