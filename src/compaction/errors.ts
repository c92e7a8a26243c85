import { HoldfastError } from "../lib/errors.ts";

/** The job was called off, or its runner was closed. Of its files nothing is left, or nothing that matters. */
export class JobCancelledError extends HoldfastError {
  constructor(message = "Cannot finish the job: it was called off; run it again if it is still wanted") {
    super("JOB_CANCELLED", message);
  }
}

/** The disk has no room for the job's tables. Nothing is lost: the same job may be run again once there is. */
export class JobDiskFullError extends HoldfastError {
  constructor(message: string, options?: ErrorOptions) {
    super("DISK_FULL", message, options);
  }

  static measured(directory: string, bytesFree: number, bytesWanted: number): JobDiskFullError {
    return new JobDiskFullError(
      `Cannot write tables to ${directory}: its disk has ${bytesFree} bytes free, and ${bytesWanted} are kept for others; free some space`,
    );
  }
}

/**
 * Anything else: damage in what was read, a write or sync that failed, a bug. The code is that of what happened; the
 * file and the offset are there if they are known.
 */
export class JobFailedError extends HoldfastError {
  readonly file: string | undefined;
  readonly offset: number | undefined;

  constructor(code: string, message: string, place: { file?: string; offset?: number }, cause?: unknown) {
    super(code, message, cause === undefined ? {} : { cause });
    this.file = place.file;
    this.offset = place.offset;
  }
}

/** What a runner's `run` rejects with, whatever thread the job ran on. */
export type JobError = JobCancelledError | JobDiskFullError | JobFailedError;

/** An error as plain data, for the way from one thread to another. */
export interface JobErrorDescription {
  kind: "cancelled" | "disk-full" | "failed";
  code: string;
  message: string;
  file?: string;
  offset?: number;
}

export function describeError(error: unknown): JobErrorDescription {
  const { code, message, file, path, offset } = error as Record<string, unknown>;
  const description: JobErrorDescription = {
    kind: "failed",
    code: typeof code === "string" ? code : "JOB_FAILED",
    message: typeof message === "string" ? message : String(error),
  };
  if (error instanceof JobCancelledError) description.kind = "cancelled";
  else if (isDiskFull(error)) description.kind = "disk-full";
  const place = file ?? path;
  if (typeof place === "string") description.file = place;
  if (typeof offset === "number") description.offset = offset;
  return description;
}

export function jobErrorFrom(description: JobErrorDescription, cause?: unknown): JobError {
  const { kind, code, message } = description;
  if (kind === "cancelled") return new JobCancelledError(message);
  if (kind === "disk-full") return new JobDiskFullError(message, cause === undefined ? {} : { cause });
  return new JobFailedError(code, message, description, cause);
}

/** Also where another error tells of it; a quota is a disk of its own size. */
function isDiskFull(error: unknown): boolean {
  for (let at = error; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { code } = at as { code?: unknown };
    if (code === "ENOSPC" || code === "EDQUOT" || code === "DISK_FULL") return true;
  }
  return false;
}
