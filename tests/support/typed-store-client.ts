import {
  codecs,
  connect,
  ConflictError,
  HoldfastError,
  type Database,
  type Snapshot,
} from "../../client/client.ts";
import type { Seen } from "./oracle-types.ts";
import {
  isWithin,
  type KeyRange,
  type ReadPage,
  type SizedOperation,
  type StoreClient,
  type StoreSnapshot,
  type WriteAnswer,
} from "./store-client.ts";
import { taggedValue, tagOf } from "./tagged-value.ts";

/** The store through the typed client, which must be right about what it calls refused, and what unknown. */
export class TypedStoreClient implements StoreClient {
  readonly database: Database<Uint8Array>;

  constructor(database: Database<Uint8Array>) {
    this.database = database;
  }

  static async open(port: number): Promise<TypedStoreClient> {
    const options = { codec: codecs.bytes, closeTimeoutMs: 1 };
    return new TypedStoreClient(await connect(`holdfast://127.0.0.1:${port}`, options));
  }

  async write(operations: readonly SizedOperation[], isBatch: boolean): Promise<WriteAnswer> {
    try {
      const { version } = await (isBatch ? this.#batch(operations) : this.#single(operations[0]!));
      return { kind: "written", version };
    } catch (error) {
      if (error instanceof ConflictError) {
        return { kind: "conflict", operationIndex: error.operationIndex, actualVersion: error.actualVersion };
      }
      if (!(error instanceof HoldfastError)) throw error;
      const { outcome } = error as { outcome?: string };
      return outcome === "not-applied" ? { kind: "refused", reason: error.message } : { kind: "unknown" };
    }
  }

  get(key: string): Promise<Seen | null | undefined> {
    return get(this.database, key);
  }

  getMany(keys: readonly string[]): Promise<ReadPage | undefined> {
    return getMany(this.database, keys, false);
  }

  scan(range: KeyRange): Promise<ReadPage | undefined> {
    return scan(this.database, range);
  }

  snapshot(): Promise<StoreSnapshot | undefined> {
    return unlessLost(async () => snapshotOf(await this.database.snapshot()));
  }

  close(): Promise<void> {
    return this.database.close();
  }

  #single({ key, type, tag, ifVersion, valueBytes }: SizedOperation): Promise<{ version: number }> {
    const condition = ifVersion === undefined ? {} : { ifVersion };
    return type === "put"
      ? this.database.put(key, taggedValue(tag, valueBytes), condition)
      : this.database.delete(key, condition);
  }

  #batch(operations: readonly SizedOperation[]): Promise<{ version: number }> {
    const batch = this.database.batch();
    for (const { key, type, tag, ifVersion, valueBytes } of operations) {
      const condition = ifVersion === undefined ? {} : { ifVersion };
      if (type === "put") batch.put(key, taggedValue(tag, valueBytes), condition);
      else batch.delete(key, condition);
    }
    return batch.commit();
  }
}

function snapshotOf(snapshot: Snapshot<Uint8Array>): StoreSnapshot {
  return {
    seq: snapshot.seq,
    get: (key) => get(snapshot, key),
    getMany: (keys) => getMany(snapshot, keys, true),
    scan: (range) => scan(snapshot, range),
    close: () => snapshot.close(),
  };
}

type Readable = Pick<Database<Uint8Array>, "getEntry" | "scan">;

function get(from: Readable, key: string): Promise<Seen | null | undefined> {
  return unlessLost(async () => {
    const entry = await from.getEntry(key);
    return entry === undefined ? null : seenOf(entry);
  });
}

/** The typed getMany leaves versions out, so that it is asked for entries one by one, in one tick. */
function getMany(
  from: Readable,
  keys: readonly string[],
  isOneInstant: boolean,
): Promise<ReadPage | undefined> {
  return unlessLost(async () => {
    const found = await Promise.all(keys.map((key) => from.getEntry(key)));
    const entries = new Map<string, Seen>();
    for (const [index, entry] of found.entries()) if (entry) entries.set(keys[index]!, seenOf(entry));
    return { entries, covers: (key: string) => keys.includes(key), isOneInstant };
  });
}

function scan(from: Readable, range: KeyRange): Promise<ReadPage | undefined> {
  return unlessLost(async () => {
    const entries = new Map<string, Seen>();
    for await (const entry of from.scan(range)) entries.set(entry.key, seenOf(entry));
    return { entries, covers: (key: string) => isWithin(range, key), isOneInstant: true };
  });
}

/** The answer of a read, or undefined if the connection was lost or the client closed before it came. */
async function unlessLost<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HoldfastError && lossCodes.includes(error.code)) return undefined;
    throw error;
  }
}

const lossCodes = ["CONNECTION_FAILED", "CLOSED", "TIMEOUT", "SHUTTING_DOWN", "STORAGE_FAULT"];

function seenOf({ value, version }: { value: Uint8Array; version: number }): Seen {
  return { version, tag: tagOf(value) };
}
