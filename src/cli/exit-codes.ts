import { HoldfastError } from "../lib/errors.ts";
import { ManifestFaultError } from "../manifest/errors.ts";
import { StorageFaultError } from "../wal/errors.ts";
import { UsageError } from "./usage-error.ts";

/**
 * How a command can end: the one place that says so. Scripts branch on these numbers, so they never change. Those
 * from 64 on follow sysexits.h, those above 128 the shell's convention of 128 + signal.
 */
export const exitCode = {
  ok: 0,
  no: 1,
  usage: 2,
  torn: 3,
  conflict: 4,
  unknownOutcome: 5,
  refused: 6,
  damaged: 65,
  noInput: 66,
  unavailable: 69,
  fault: 70,
  bug: 71,
  locked: 73,
  inputOutput: 74,
  timeout: 75,
  protocol: 76,
  interrupted: 130,
  pipeClosed: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCode)[keyof typeof exitCode];

export const exitCodeMeanings: Readonly<Record<keyof typeof exitCode, string>> = {
  ok: "it was done; for check, verify and dump: all is as it was written",
  no: "get: there is no such key; check, verify and dump: there is damage",
  usage: "the arguments or a setting in the environment make no sense",
  torn: "check, wal and manifest: a crash left something half written, which the next start mends",
  conflict: "the condition of a write does not hold; nothing was written",
  unknownOutcome: "nobody knows whether the write happened; read the key back",
  refused: "the server refused the request (a limit, a full disk, …); nothing was written",
  damaged:
    "serve, backup and restore: the store is damaged; the message names the place, nothing was changed",
  noInput: "there is no such directory or file, or no store or log in it",
  unavailable: "the server can't be reached, or serve can't open its port",
  fault: "the disk failed; what serve acknowledged is safe, restart it once the disk is well",
  bug: "something that should never happen did: a bug of Holdfast",
  locked: "serve and check: another process has the data directory open; backup: another makes the same copy",
  inputOutput: "a file, a directory or a standard stream can't be read or written",
  timeout: "the time for the request was over; nothing was written",
  protocol: "what answers there is no Holdfast server, or one of another version",
  interrupted: "a second SIGINT ended serve before it had finished",
  pipeClosed: "whoever read the output stopped reading",
  terminated: "a second SIGTERM ended serve before it had finished",
};

/** The exit code that stands for an error, whoever threw it. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCode.usage;
  // By its class, for a client that hears of a server's fault has the same code in its error.
  if (error instanceof StorageFaultError || error instanceof ManifestFaultError) return exitCode.fault;
  if (error instanceof HoldfastError) return byCode[error.code] ?? exitCode.refused;
  const systemCode = (error as { code?: unknown } | null)?.code;
  if (typeof systemCode !== "string" || (error as { syscall?: unknown }).syscall === undefined) {
    return exitCode.bug;
  }
  if (systemCode === "EPIPE") return exitCode.pipeClosed;
  return diskFailures.includes(systemCode) ? exitCode.fault : exitCode.inputOutput;
}

/** What a disk answers that fails, as opposed to one that was asked for something it may not do. */
const diskFailures: readonly string[] = ["EIO", "ENOSPC", "EDQUOT", "EROFS"];

const byCode: Readonly<Record<string, ExitCode>> = {
  ADDRESS_IN_USE: exitCode.unavailable,
  CANNOT_LISTEN: exitCode.unavailable,
  CLOSED: exitCode.unavailable,
  CONFLICT: exitCode.conflict,
  CONNECTION_FAILED: exitCode.unavailable,
  COPY_DAMAGED: exitCode.damaged,
  COPY_FAILED: exitCode.inputOutput,
  FULL_SYNC_FAILED: exitCode.fault,
  INTERNAL: exitCode.bug,
  INVALID_ARGUMENT: exitCode.usage,
  LOCKED: exitCode.locked,
  LOCK_FAILED: exitCode.inputOutput,
  LOCK_UNSUPPORTED: exitCode.inputOutput,
  MANIFEST_CORRUPT: exitCode.damaged,
  NO_LOG: exitCode.noInput,
  NO_STORE: exitCode.noInput,
  NO_TABLE: exitCode.noInput,
  OUTPUT_FAILED: exitCode.inputOutput,
  OVERLOADED: exitCode.unavailable,
  PROTOCOL_VIOLATED: exitCode.protocol,
  SHUTTING_DOWN: exitCode.unavailable,
  SNAPSHOT_EXPIRED: exitCode.unavailable,
  STORAGE_FAULT: exitCode.unavailable,
  STORE_MISMATCH: exitCode.damaged,
  TABLE_CORRUPT: exitCode.damaged,
  TARGET_EXISTS: exitCode.inputOutput,
  TIMEOUT: exitCode.timeout,
  UNKNOWN_OUTCOME: exitCode.unknownOutcome,
  VERSION_UNSUPPORTED: exitCode.protocol,
  WAL_CORRUPT: exitCode.damaged,
  WRITE_STALLED: exitCode.fault,
};
