import type { File, FileSystem } from "./file-system.ts";
import type { CacheAfterLoss } from "./memory-content.ts";
import { type ErrorCode, systemError } from "./system-error.ts";

/** What is asked of a file system, a file or a lock: the method's name, but `unlock` for a lock's release. */
export type CallKind = Exclude<keyof FileSystem | keyof File, "path" | "datasyncNow"> | "unlock";

export interface Call {
  readonly kind: CallKind;
  readonly path: string;
  /** Of a rename, and of a link. */
  readonly to?: string;
  /** Of a read or write. */
  readonly position?: number;
  /** Of a read, write or truncate. */
  readonly length?: number;
}

/** Which calls a fault may hit: all of them, if nothing is said. */
export interface CallPattern {
  readonly kind?: CallKind | readonly CallKind[];
  /** Must match the path, for a rename either path. A string must be a part of it. */
  readonly path?: RegExp | string;
}

/** What goes wrong, and when: at the `at`-th call that matches (from 1), and with `sticky` at every one after it. */
export type Fault = CallPattern & { readonly at: number; readonly sticky?: boolean } & (
    | {
        /** The call fails as if node:fs had thrown; nothing has happened. */
        readonly error: ErrorCode;
        /** The call does its work, and fails all the same. */
        readonly applied?: boolean;
        /** For syncs of a memory file system: the pages count as clean, and the cache shows this. */
        readonly lost?: CacheAfterLoss;
      }
    | {
        /** A read or write takes no more than so many bytes. */
        readonly bytes: number;
      }
  );

export function matches(pattern: CallPattern, call: Call): boolean {
  const { kind, path } = pattern;
  if (kind !== undefined && ![kind].flat().includes(call.kind)) return false;
  if (path === undefined) return true;
  return [call.path, call.to].some((name) => {
    if (name === undefined) return false;
    return typeof path === "string" ? name.includes(path) : path.test(name);
  });
}

/** As node:fs would say it: with the system call's name, and the path unless the call worked on a descriptor. */
export function faultError(code: ErrorCode, { kind, path, to }: Call): Error {
  switch (kind) {
    case "create":
    case "open":
    case "openRead":
    case "lock":
    case "lockToRead":
      return systemError(code, "open", path);
    case "list":
      return systemError(code, "scandir", path);
    case "exists":
      return systemError(code, "stat", path);
    case "makeDirectory":
      return systemError(code, "mkdir", path);
    case "removeDirectory":
      return systemError(code, "rmdir", path);
    case "rename":
      return systemError(code, "rename", path, to);
    case "link":
      return systemError(code, "link", path, to);
    case "unlink":
      return systemError(code, "unlink", path);
    case "freeBytes":
      return systemError(code, "statfs", path);
    case "realPath":
      return systemError(code, "realpath", path);
    default:
      return systemError(code, descriptorSyscalls[kind]);
  }
}

const descriptorSyscalls = {
  size: "fstat",
  read: "read",
  write: "write",
  truncate: "ftruncate",
  datasync: "fdatasync",
  sync: "fsync",
  syncDirectory: "fsync",
  close: "close",
  unlock: "flock",
} as const;
