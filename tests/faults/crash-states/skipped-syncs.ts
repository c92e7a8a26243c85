import { setImmediate } from "node:timers";
import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import { matches, type Call, type CallPattern } from "../../../src/vfs/fault.ts";
import type { CacheAfterLoss } from "../../../src/vfs/memory-content.ts";
import type { Between } from "./recorded-run.ts";

/** A store without the syncs that match, which for its callers end as all others do. */
export function skippingSyncs(pattern: CallPattern): Between {
  return (disk, options) => {
    const fileSystem = new SkippingFileSystem(disk, options);
    fileSystem.skipped = pattern;
    return fileSystem;
  };
}

class SkippingFileSystem extends FailingFileSystem {
  skipped: CallPattern = {};

  override passSync(
    call: Call,
    work: () => Promise<void>,
    lose: (cacheAfter: CacheAfterLoss) => void,
  ): Promise<void> {
    return super.passSync(call, matches(this.skipped, call) ? later : work, lose);
  }

  override passSyncNow(call: Call, work: () => void, lose: (cacheAfter: CacheAfterLoss) => void): void {
    super.passSyncNow(call, matches(this.skipped, call) ? () => {} : work, lose);
  }
}

const later = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** A sync that a store can't do without, and what a store does that needs it. */
export interface SyncKind {
  readonly what: string;
  readonly pattern: CallPattern;
  readonly workload: string;
}

/** One of each kind that there is. */
export const syncKinds: readonly SyncKind[] = [
  {
    what: "the datasync of a group",
    pattern: { kind: "datasync", path: /\.wal$/ },
    workload: "puts, one by one and at once",
  },
  {
    what: "the sync of a segment before it has its name",
    pattern: { kind: "sync", path: /\.wal\.tmp$/ },
    workload: "a rotation",
  },
  {
    what: "the sync of a segment that was trimmed",
    pattern: { kind: "sync", path: /\.wal$/ },
    workload: "a rotation",
  },
  {
    what: "the sync of the log's directory after a rename",
    pattern: { kind: "syncDirectory", path: /wal$/ },
    workload: "a rotation",
  },
  {
    what: "the sync of a table",
    pattern: { kind: "sync", path: /\.table\.tmp$/ },
    workload: "a flush",
  },
  {
    what: "the sync of the tables' directory after a rename",
    pattern: { kind: "syncDirectory", path: /tables$/ },
    workload: "a flush",
  },
  {
    what: "the datasync of an edit of the manifest",
    pattern: { kind: "datasync", path: /\.manifest$/ },
    workload: "a flush",
  },
  {
    what: "the sync of a manifest before it has its name",
    pattern: { kind: "sync", path: /\.manifest\.tmp$/ },
    workload: "a manifest that is written anew",
  },
  {
    what: "the sync of the manifest's directory after a rename",
    pattern: { kind: "syncDirectory", path: /manifest$/ },
    workload: "a manifest that is written anew",
  },
  {
    what: "the sync of the store's directory",
    pattern: { kind: "syncDirectory", path: /^\/data$/ },
    workload: "a first boot with a flush",
  },
  {
    what: "the sync of the directories above the store",
    pattern: { kind: "syncDirectory", path: /^\/$/ },
    workload: "a first boot with a flush",
  },
  {
    what: "the sync of a file of a backup",
    pattern: { kind: "sync", path: /^\/copy\.unfinished\/.*\.(wal|table)$/ },
    workload: "a backup beside writes",
  },
  {
    what: "the sync of the directories of a backup",
    pattern: { kind: "syncDirectory", path: /^\/copy/ },
    workload: "a backup beside writes",
  },
];
