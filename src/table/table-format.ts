/**
 * The constants of the table format, shared by everything that writes or reads one. README.md beside this file
 * draws the bytes; golden files in tests/table hold examples. All numbers are big-endian.
 *
 * These values are on people's disks: they never change. A new format gets a new version.
 */
export const formatVersion = 1;

/** "HOLDTABL", where the footer of every table begins. */
export const tableMagic = Buffer.from("HOLDTABL", "latin1");

/** A block has at most so many bytes, all included, unless it holds a single entry. */
export const blockBytesMax = 4096;

/** Every so many entries of a block the key is written whole, and a search may begin there. */
export const restartInterval = 16;

/** What lies behind the entries of a block: an offset for each restart, their count, the checksum. */
export const restartOffsetBytes = 4;
export const restartCountBytes = 2;
export const checksumBytes = 4;

/** The smallest block: one entry of four varints and a key of one byte, its restart, and what ends a block. */
export const blockBytesMin = 5 + restartOffsetBytes + restartCountBytes + checksumBytes;

/** An entry's flags are the low bits of the varint that also holds the length of its value. */
export const entryFlag = {
  /** The entry says that the key was deleted; it has no value. */
  tombstone: 1,
  /** Reserved: the time after which the entry counts as absent follows. Version 1 never sets it. */
  expiry: 2,
} as const;
export const entryFlagsKnown = entryFlag.tombstone;
/** valueLength * entryFlagsRange + flags. */
export const entryFlagsRange = 4;

/** A line of the filter is a line of a processor's cache: a look-up costs one miss. */
export const filterLineBytes = 64;
/** 128 MiB. With more lines the place of a hash would no longer be exact in a double. */
export const filterLinesMax = 2 ** 21;

/** For each block, and once more for the end of the last one: where it begins, and where its separator does. */
export const indexPairBytes = 8;

export const storeIdBytes = 16;
export const footerBytes = 120;

/** Offsets are 32 bits. A table is cut at a hundredth of it. */
export const tableBytesMax = 2 ** 32 - 1;

/** Numbers have twelve digits in a file's name. */
export const tableNumberMax = 999_999_999_999;

/** "000000000012.table": names sort as their numbers do. */
export function tableName(number: number): string {
  return `${String(number).padStart(12, "0")}.table`;
}

/** The number of the table that bears this name, or undefined: no table does. */
export function tableNumberOf(name: string): number | undefined {
  return /^\d{12}\.table$/.test(name) ? Number(name.slice(0, 12)) : undefined;
}
