/**
 * The constants of the log's format, shared by everything that writes or reads it. README.md beside this file
 * draws the bytes; golden files in tests/wal hold examples. All numbers are big-endian.
 *
 * These values are on people's disks: they never change. A new format gets a new version.
 */
export const formatVersion = 1;

/** "HOLDFAST", where every segment begins. */
export const segmentMagic = Buffer.from("HOLDFAST", "latin1");

/** Where every group begins. Its bytes are no UTF-8 and no small number, so text and counters rarely look like it. */
export const groupMagic = 0xf5_48_46_47;
export const groupMagicBytes = Buffer.from([0xf5, 0x48, 0x46, 0x47]);

export const segmentHeaderBytes = 96;
export const groupHeaderBytes = 56;
export const recordHeaderBytes = 8;

export const expiryBytes = 8;
/** 16 bytes of session id and 8 of request number. */
export const sessionBytes = 24;

/** 0 is no type, so that zeros are never a record. */
export const recordType = { put: 1, delete: 2, commit: 3, checkpoint: 4 } as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

export const recordFlag = {
  /** Belongs to a batch, which ends with the next COMMIT of the same group. */
  inBatch: 1,
  /** The time after which the entry counts as absent follows the record's header. */
  expiry: 2,
  /** The session and request number that make a resend harmless follow. */
  session: 4,
} as const;

export const recordFlagsKnown = recordFlag.inBatch | recordFlag.expiry | recordFlag.session;

/** A COMMIT's value: how many operations its batch has, u32. */
export const commitValueBytes = 4;
