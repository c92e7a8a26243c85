import { newestState, snapshotWanted } from "../../src/protocol/opcodes.ts";
import {
  encodeCloseSnapshot,
  encodeGet,
  encodeGetMany,
  encodeScan,
  type ScanOptions,
} from "../../src/protocol/request-encoder.ts";
import {
  decodeDone,
  decodeEntry,
  PageCursor,
  type EntryRange,
  type PageKind,
  type ResponseHead,
} from "../../src/protocol/response-decoder.ts";
import type { Seen } from "./oracle-types.ts";
import type { Answer, RawConnection } from "./raw-connection.ts";
import { isWithin, keyBytes, type KeyRange, type ReadPage, type StoreSnapshot } from "./store-client.ts";
import { tagOf } from "./tagged-value.ts";

/** Reads over a raw connection, of the newest state or of a snapshot. */
export class RawReads {
  readonly connection: RawConnection;
  readonly #snapshotId: number;

  constructor(connection: RawConnection, snapshotId: number = newestState) {
    this.connection = connection;
    this.#snapshotId = snapshotId;
  }

  async get(key: string): Promise<Seen | null | undefined> {
    const answer = await this.connection.request(
      (writer, id) => encodeGet(writer, id, keyBytes(key), this.#snapshotId),
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
      (writer, id) => encodeGetMany(writer, id, keys.map(keyBytes), this.#snapshotId),
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

  /** `pageEntries` 0: as many as a page holds. */
  async scan(range: KeyRange, pageEntries = 0): Promise<ReadPage | undefined> {
    const { start, end, reverse } = range;
    const entries = await this.scanAll({
      start: keyBytes(start),
      end: keyBytes(end),
      reverse,
      limit: pageEntries,
    });
    if (entries === undefined) return undefined;
    // A page of its own size opens no snapshot for those behind it, so they are from later moments.
    const isOneInstant = pageEntries === 0 || this.#snapshotId !== newestState;
    return { entries, covers: (key) => isWithin(range, key), isOneInstant };
  }

  /** All pages, of one instant: that of the snapshot, or of the one that the server opens with the first page. */
  async scanAll(options: ScanOptions): Promise<Map<string, Seen> | undefined> {
    const entries = new Map<string, Seen>();
    let snapshotId = this.#snapshotId === newestState ? snapshotWanted : this.#snapshotId;
    let after: Buffer | undefined;
    do {
      const page = await this.#page({ ...options, after, snapshotId });
      if (page === undefined) return undefined;
      for (const [key, seen] of page.entries) entries.set(key, seen);
      after = page.last;
      if (page.snapshotId !== newestState) snapshotId = page.snapshotId;
    } while (after !== undefined);
    return entries;
  }

  async #page(options: ScanOptions): Promise<ScannedPage | undefined> {
    const answer = await this.connection.request(
      (writer, id) => encodeScan(writer, id, options),
      (bytes, head) => {
        const page = pageOf(bytes, head, "scan");
        const entries = new Map<string, Seen>();
        while (page.next())
          entries.set(bytes.toString("latin1", page.keyStart, page.keyEnd), seenOf(bytes, page));
        const last = Buffer.from(bytes.subarray(page.lastKeyStart, page.lastKeyEnd));
        return { entries, last: page.more ? last : undefined, snapshotId: page.snapshotId };
      },
    );
    return readValue(answer);
  }
}

/** A snapshot that a raw connection opened. */
export class RawSnapshot extends RawReads implements StoreSnapshot {
  readonly seq: number;
  readonly #id: number;

  constructor(connection: RawConnection, id: number, seq: number) {
    super(connection, id);
    this.#id = id;
    this.seq = seq;
  }

  async close(): Promise<void> {
    readValue(
      await this.connection.request((writer, id) => encodeCloseSnapshot(writer, id, this.#id), decodeDone),
    );
  }
}

/** A read is refused only when the server ends; then it is as good as never answered. */
export function readValue<T>(answer: Answer<T>): T | undefined {
  if (answer === undefined || answer.refusal === undefined) return answer?.value;
  const { code, message } = answer.refusal;
  if (code === "SHUTTING_DOWN" || code === "STORAGE_FAULT") return undefined;
  throw new Error(`The server refused a read: ${message}`);
}

interface ScannedPage {
  readonly entries: Map<string, Seen>;
  /** Behind which the next page begins; undefined: there is none. */
  readonly last: Buffer | undefined;
  readonly snapshotId: number;
}

function pageOf(bytes: Buffer, head: ResponseHead, kind: PageKind): PageCursor {
  const page = new PageCursor();
  page.decode(bytes, head, kind);
  return page;
}

function seenOf(bytes: Buffer, { version, valueStart, valueEnd }: EntryRange): Seen {
  return { version, tag: tagOf(bytes.subarray(valueStart, valueEnd)) };
}
