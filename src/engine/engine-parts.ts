import type { LogWriter } from "../wal/log-writer.ts";
import type { Ownership } from "../wal/ownership.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { MemtableStack } from "./memtable-stack.ts";
import type { Snapshots } from "./snapshots.ts";
import type { SyncMode } from "./store.ts";
import type { TableStore } from "./table-store.ts";

/** What opening puts together (open.ts), and the engine works with. */
export interface EngineParts {
  directory: string;
  syncMode: SyncMode;
  writer: LogWriter;
  ownership: Ownership;
  memtables: MemtableStack;
  tables: TableStore;
  snapshots: Snapshots;
  housekeeping: Housekeeping;
  /** Entries on a page of a scan or of a getMany. */
  pageEntriesMax: number;
  tornTail: TornTail | undefined;
}

export interface TornTail {
  /** Where the cut bytes are kept. */
  file: string;
  bytes: number;
}
