import type { Call, CallKind, CallPattern, Fault } from "../../../src/vfs/fault.ts";
import type { CacheAfterLoss } from "../../../src/vfs/memory-content.ts";

/** How one call goes wrong, and those after it. */
export interface Way {
  readonly name: FaultName;
  readonly spread: Spread;
  /** Of a failed sync: what the cache shows of the bytes that never came to the disk. */
  readonly lost?: CacheAfterLoss;
  /** The call did its work, and says that it failed. */
  readonly applied?: boolean;
}

export const faultNames = [
  "EIO",
  "ENOSPC",
  "EDQUOT",
  "EINTR",
  "short write",
  "zero write",
  "short read",
  "zero read",
  "disk full",
] as const;

export type FaultName = (typeof faultNames)[number];

/** This call; all of its kind on the same part of the store from then on; whatever is called from then on. */
export const spreads = ["once", "sticky", "dead disk"] as const;

export type Spread = (typeof spreads)[number];

/** The parts of a store, and what is beside it: a sticky fault stays within one. */
export const parts = ["wal", "manifest", "tables", "backup", "above"] as const;

export type Part = (typeof parts)[number];

export function partOf({ path, to }: Pick<Call, "path" | "to">): Part {
  if ((to ?? path).startsWith("/backup")) return "backup";
  return parts.find((part) => path.startsWith(`/data/${part}`)) ?? "above";
}

const patterns: Record<Part, RegExp> = {
  wal: /^\/data\/wal/,
  manifest: /^\/data\/manifest/,
  tables: /^\/data\/tables/,
  backup: /^\/backup/,
  above: /^\/(data)?$/,
};

/** What takes room on the disk may find none. */
const growing: readonly CallKind[] = [
  "create",
  "write",
  "truncate",
  "makeDirectory",
  "rename",
  "link",
  "lock",
  "datasync",
  "sync",
  "syncDirectory",
];
/** What may wait for the disk may be interrupted. */
const slow: readonly CallKind[] = [
  "create",
  "open",
  "openRead",
  "read",
  "write",
  "truncate",
  "lock",
  "lockToRead",
  "close",
  "datasync",
  "sync",
  "syncDirectory",
];
const changing: readonly CallKind[] = [
  "create",
  "write",
  "truncate",
  "makeDirectory",
  "removeDirectory",
  "rename",
  "link",
  "unlink",
];
const syncing: readonly CallKind[] = ["datasync", "sync", "syncDirectory"];

export const isChanging = ({ kind }: Call): boolean => changing.includes(kind);
export const isSyncing = ({ kind }: Call): boolean => syncing.includes(kind);

/** Every way in which a call can fail that means anything for a call of its kind. */
export function waysToFail(call: Call): Way[] {
  const { kind } = call;
  const codes = (["EIO", "ENOSPC", "EDQUOT", "EINTR"] as const).filter((code) => {
    if (code === "EIO") return true;
    return code === "EINTR" ? slow.includes(kind) : growing.includes(kind);
  });
  const errors = codes.flatMap((name) =>
    [...losses(call), undefined].map((lost) => (lost ? { name, lost } : { name })),
  );
  const ways: Way[] = errors.flatMap((error) => [
    { ...error, spread: "once" },
    { ...error, spread: "sticky" },
  ]);
  ways.push({ name: "EIO", spread: "dead disk" });
  if (isChanging(call) || isSyncing(call)) ways.push({ name: "EIO", spread: "once", applied: true });
  const values: FaultName[] =
    kind === "write"
      ? ["short write", "zero write"]
      : kind === "read"
        ? ["short read", "zero read"]
        : kind === "freeBytes"
          ? ["disk full"]
          : [];
  return [
    ...ways,
    ...values.flatMap((name): Way[] => [
      { name, spread: "once" },
      { name, spread: "sticky" },
    ]),
  ];
}

/**
 * What the cache may show after a failed sync. Names above the log's, once a sync of them has failed and a later one
 * succeeded, are durable: src/wal/README.md, "What the disk is trusted with".
 */
function losses(call: Call): CacheAfterLoss[] {
  if (call.kind === "datasync" || call.kind === "sync") return ["new", "old", "hole"];
  const isOwnDirectory = /^\/data\/(wal|manifest|tables)$/.test(call.path);
  return call.kind === "syncDirectory" && isOwnDirectory ? ["new"] : [];
}

/** The fault that fails the call at this index of the run in this way. A full disk is no fault of a call. */
export function faultOf(way: Way, calls: readonly Call[], index: number): Fault | undefined {
  const { name, spread, lost, applied } = way;
  if (name === "disk full") return undefined;
  const call = calls[index]!;
  const bytes: Partial<Record<FaultName, number>> = {
    "short write": 1 + (index % 7),
    "zero write": 0,
    "short read": 1 + (index % 7),
    "zero read": 0,
  };
  const when =
    spread === "sticky" ? stickyFrom(call, calls, index) : { at: index + 1, sticky: spread === "dead disk" };
  if (bytes[name] !== undefined) return { ...when, bytes: bytes[name] };
  const error = name as "EIO" | "ENOSPC" | "EDQUOT" | "EINTR";
  return { ...when, error, ...(lost && { lost }), ...(applied && { applied }) };
}

function stickyFrom(
  call: Call,
  calls: readonly Call[],
  index: number,
): CallPattern & { at: number; sticky: true } {
  const path = patterns[partOf(call)];
  const isSame = ({ kind, path: name, to }: Call) =>
    kind === call.kind && [name, to].some((each) => each !== undefined && path.test(each));
  return { kind: call.kind, path, at: calls.slice(0, index + 1).filter(isSame).length, sticky: true };
}
