import type { EmbeddedKind } from "./embedded-store.ts";

/** Loaded when it is its turn: one of them may not be installed, and no process needs another one's library. */
export const embeddedKinds: Record<string, () => Promise<EmbeddedKind>> = {
  "holdfast/wal": async () => (await import("./embedded-wal.ts")).embeddedWal,
  "holdfast engine": async () => (await import("./embedded-engine.ts")).embeddedEngine,
  "sqlite, autocommit": async () => (await import("./embedded-sqlite.ts")).embeddedSqlite,
  "sqlite, transactions of 100": async () => (await import("./embedded-sqlite.ts")).embeddedSqliteBatched,
  lmdb: async () => (await import("./embedded-lmdb.ts")).embeddedLmdb,
};
