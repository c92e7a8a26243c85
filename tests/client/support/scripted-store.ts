import { Buffer } from "node:buffer";

/** A store in memory for a scripted server: what the protocol promises of a store, in the simplest way there is. */
export class ScriptedStore {
  /** Entries in the order of their keys' bytes. */
  readonly entries: StoredEntry[] = [];
  version = 0;
  /** Those that are open, by their ids. Their leases end when the test clears this, as a restart would. */
  readonly snapshots = new Map<number, StoredSnapshot>();
  /** Each lease that was asked for by an opening or a renewal, in their order. */
  readonly leasesMs: number[] = [];
  #nextSnapshotId = 2 ** 53 - 1;

  /** An entry as the snapshot shows it, or as it is now. */
  find(key: Uint8Array, { entries }: { entries: readonly StoredEntry[] } = this): StoredEntry | undefined {
    const entry = entries[indexOf(entries, key)];
    return entry !== undefined && Buffer.compare(entry.key, key) === 0 ? entry : undefined;
  }

  openSnapshot(isOfScan: boolean): StoredSnapshot {
    const snapshot = { id: this.#nextSnapshotId--, seq: this.version, entries: [...this.entries], isOfScan };
    this.snapshots.set(snapshot.id, snapshot);
    return snapshot;
  }

  /** All or nothing. Returns the version, or which operation's condition did not hold. */
  apply(operations: readonly StoredOperation[]): number | { operationIndex: number; actualVersion: number } {
    for (const [operationIndex, { key, ifVersion }] of operations.entries()) {
      const actualVersion = this.find(key)?.version ?? 0;
      if (ifVersion >= 0 && ifVersion !== actualVersion) return { operationIndex, actualVersion };
    }
    this.version++;
    for (const { key, value } of operations) {
      const index = indexOf(this.entries, key);
      const isThere = this.find(key) !== undefined;
      if (value === undefined) this.entries.splice(index, isThere ? 1 : 0);
      else this.entries.splice(index, isThere ? 1 : 0, { key, value, version: this.version });
    }
    return this.version;
  }
}

/** The index of the first entry whose key is not below this one. */
function indexOf(entries: readonly StoredEntry[], key: Uint8Array): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(entries[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: number;
}

export interface StoredSnapshot {
  readonly id: number;
  readonly seq: number;
  readonly entries: readonly StoredEntry[];
  /** Closed with the last page. */
  readonly isOfScan: boolean;
}

export interface StoredOperation {
  readonly key: Buffer;
  /** Undefined: a delete. */
  readonly value: Buffer | undefined;
  /** -1: always. */
  readonly ifVersion: number;
}
