import type { MsgpackReader } from "./msgpack-reader.ts";
import { newestState, snapshotWanted } from "./opcodes.ts";
import { beyondLimit } from "./protocol-error.ts";

/** What a scan asks for. The keys are views into the frame, valid as long as its bytes are. */
export interface ScanRequest {
  /** The first key wanted; without it, from the beginning. */
  readonly start: Uint8Array | undefined;
  /** The first key no longer wanted; without it, to the end. */
  readonly end: Uint8Array | undefined;
  readonly prefix: Uint8Array | undefined;
  /** From the end towards the start. */
  readonly reverse: boolean;
  /** Entries wanted; 0: as many as a page holds. */
  readonly limit: number;
  /** The last key of the page before: the scan goes on behind it. */
  readonly after: Uint8Array | undefined;
  /** The snapshot to read; or `newestState`, or `snapshotWanted`. */
  readonly snapshotId: number;
  /** Values are left out. */
  readonly keysOnly: boolean;
}

export function readScan(reader: MsgpackReader, argumentCount: number, keyBytesMax: number): ScanRequest {
  return {
    start: readBound(reader, keyBytesMax),
    end: readBound(reader, keyBytesMax),
    prefix: readBound(reader, keyBytesMax),
    reverse: reader.boolean(),
    limit: reader.uint(),
    after: argumentCount > 5 ? readBound(reader, keyBytesMax) : undefined,
    snapshotId: argumentCount > 6 ? readSnapshotId(reader) : newestState,
    keysOnly: argumentCount > 7 && !reader.nil() && reader.boolean(),
  };
}

/** The wire's 0 asks for a snapshot, and its nil for none: here it is the other way round, so that 0 is no snapshot. */
function readSnapshotId(reader: MsgpackReader): number {
  if (reader.nil()) return newestState;
  const snapshotId = reader.uint();
  return snapshotId === 0 ? snapshotWanted : snapshotId;
}

function readBound(reader: MsgpackReader, keyBytesMax: number): Uint8Array | undefined {
  if (reader.nil()) return undefined;
  const start = reader.bin();
  const length = reader.offset - start;
  if (length > keyBytesMax) throw beyondLimit("the bytes of a scan's bound", length, keyBytesMax);
  return reader.bytes.subarray(start, reader.offset);
}
