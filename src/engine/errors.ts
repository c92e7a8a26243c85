import { HoldfastError, type Outcome } from "../lib/errors.ts";

/** The condition of a write does not hold. Nothing was written. */
export class ConflictError extends HoldfastError {
  /** The version that the entry has; 0: there is none. */
  readonly actualVersion: number;
  /** Which operation of a batch it was, counted from 0. */
  readonly operationIndex: number;

  constructor(ifVersion: number, actualVersion: number, operationIndex: number) {
    const wanted = ifVersion === 0 ? "to be absent" : `to have version ${ifVersion}`;
    const found = actualVersion === 0 ? "is absent" : `has version ${actualVersion}`;
    super("CONFLICT", `Cannot write: operation ${operationIndex} wants its key ${wanted}, but it ${found}`);
    this.actualVersion = actualVersion;
    this.operationIndex = operationIndex;
  }
}

/**
 * The store holds as much as it may: its log and the index over it are in memory, and must fit there. Nothing was
 * written, and nothing will be, deletes neither, until it is opened with a higher limit; reads go on.
 */
export class StoreFullError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";
  /** Bytes of memory that the store may hold, and that it would with this write. */
  readonly limit: number;
  readonly actual: number;

  constructor(limit: number, actual: number) {
    super(
      "STORE_FULL",
      `Cannot write: the log and its index, which are kept in memory, would have ${actual} bytes and may have ${limit}; ` +
        `start the server with a higher --memory-bytes-max if its memory allows`,
    );
    this.limit = limit;
    this.actual = actual;
  }
}
