import { HoldfastError, type Outcome } from "../lib/errors.ts";

/**
 * The log on the disk is not what this program wrote: not a tail that a crash cut, but damage, of which silence
 * would lose acknowledged writes. Nothing was changed.
 */
export class WalCorruptionError extends HoldfastError {
  readonly file: string;
  /** Where in the file the first damage is. */
  readonly offset: number;
  /** The first sequence number that can't be read. */
  readonly seq: number;
  /** What is wrong there. */
  readonly problem: string;

  constructor(file: string, offset: number, seq: number, problem: string) {
    super(
      "WAL_CORRUPT",
      `Cannot read the log beyond ${file} at offset ${offset} (seq ${seq}): ${problem}; nothing was changed. ` +
        `"holdfast wal dump" on its directory shows more; restore a backup, or open it with onCorruption "stop" to salvage what comes before`,
    );
    this.file = file;
    this.offset = offset;
    this.seq = seq;
    this.problem = problem;
  }
}

/** A later open of the same directory in this process took the log over. Nothing of this append was written. */
export class WalFencedError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(directory: string) {
    super(
      "WAL_FENCED",
      `Cannot use this handle of the log in ${directory}: a later open took it over; use that one`,
    );
  }
}

/** The handle was closed. Nothing of this append was written. */
export class WalClosedError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(directory: string) {
    super("WAL_CLOSED", `Cannot use the log in ${directory}: it was closed; open it again`);
  }
}

/** The log was opened to salvage what comes before damage; it takes no writes. */
export class WalReadOnlyError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(directory: string) {
    super(
      "WAL_READ_ONLY",
      `Cannot write to the log in ${directory}: it is damaged and was opened with onCorruption "stop", for reading only`,
    );
  }
}

/**
 * A write, sync, truncation or directory sync failed, so nobody knows what is on the disk: the log takes nothing
 * more until a new process has recovered it. A sync is never tried again: after a failed one the system may call
 * the lost pages clean (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
 */
export class StorageFaultError extends HoldfastError {
  /** Of what is refused because of it. What it interrupted has an unknown outcome, and whoever waits is told so. */
  readonly outcome: Outcome = "not-applied";

  constructor(directory: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      "STORAGE_FAULT",
      `Cannot go on with the log in ${directory}: ${reason}; restart once the disk is well, recovery decides what survived`,
      { cause },
    );
  }
}

/** The disk is nearly full. The write was refused before the log was touched; it succeeds once there is space. */
export class DiskFullError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(directory: string, bytesFree: number, bytesNeeded: number) {
    super(
      "DISK_FULL",
      `Cannot write to ${directory}: its disk has ${bytesFree} bytes free and the write needs ${bytesNeeded} with the headroom; free some space and try again`,
    );
  }
}
