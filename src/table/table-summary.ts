/** What is known of a table without opening it: what its footer says, and what a manifest keeps of it. */
export interface TableSummary {
  /** That of its name. Never used again. */
  number: number;
  /** Of the file. */
  bytes: number;
  /** Entries, tombstones and older versions included. */
  entryCount: number;
  tombstoneCount: number;
  /** The keys of all entries, whole, and their values: what the table would take without any format. */
  keyBytes: number;
  valueBytes: number;
  /** No version lies below the first or above the second. */
  versionMin: number;
  versionMax: number;
  firstKey: Uint8Array;
  lastKey: Uint8Array;
  /** Of everything before the footer. */
  fileChecksum: number;
}
