import { HoldfastError } from "../lib/errors.ts";

/** The manifest is not what was written: no edit that a crash cut, but damage. Nothing was changed. */
export class ManifestCorruptionError extends HoldfastError {
  readonly file: string;
  /** Where in the file the damage is: where the header or the edit begins that can't be believed. */
  readonly offset: number;
  /** What is wrong there. */
  readonly problem: string;

  constructor(file: string, offset: number, problem: string, options?: ErrorOptions) {
    super(
      "MANIFEST_CORRUPT",
      `Cannot read the manifest ${file} at offset ${offset}: ${problem}; nothing was changed. ` +
        `"holdfast check" on its data directory shows all that is damaged; restore a backup`,
      options,
    );
    this.file = file;
    this.offset = offset;
    this.problem = problem;
  }
}

/**
 * A write, sync, rename or deletion failed, so nobody knows what is on the disk: the manifest takes no further edit
 * until a new process has read it. `cause` is what the system said; with ENOSPC in it the disk was full, and a start
 * goes on from the last announced edit, or the one after it, once there is space.
 */
export class ManifestFaultError extends HoldfastError {
  constructor(directory: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      "STORAGE_FAULT",
      `Cannot go on with the manifest in ${directory}: ${reason}; restart once the disk is well and has space, no announced edit is lost`,
      { cause },
    );
  }
}
