import { partOf, type Cell } from "./calls.ts";

export const faultNames = [
  "EIO",
  "ENOSPC",
  "EDQUOT",
  "EINTR",
  "short write",
  "zero write",
  "short read",
  "zero read",
] as const;

export type FaultName = (typeof faultNames)[number];

/** This call alone; or it, and all of its kind on the same part of the store from then on. */
export type Spread = "once" | "sticky";

/** How one call goes wrong. */
export interface Way {
  readonly name: FaultName;
  readonly spread: Spread;
}

/** The calls that are failed: all that a server makes on its store. Whoever adds another has to say how it fails. */
export const coveredKinds = [
  "close",
  "fdatasync",
  "flock",
  "fsync",
  "ftruncate",
  "getdents64",
  "mkdir",
  "openat",
  "pread64",
  "pwrite64",
  "rename",
  "statfs",
  "statx",
  "unlink",
] as const;

/** Every fault that is left out, of which calls, and why. */
export const exclusions: readonly {
  readonly faults: readonly FaultName[];
  readonly spread?: Spread;
  readonly isOf: (cell: Cell) => boolean;
  readonly why: string;
}[] = [
  {
    faults: ["ENOSPC", "EDQUOT"],
    isOf: ({ kind, creates }) => !takesRoom.includes(kind) || (kind === "openat" && !creates),
    why: "a call that takes no room can't lack it",
  },
  {
    faults: ["ENOSPC", "EDQUOT"],
    isOf: ({ kind, isWritten }) => kind === "close" && !isWritten,
    why: "close tells what earlier writes to the file have met, and there were none",
  },
  {
    faults: ["EINTR"],
    isOf: ({ kind }) => !waits.includes(kind),
    why: "the manual knows no interruption of a call that waits for nothing",
  },
  {
    faults: ["EINTR"],
    spread: "sticky",
    isOf: ({ kind }) => begunAgain.includes(kind),
    why: "Bun begins these again until they are done: no signal interrupts for ever",
  },
  {
    faults: ["short write", "zero write"],
    isOf: ({ kind }) => kind !== "pwrite64",
    why: "only a write says how much it wrote",
  },
  {
    faults: ["short read", "zero read"],
    isOf: ({ kind, bytes }) => kind !== "pread64" || bytes === 0,
    why: "only a read says how much it read, and nothing is less than nothing",
  },
];

const takesRoom = ["close", "fdatasync", "fsync", "ftruncate", "mkdir", "openat", "pwrite64", "rename"];
const waits = [
  "close",
  "fdatasync",
  "flock",
  "fsync",
  "ftruncate",
  "openat",
  "pread64",
  "pwrite64",
  "statfs",
];
const begunAgain = ["ftruncate", "openat", "pread64", "pwrite64", "statfs"];
const syncing = ["fdatasync", "fsync"];
const reading = ["getdents64", "openat", "pread64", "statx"];
const changing = ["ftruncate", "mkdir", "pwrite64", "rename", "unlink"];

export const isSyncing = ({ kind }: Pick<Cell, "kind">): boolean => syncing.includes(kind);
export const isChanging = ({ kind, creates }: Cell): boolean => changing.includes(kind) || creates;
export const isReading = ({ kind, creates }: Cell): boolean => reading.includes(kind) && !creates;
/** There is something to read in the file for people; nothing depends on it. */
export const isOfLock = ({ path }: Pick<Cell, "path">): boolean => path === "wal/LOCK";
export const isNoRoom = ({ name }: Way): boolean => name === "ENOSPC" || name === "EDQUOT";
export const isBegunAgain = ({ kind }: Cell, { name }: Way): boolean =>
  name === "EINTR" && begunAgain.includes(kind);
/** strace does not perform the call, and what it says of it is not so: bytes were neither written nor read. */
export const isLie = ({ name }: Way): boolean =>
  name === "short write" || name === "short read" || name === "zero read";

/** Every way in which a call can fail that means anything for it. */
export function waysToFail(cell: Cell): Way[] {
  return faultNames.flatMap((name) =>
    (["once", "sticky"] as const).flatMap((spread) =>
      whyNot(cell, { name, spread }) ? [] : [{ name, spread }],
    ),
  );
}

/** Why a call is not failed in that way; undefined: it is. */
export function whyNot(cell: Cell, way: Way): string | undefined {
  return exclusions.find(
    ({ faults, spread = way.spread, isOf }) =>
      faults.includes(way.name) && spread === way.spread && isOf(cell),
  )?.why;
}

export const outcomes = ["unnoticed", "waited for room", "stopped", "did not start"] as const;

export type Outcome = (typeof outcomes)[number];

/** What may come of it for whoever uses the store. */
export function outcomesAllowed(cell: Cell, way: Way): readonly Outcome[] {
  if (cell.kind === "close" || isBegunAgain(cell, way)) return ["unnoticed"];
  // Who opens a file to read it needs no room; but a thread's n-th call may be another one than was meant.
  const isWritten = cell.kind !== "mkdir" && (cell.kind !== "openat" || cell.creates);
  if (isNoRoom(way) && partOf(cell.path) === "tables" && isWritten) {
    // A flush or a merge begins anew, with other files, once there is room. A start has no time to wait.
    return way.spread === "once" ? ["unnoticed", "waited for room"] : outcomes;
  }
  // Nobody knows what is on the disk once anything was to change there, and failed: nothing may go on.
  const mustStop = (isChanging(cell) || isSyncing(cell)) && !isOfLock(cell) && way.name !== "short write";
  return mustStop ? ["stopped", "did not start"] : ["unnoticed", "stopped", "did not start"];
}
