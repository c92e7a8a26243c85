import { Buffer } from "node:buffer";

/** A store in memory for a scripted server: what the protocol promises of a store, in the simplest way there is. */
export class ScriptedStore {
  /** Entries in the order of their keys' bytes. */
  readonly entries: StoredEntry[] = [];
  version = 0;

  find(key: Uint8Array): StoredEntry | undefined {
    const index = this.#indexOf(key);
    const entry = this.entries[index];
    return entry !== undefined && Buffer.compare(entry.key, key) === 0 ? entry : undefined;
  }

  /** All or nothing. Returns the version, or which operation's condition did not hold. */
  apply(operations: readonly StoredOperation[]): number | { operationIndex: number; actualVersion: number } {
    for (const [operationIndex, { key, ifVersion }] of operations.entries()) {
      const actualVersion = this.find(key)?.version ?? 0;
      if (ifVersion >= 0 && ifVersion !== actualVersion) return { operationIndex, actualVersion };
    }
    this.version++;
    for (const { key, value } of operations) {
      const index = this.#indexOf(key);
      const isThere = this.find(key) !== undefined;
      if (value === undefined) this.entries.splice(index, isThere ? 1 : 0);
      else this.entries.splice(index, isThere ? 1 : 0, { key, value, version: this.version });
    }
    return this.version;
  }

  /** The index of the first entry whose key is not below this one. */
  #indexOf(key: Uint8Array): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(this.entries[middle]!.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly version: number;
}

export interface StoredOperation {
  readonly key: Buffer;
  /** Undefined: a delete. */
  readonly value: Buffer | undefined;
  /** -1: always. */
  readonly ifVersion: number;
}
