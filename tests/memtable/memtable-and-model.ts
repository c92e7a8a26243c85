import { expect } from "bun:test";
import { hashKey } from "../../src/memtable/hash-key.ts";
import type { MemtableCursor } from "../../src/memtable/memtable-cursor.ts";
import { Memtable } from "../../src/memtable/memtable.ts";

const hashSeed = 0xfeed_beef;
/** Stands before every key, as in a log, so that no place is where a bug would expect it. */
const recordHeader = Buffer.from([0xaa, 0xbb, 0xcc]);

export interface ModelEntry {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
  readonly version: number;
}

export type HashFunction = (key: Buffer) => number;

export interface SubjectOptions {
  readonly bytes?: Buffer;
  readonly seqBefore?: number;
  readonly hash?: HashFunction;
  readonly entriesExpected?: number;
  readonly ordersAhead?: boolean;
  readonly reuse?: Memtable;
}

/** A memtable, and beside it a Map that is told the same: what one says of a key, the other must say too. */
export class MemtableAndModel {
  readonly memtable: Memtable;
  readonly model = new Map<string, ModelEntry>();
  /** Of every key all versions, oldest first. */
  readonly history = new Map<string, ModelEntry[]>();
  version: number;
  readonly #bytes: Buffer;
  readonly #hash: HashFunction;
  #used = 0;

  constructor(options: SubjectOptions = {}) {
    this.#bytes = options.bytes ?? Buffer.alloc(1024 * 1024);
    this.#hash = options.hash ?? ((key) => hashKey(key, 0, key.length, hashSeed));
    this.version = options.seqBefore ?? 0;
    this.memtable = new Memtable({
      bytes: this.#bytes,
      seqBefore: this.version,
      hashSeed,
      entriesExpected: options.entriesExpected ?? 0,
      ordersAhead: options.ordersAhead ?? false,
      reuse: options.reuse,
    });
  }

  put(key: Buffer, value: Buffer = Buffer.from(`value ${this.version}`)): number {
    this.#append(recordHeader);
    const start = this.#append(key);
    this.#append(value);
    this.#remember({ key, value, version: ++this.version });
    return this.memtable.put(this.#hash(key), start, key.length, value.length, this.version);
  }

  delete(key: Buffer): number {
    this.#append(recordHeader);
    const start = this.#append(key);
    this.#remember({ key, value: undefined, version: ++this.version });
    return this.memtable.delete(this.#hash(key), start, key.length, this.version);
  }

  find(key: Buffer): ModelEntry | undefined {
    const entry = this.entryOf(key);
    return entry === -1 ? undefined : this.read(entry);
  }

  entryOf(key: Buffer): number {
    // A buffer with other bytes around the key, as a request in a socket's chunk has.
    const around = Buffer.concat([Buffer.from("<<<"), key, Buffer.from(">>>")]);
    return this.memtable.find(this.#hash(key), around, 3, 3 + key.length);
  }

  read(entry: number): ModelEntry {
    const { memtable } = this;
    const key = Buffer.from(this.#bytes.subarray(memtable.keyStart(entry), memtable.keyEnd(entry)));
    const value = Buffer.from(this.#bytes.subarray(memtable.valueStart(entry), memtable.valueEnd(entry)));
    return {
      key,
      value: memtable.isTombstone(entry) ? undefined : value,
      version: memtable.version(entry),
    };
  }

  /** Everything from the cursor on. */
  rest(cursor: MemtableCursor): ModelEntry[] {
    const found: ModelEntry[] = [];
    while (cursor.entry !== -1) {
      found.push(this.read(cursor.entry));
      cursor.next();
    }
    return found;
  }

  sortedModel(): ModelEntry[] {
    return [...this.model.values()].sort((a, b) => Buffer.compare(a.key, b.key));
  }

  /** What a reader at this version sees, in the order of the keys. */
  sortedModelAt(versionMax: number): ModelEntry[] {
    const seen = [...this.history.values()].flatMap((versions) => {
      const visible = versions.findLast((entry) => entry.version <= versionMax);
      return visible === undefined ? [] : [visible];
    });
    return seen.sort((a, b) => Buffer.compare(a.key, b.key));
  }

  expectAgreement(): void {
    const { memtable, model } = this;
    memtable.assertInvariants();
    expect(memtable.entryCount).toBe(model.size);
    const tombstones = [...model.values()].filter((entry) => entry.value === undefined);
    expect(memtable.tombstoneCount).toBe(tombstones.length);
    for (const entry of model.values()) expect(this.find(entry.key)).toEqual(entry);
  }

  #remember(entry: ModelEntry): void {
    const name = entry.key.toString("latin1");
    this.model.set(name, entry);
    const versions = this.history.get(name);
    if (versions === undefined) this.history.set(name, [entry]);
    else versions.push(entry);
  }

  #append(bytes: Buffer): number {
    const start = this.#used;
    expect(start + bytes.length).toBeLessThanOrEqual(this.#bytes.length);
    bytes.copy(this.#bytes, start);
    this.#used += bytes.length;
    return start;
  }
}

/** What a scan of the model finds. */
export function expectedScan(
  sorted: readonly ModelEntry[],
  from: Buffer | undefined,
  reverse: boolean,
  inclusive: boolean,
): ModelEntry[] {
  const walked = reverse ? [...sorted].reverse() : [...sorted];
  if (from === undefined) return walked;
  return walked.filter((entry) => {
    const order = Buffer.compare(entry.key, from) * (reverse ? -1 : 1);
    return order > 0 || (order === 0 && inclusive);
  });
}
