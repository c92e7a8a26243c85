import {
  encodeCheckpoint,
  encodeCloseSnapshot,
  encodeCompact,
  encodeOpenSnapshot,
  encodeRenewSnapshot,
} from "../src/protocol/request-encoder.ts";
import {
  decodeCheckpointed,
  decodeDone,
  decodeSnapshot,
  type SnapshotReply,
} from "../src/protocol/response-decoder.ts";
import type { Checkpoint } from "./answers.ts";
import type { Operation } from "./operation.ts";

/**
 * The requests that concern the store as a whole. None is a write: doing one twice does no harm, so each is sent again
 * when its answer did not come. A snapshot that was opened by a request whose answer was lost ends with its lease.
 */

/** The argument is the lease in milliseconds; 0: what the server thinks right. */
export const openSnapshotOperation: Operation<number, SnapshotReply> = {
  isWrite: false,
  encode: (writer, id, leaseMs) => encodeOpenSnapshot(writer, id, leaseMs),
  decode: (bytes, head) => decodeSnapshot(bytes, head),
  describe: () => "open a snapshot",
};

interface RenewArgs {
  readonly snapshotId: number;
  readonly leaseMs: number;
}

export const renewSnapshotOperation: Operation<RenewArgs, SnapshotReply> = {
  isWrite: false,
  encode: (writer, id, { snapshotId, leaseMs }) => encodeRenewSnapshot(writer, id, snapshotId, leaseMs),
  decode: (bytes, head) => decodeSnapshot(bytes, head),
  describe: () => "renew the snapshot's lease",
};

/** The argument is the snapshot's id. */
export const closeSnapshotOperation: Operation<number, void> = {
  isWrite: false,
  encode: (writer, id, snapshotId) => encodeCloseSnapshot(writer, id, snapshotId),
  decode: (bytes, head) => decodeDone(bytes, head),
  describe: () => "close the snapshot",
};

export const checkpointOperation: Operation<undefined, Checkpoint> = {
  isWrite: false,
  encode: (writer, id) => encodeCheckpoint(writer, id),
  decode: (bytes, head) => ({ seq: decodeCheckpointed(bytes, head) }),
  describe: () => "make a checkpoint",
};

export const compactOperation: Operation<undefined, void> = {
  isWrite: false,
  encode: (writer, id) => encodeCompact(writer, id),
  decode: (bytes, head) => decodeDone(bytes, head),
  describe: () => "compact the store",
};
