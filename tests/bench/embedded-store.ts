import { viewOf } from "./entry-of.ts";
import { keyBytes, valueBytes, writeKey, writeValue } from "./numbered-entries.ts";

/** A store inside this process. A put is acknowledged when it is synced, and not before. */
export interface EmbeddedStore {
  /**
   * Puts the entries that `next` names, until that is -1, so many at a time, and resolves when all are acknowledged.
   * `acknowledged` hears of each, and when it began.
   */
  run(inFlight: number, next: () => number, acknowledged: Acknowledged): Promise<void>;
  close(): Promise<void>;
}

export type Acknowledged = (entryNumber: number, sinceMs: number) => void;

export interface EmbeddedKind {
  open(directory: string, root: string): Promise<EmbeddedStore>;
  /** Opens what was closed, and tells which of these entries it has, each with its right value. */
  find(directory: string, root: string, wanted: ReadonlySet<number>): Promise<Set<number>>;
}

/** An entry's bytes, written anew for each number. */
export class EntryBuffers {
  readonly key = Buffer.alloc(keyBytes);
  readonly value = Buffer.alloc(valueBytes);
  readonly #keyView = viewOf(this.key);
  readonly #valueView = viewOf(this.value);

  fill(entryNumber: number): void {
    writeKey(this.#keyView, 0, entryNumber);
    writeValue(this.#valueView, 0, entryNumber);
  }
}

/** So many callers, each of which waits for its put before it makes the next: what a program with promises does. */
export async function putInParallel(
  inFlight: number,
  next: () => number,
  acknowledged: Acknowledged,
  put: (entry: EntryBuffers) => Promise<unknown>,
): Promise<void> {
  const caller = async () => {
    const entry = new EntryBuffers();
    for (let number = next(); number >= 0; number = next()) {
      entry.fill(number);
      const sinceMs = performance.now();
      await put(entry);
      acknowledged(number, sinceMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}
