import type { Operation, Seen } from "./oracle-types.ts";

/** An operation of a workload: the oracle's, and how long the value is that a put writes. */
export interface SizedOperation extends Operation {
  readonly valueBytes: number;
}

/** One connection to a server, in the oracle's terms: raw, or through the typed client. */
export interface StoreClient {
  /** Requests are executed in the order of the calls. */
  write(operations: readonly SizedOperation[], isBatch: boolean): Promise<WriteAnswer>;
  /** `null`: absent. `undefined`, here and below: no answer came. */
  get(key: string): Promise<Seen | null | undefined>;
  getMany(keys: readonly string[]): Promise<ReadPage | undefined>;
  /** The whole range, over as many pages as it takes. */
  scan(range: KeyRange): Promise<ReadPage | undefined>;
  snapshot(): Promise<StoreSnapshot | undefined>;
  /** Once the server is gone, or nobody needs it any more. */
  close(): Promise<void>;
}

/** The store as it was at one moment. */
export interface StoreSnapshot {
  /** It shows everything up to this seq, and nothing else. */
  readonly seq: number;
  get(key: string): Promise<Seen | null | undefined>;
  getMany(keys: readonly string[]): Promise<ReadPage | undefined>;
  /** In pages of so many entries, where the client may choose. */
  scan(range: KeyRange, pageEntries: number): Promise<ReadPage | undefined>;
  close(): Promise<void>;
}

export type WriteAnswer =
  | { readonly kind: "written"; readonly version: number }
  | { readonly kind: "conflict"; readonly operationIndex: number; readonly actualVersion: number }
  /** Certainly not applied. */
  | { readonly kind: "refused"; readonly reason: string; readonly status?: number }
  | { readonly kind: "unknown" };

/** Keys from `start` (inclusive) to `end` (exclusive). */
export interface KeyRange {
  readonly start: string;
  readonly end: string;
  readonly reverse: boolean;
}

export interface ReadPage {
  readonly entries: ReadonlyMap<string, Seen>;
  /** Whether the answer would have held an entry of this key, had there been one. */
  readonly covers: (key: string) => boolean;
  /** Whether it is one answer, of one instant. */
  readonly isOneInstant: boolean;
}

export const keyBytes = (key: string) => Buffer.from(key, "latin1");

export function isWithin(range: KeyRange, key: string): boolean {
  return key >= range.start && key < range.end;
}
