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
 * Memory is full of what should go into tables, and the disk has no room for them. Nothing was written; writes succeed
 * again, by themselves, once there is space. Reads go on.
 */
export class FlushStuckError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(directory: string) {
    super(
      "DISK_FULL",
      `Cannot write to ${directory}: memory is full, and its disk has no room for the tables that should empty it; ` +
        `free some space, and it goes on by itself`,
    );
  }
}
