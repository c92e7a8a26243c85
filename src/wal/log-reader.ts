import { join } from "node:path";
import { readFully, type FileSystem } from "../vfs/file-system.ts";
import { segmentName } from "./directory.ts";
import { WalCorruptionError } from "./errors.ts";
import { recordType } from "./format.ts";
import type { SegmentSpan } from "./segment-span.ts";
import { RecordCursor, type RecordSession } from "./record.ts";
import { decodeSegmentHeader } from "./segment-header.ts";
import { walkSegment } from "./segment-walk.ts";

/** A record as a reader sees it. Key and value are copies that the caller owns. */
export interface WalRecord {
  seq: number;
  type: "put" | "delete" | "commit" | "checkpoint";
  key?: Uint8Array;
  value?: Uint8Array;
  expiresAtMs?: number;
  session?: RecordSession;
}

/**
 * Reads the records of the given segments whose effect comes after `afterSeq`, oldest first. A member of a batch
 * takes effect at the seq of the batch's COMMIT, so a batch is read whole or not at all.
 *
 * Everything is verified once more while it is read: bytes that went bad since the log was opened throw
 * WalCorruptionError instead of being handed out.
 */
export async function* readRecords(
  fileSystem: FileSystem,
  directory: string,
  spans: Iterable<SegmentSpan>,
  afterSeq: () => number,
): AsyncGenerator<WalRecord, void, undefined> {
  const cursor = new RecordCursor();
  let seqRead = 0;
  for (const span of spans) {
    // Asked for each span anew: a truncation may have deleted it while an earlier one was read.
    if (span.lastSeq <= afterSeq()) continue;
    seqRead = Math.max(seqRead, afterSeq());
    const bytes = readSpan(fileSystem, directory, span);
    for (const group of verifiedGroups(directory, span, bytes, seqRead + 1)) {
      cursor.open(group.bytes, group.start, group.end, group.firstSeq);
      while (cursor.next()) {
        if (cursor.commitSeq > afterSeq()) yield toRecord(group.bytes, cursor);
      }
    }
    seqRead = span.lastSeq;
  }
}

function readSpan(fileSystem: FileSystem, directory: string, span: SegmentSpan): Buffer | undefined {
  const path = join(directory, segmentName(span.number));
  if (!fileSystem.exists(path)) return undefined;
  const file = fileSystem.openRead(path);
  try {
    const bytes = Buffer.allocUnsafeSlow(span.bytes);
    return bytes.subarray(0, readFully(file, bytes, 0));
  } finally {
    file.close();
  }
}

interface VerifiedGroup {
  bytes: Buffer;
  start: number;
  end: number;
  firstSeq: number;
}

/** `seq` is the first that the caller wants of this span. */
function verifiedGroups(
  directory: string,
  span: SegmentSpan,
  bytes: Buffer | undefined,
  seq: number,
): VerifiedGroup[] {
  const path = join(directory, segmentName(span.number));
  if (bytes === undefined)
    throw new WalCorruptionError(path, 0, seq, "the segment has gone since the log was opened");
  const decoded = decodeSegmentHeader(bytes);
  if ("problem" in decoded) throw new WalCorruptionError(path, 0, seq, decoded.problem);
  const groups: VerifiedGroup[] = [];
  const walk = walkSegment(bytes, decoded.header, decoded.checksum, (group, start, end) => {
    groups.push({ bytes, start, end, firstSeq: group.firstSeq });
  });
  if (walk.problem !== undefined || walk.end !== span.bytes) {
    const problem = walk.problem ?? `it ends there, ${span.bytes - walk.end} bytes before the log does`;
    throw new WalCorruptionError(path, walk.end, walk.lastSeq + 1, problem);
  }
  return groups;
}

const typeNames = {
  [recordType.put]: "put",
  [recordType.delete]: "delete",
  [recordType.commit]: "commit",
  [recordType.checkpoint]: "checkpoint",
} as const;

function toRecord(bytes: Buffer, cursor: RecordCursor): WalRecord {
  const type = typeNames[cursor.type as keyof typeof typeNames];
  const record: WalRecord = { seq: cursor.seq, type };
  if (type === "put" || type === "delete") record.key = copyOf(bytes, cursor.keyStart, cursor.keyEnd);
  if (type === "put") record.value = copyOf(bytes, cursor.valueStart, cursor.valueEnd);
  if (cursor.expiresAtMs > 0) record.expiresAtMs = cursor.expiresAtMs;
  if (cursor.sessionStart > 0) {
    const id = copyOf(bytes, cursor.sessionStart, cursor.sessionStart + 16);
    record.session = { id, requestNumber: cursor.requestNumber };
  }
  return record;
}

/** A plain Uint8Array of its own: no view of a segment, which would keep all of its memory. */
function copyOf(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + end));
}
