import type { EntrySource } from "../../../src/engine/entry-cursor.ts";
import { Lookup, newestVersion } from "../../../src/engine/lookup.ts";
import { MemtableStack } from "../../../src/engine/memtable-stack.ts";
import { scanPage } from "../../../src/engine/scan-page.ts";
import type { Replies, ScanRange } from "../../../src/engine/store.ts";
import type { TableSet } from "../../../src/engine/table-set.ts";
import type { Subject, Version } from "./subject.ts";

/** What every key of a store has at one seq: its newest version until then, which may be a delete. */
export class Content {
  readonly keys: readonly Version[];
  readonly live: readonly Version[];

  constructor({ versions }: Pick<Subject, "versions">, seq: number) {
    const newest = new Map<string, Version>();
    for (const change of versions) {
      if (change.version > seq) continue;
      const key = change.key.toString("latin1");
      if (change.version > (newest.get(key)?.version ?? 0)) newest.set(key, change);
    }
    this.keys = [...newest.values()].sort((one, other) => Buffer.compare(one.key, other.key));
    this.live = this.keys.filter(({ value }) => value !== undefined);
  }
}

/** The contents of a store at whatever seq was recovered, each computed once. */
export class Contents {
  readonly #subject: Pick<Subject, "versions">;
  readonly #known = new Map<number, Content>();

  constructor(subject: Pick<Subject, "versions">) {
    this.#subject = subject;
  }

  through(seq: number): Content {
    const known = this.#known.get(seq) ?? new Content(this.#subject, seq);
    this.#known.set(seq, known);
    return known;
  }
}

/**
 * Reads everything there is, by scan in both directions and key by key, and tells the first difference to what should
 * be there; undefined if there is none. What can't be read throws.
 */
export function differenceTo(
  content: Content,
  memtables: MemtableStack,
  tables: TableSet,
): string | undefined {
  for (const reverse of [false, true]) {
    const comparison = new Comparison(reverse ? content.live.toReversed() : content.live);
    scanAll([...memtables.sources(), ...tables.sources()], reverse, comparison);
    if (comparison.difference !== undefined) return comparison.difference;
  }
  const lookup = new Lookup(memtables, tables);
  for (const { key, version, value } of content.keys) {
    lookup.find(key, 0, key.length, newestVersion);
    // Where nothing older lies below it, a delete may be gone from the tables.
    const isAbsent = value === undefined && !lookup.hasValue;
    const isSame =
      lookup.hasValue &&
      lookup.version === version &&
      value?.compare(lookup.bytes, lookup.valueStart, lookup.valueEnd) === 0;
    if (!isAbsent && !isSame) return `a get of ${key} does not find version ${version}`;
  }
  return undefined;
}

/** The same for an engine that is open. */
export function engineDifferenceTo(
  content: Content,
  scan: (range: ScanRange, replies: Replies) => void,
): string | undefined {
  const comparison = new Comparison(content.live);
  let after: Buffer | undefined;
  for (let more = true; more;) {
    more = false;
    scan(rangeBehind(after, false), {
      ...comparison.replies,
      pageEntry(keyBytes, keyStart, keyEnd, version, valueBytes, valueStart, valueEnd) {
        comparison.replies.pageEntry(keyBytes, keyStart, keyEnd, version, valueBytes, valueStart, valueEnd);
        after = Buffer.from(keyBytes.subarray(keyStart, keyEnd));
      },
      page: (_id, isMore) => (more = isMore),
      refused(_id, refusal) {
        throw refusal;
      },
    });
  }
  comparison.end();
  return comparison.difference;
}

function scanAll(sources: readonly EntrySource[], reverse: boolean, comparison: Comparison): void {
  const { more } = scanPage(sources, rangeBehind(undefined, reverse), newestVersion, 1e6, comparison.replies);
  if (more) comparison.difference ??= "one page does not hold everything";
  comparison.end();
}

function rangeBehind(after: Uint8Array | undefined, reverse: boolean): ScanRange {
  return { start: undefined, end: undefined, prefix: undefined, after, reverse, limit: 0, keysOnly: false };
}

/** Takes the entries of a scan and compares each with the one that should come. */
class Comparison {
  difference: string | undefined;
  readonly replies: Replies;
  readonly #expected: readonly Version[];
  #count = 0;

  constructor(expected: readonly Version[]) {
    this.#expected = expected;
    const unwanted = (): never => {
      throw new Error("A scan is answered with a page");
    };
    this.replies = {
      entry: unwanted,
      written: unwanted,
      snapshot: unwanted,
      done: unwanted,
      page: unwanted,
      refused: unwanted,
      pageEntry: (keyBytes, keyStart, keyEnd, version, valueBytes, valueStart, valueEnd) => {
        // The end of a page that holds deletes only.
        if (version === 0) return;
        const wanted = this.#expected[this.#count++];
        const isSame =
          wanted !== undefined &&
          wanted.version === version &&
          wanted.key.compare(keyBytes, keyStart, keyEnd) === 0 &&
          wanted.value!.compare(valueBytes, valueStart, valueEnd) === 0;
        if (isSame) return;
        const found = `${keyBytes.toString("latin1", keyStart, keyEnd)} at version ${version}`;
        this.difference ??= `a scan shows ${found} where ${wanted?.key ?? "nothing"} should come`;
      },
    };
  }

  end(): void {
    const { length } = this.#expected;
    if (this.#count < length) this.difference ??= `a scan shows ${this.#count} of ${length} entries`;
  }
}
