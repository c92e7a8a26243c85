import {
  encodeBatch,
  encodeDelete,
  encodeGet,
  encodeGetMany,
  encodePut,
  encodeScan,
  encodeStats,
  type BatchOperation,
  type ScanOptions,
} from "../../src/protocol/request-encoder.ts";
import {
  decodeEntry,
  decodeStats,
  decodeWritten,
  PageCursor,
  type EntryRange,
  type PageKind,
  type ResponseHead,
} from "../../src/protocol/response-decoder.ts";
import { status } from "../../src/protocol/status.ts";
import type { Seen } from "./oracle-types.ts";
import { RawConnection, type Answer } from "./raw-connection.ts";
import {
  isWithin,
  keyBytes,
  type KeyRange,
  type ReadPage,
  type SizedOperation,
  type StoreClient,
  type WriteAnswer,
} from "./store-client.ts";
import { taggedValue, tagOf } from "./tagged-value.ts";

/** The store over a raw connection: what a client in any language could do, and nothing more. */
export class RawStoreClient implements StoreClient {
  readonly connection: RawConnection;

  constructor(connection: RawConnection) {
    this.connection = connection;
  }

  static async open(port: number): Promise<RawStoreClient> {
    return new RawStoreClient(await RawConnection.open(port));
  }

  async write(operations: readonly SizedOperation[], isBatch: boolean): Promise<WriteAnswer> {
    const all = operations.map(encodable);
    const only = all[0]!;
    const answer = await this.connection.request((writer, id) => {
      if (isBatch) encodeBatch(writer, id, all);
      else if (only.type === "put")
        encodePut(writer, id, only.key, only.value, { ifVersion: only.ifVersion });
      else encodeDelete(writer, id, only.key, { ifVersion: only.ifVersion });
    }, decodeWritten);
    if (answer === undefined) return { kind: "unknown" };
    const { refusal } = answer;
    if (refusal === undefined) return { kind: "written", version: answer.value };
    if (refusal.status === status.CONFLICT) {
      const [actualVersion = 0, operationIndex = 0] = refusal.details;
      return { kind: "conflict", operationIndex, actualVersion };
    }
    return refusal.outcome === "unknown" ? { kind: "unknown" } : { kind: "refused", reason: refusal.message };
  }

  async get(key: string): Promise<Seen | null | undefined> {
    const answer = await this.connection.request(
      (writer, id) => encodeGet(writer, id, keyBytes(key)),
      (bytes, head) => {
        const entry = { version: 0, valueStart: 0, valueEnd: 0 };
        decodeEntry(bytes, head, entry);
        return entry.version === 0 ? null : seenOf(bytes, entry);
      },
    );
    return readValue(answer);
  }

  async getMany(keys: readonly string[]): Promise<ReadPage | undefined> {
    const answer = await this.connection.request(
      (writer, id) => encodeGetMany(writer, id, keys.map(keyBytes)),
      (bytes, head) => {
        const page = pageOf(bytes, head, "getMany");
        const entries = new Map<string, Seen>();
        const answered = keys.slice(0, page.entryCount);
        for (const key of answered)
          if (page.next() && page.version > 0) entries.set(key, seenOf(bytes, page));
        return { entries, covers: (key: string) => answered.includes(key), isOneInstant: true };
      },
    );
    return readValue(answer);
  }

  async scan(range: KeyRange): Promise<ReadPage | undefined> {
    const { start, end, reverse } = range;
    const page = await this.#page({ start: keyBytes(start), end: keyBytes(end), reverse });
    if (page === undefined) return undefined;
    const last = page.last?.toString("latin1");
    const isBefore = (key: string) => last === undefined || (reverse ? key >= last : key <= last);
    return {
      entries: page.entries,
      covers: (key) => isWithin(range, key) && isBefore(key),
      isOneInstant: true,
    };
  }

  /** Everything that the store holds below a prefix, and its newest seq: of one moment while nobody writes. */
  async readAll(prefix = ""): Promise<{ entries: Map<string, Seen>; currentSeq: number }> {
    const entries = new Map<string, Seen>();
    let after: Buffer | undefined;
    do {
      const page = await this.#page({ prefix: keyBytes(prefix), after });
      if (page === undefined) throw new Error("The connection ended while the store was read");
      for (const [key, seen] of page.entries) entries.set(key, seen);
      after = page.last;
    } while (after !== undefined);
    const stats = await this.stats();
    const { currentSeq } = stats["store"] as { currentSeq: number };
    return { entries, currentSeq };
  }

  async stats(): Promise<Record<string, unknown>> {
    const stats = readValue(await this.connection.request(encodeStats, decodeStats));
    if (stats === undefined) throw new Error("The connection ended before the stats came");
    return stats;
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  async #page(
    options: ScanOptions,
  ): Promise<{ entries: Map<string, Seen>; last: Buffer | undefined } | undefined> {
    const answer = await this.connection.request(
      (writer, id) => encodeScan(writer, id, options),
      (bytes, head) => {
        const page = pageOf(bytes, head, "scan");
        const entries = new Map<string, Seen>();
        while (page.next())
          entries.set(bytes.toString("latin1", page.keyStart, page.keyEnd), seenOf(bytes, page));
        const last = Buffer.from(bytes.subarray(page.lastKeyStart, page.lastKeyEnd));
        return { entries, last: page.more ? last : undefined };
      },
    );
    return readValue(answer);
  }
}

function encodable({ key, type, tag, ifVersion, valueBytes }: SizedOperation): BatchOperation {
  return type === "put"
    ? { type, key: keyBytes(key), value: taggedValue(tag, valueBytes), ifVersion }
    : { type, key: keyBytes(key), ifVersion };
}

/** A read is refused only when the server ends; then it is as good as never answered. */
function readValue<T>(answer: Answer<T>): T | undefined {
  if (answer === undefined || answer.refusal === undefined) return answer?.value;
  const { code, message } = answer.refusal;
  if (code === "SHUTTING_DOWN" || code === "STORAGE_FAULT") return undefined;
  throw new Error(`The server refused a read: ${message}`);
}

function pageOf(bytes: Buffer, head: ResponseHead, kind: PageKind): PageCursor {
  const page = new PageCursor();
  page.decode(bytes, head, kind);
  return page;
}

function seenOf(bytes: Buffer, { version, valueStart, valueEnd }: EntryRange): Seen {
  return { version, tag: tagOf(bytes.subarray(valueStart, valueEnd)) };
}
