/**
 * The constants of the manifest's format, shared by everything that writes or reads it. README.md beside this file
 * draws the bytes; golden files in tests/manifest hold examples. All numbers are big-endian.
 *
 * These values are on people's disks: they never change. A new format gets a new version.
 */
export const formatVersion = 2;

/** Read, and never written: it has no durable seq, so that the covered seq stands for it. */
export const formatVersionMin = 1;

/** "HOLDMANI", where every manifest begins. */
export const fileMagic = Buffer.from("HOLDMANI", "latin1");
export const fileHeaderBytes = 44;
export const storeIdBytes = 16;

/** Where every edit begins. Its bytes are no UTF-8 and no small number, so text and counters rarely look like it. */
export const editMagic = 0xf5_48_4d_46;
export const editMagicBytes = Buffer.from([0xf5, 0x48, 0x4d, 0x46]);
export const editHeaderBytes = 36;

/** An edit's payload: the four numbers that it sets and the two counts, before the tables that it names. */
export const editNumbersBytes = 40;
/** In format version 1, which has three. */
export const editNumbersBytesOfVersion1 = 32;
export const removedTableBytes = 8;
/** An added table, before the bytes of its first and last key. */
export const addedTableBytes = 73;

/** Numbers have twelve digits in a file's name. */
export const fileNumberMax = 999_999_999_999;
