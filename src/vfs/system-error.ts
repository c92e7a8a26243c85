import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** The names of what a system call may answer. */
export type ErrorCode = keyof typeof constants.errno;

/** An error as node:fs throws it, for file systems that have no kernel to fail for them. */
export function systemError(code: ErrorCode, syscall: string, path?: string, dest?: string): SystemError {
  const errno = -constants.errno[code];
  const reason = getSystemErrorMap().get(errno)?.[1] ?? "unknown error";
  let message = `${code}: ${reason}, ${syscall}`;
  if (path !== undefined) message += ` '${path}'`;
  if (dest !== undefined) message += ` -> '${dest}'`;
  const names = { code, errno, syscall };
  if (path === undefined) return Object.assign(new Error(message), names);
  if (dest === undefined) return Object.assign(new Error(message), names, { path });
  return Object.assign(new Error(message), names, { path, dest });
}

export interface SystemError extends Error {
  readonly code: ErrorCode;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;
}
