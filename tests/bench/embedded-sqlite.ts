import { Database } from "bun:sqlite";
import { join } from "node:path";
import { EntryBuffers, type EmbeddedKind, type EmbeddedStore } from "./embedded-store.ts";
import { entryOf } from "./entry-of.ts";

/** Each put in a transaction of its own: it has no other way to acknowledge each by itself. */
export const embeddedSqlite: EmbeddedKind = {
  async open(directory) {
    const database = openDatabase(directory);
    const put = database.prepare(putSql);
    return storeOf(database, (_, next, acknowledged) => {
      const { fill, key, value } = entryBuffers();
      for (let number = next(); number >= 0; number = next()) {
        fill(number);
        const sinceMs = performance.now();
        put.run(key, value);
        acknowledged(number, sinceMs);
      }
    });
  },
  find,
};

/** As many puts in one transaction as are in flight: what a program can do that has so many at once. */
export const embeddedSqliteBatched: EmbeddedKind = {
  async open(directory) {
    const database = openDatabase(directory);
    const put = database.prepare(putSql);
    return storeOf(database, (inFlight, next, acknowledged) => {
      const { fill, key, value } = entryBuffers();
      const numbers: number[] = [];
      for (let number = next(); number >= 0;) {
        const sinceMs = performance.now();
        database.run("BEGIN IMMEDIATE");
        for (; number >= 0 && numbers.length < inFlight; number = next()) {
          fill(number);
          put.run(key, value);
          numbers.push(number);
        }
        database.run("COMMIT");
        for (const done of numbers) acknowledged(done, sinceMs);
        numbers.length = 0;
      }
    });
  },
  find,
};

const putSql = "INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)";

/** The table whose tree is ordered by the key itself is the faster one for such entries. */
function openDatabase(directory: string): Database {
  const database = new Database(join(directory, "entries.sqlite"), { create: true });
  const mode = database.query("PRAGMA journal_mode = WAL").get() as { journal_mode: string };
  if (mode.journal_mode !== "wal") throw new Error(`SQLite writes its journal as ${mode.journal_mode}`);
  database.run("PRAGMA synchronous = FULL");
  database.run(
    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
  );
  return database;
}

function storeOf(
  database: Database,
  run: (...parameters: Parameters<EmbeddedStore["run"]>) => void,
): EmbeddedStore {
  return {
    run: async (...parameters) => run(...parameters),
    close: async () => database.close(true),
  };
}

function entryBuffers() {
  const entry = new EntryBuffers();
  return { key: entry.key, value: entry.value, fill: (number: number) => entry.fill(number) };
}

async function find(directory: string, _: string, wanted: ReadonlySet<number>): Promise<Set<number>> {
  using database = openDatabase(directory);
  const get = database.prepare<{ value: Uint8Array }, [Uint8Array]>(
    "SELECT value FROM entries WHERE key = ?",
  );
  const { fill, key } = entryBuffers();
  const found = new Set<number>();
  for (const number of wanted) {
    fill(number);
    const row = get.get(key);
    if (row !== null && entryOf(key, row.value) === number) found.add(number);
  }
  get.finalize();
  return found;
}
