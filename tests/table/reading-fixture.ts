import fc from "fast-check";
import { crc32c } from "../../src/lib/crc32c.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { BlockCache } from "../../src/table/block-cache.ts";
import type { TableCursor } from "../../src/table/table-cursor.ts";
import { TableReader } from "../../src/table/table-reader.ts";
import type { TableStream } from "../../src/table/table-stream.ts";
import { type File, type FileSystem, writeFully } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { systemError } from "../../src/vfs/system-error.ts";
import { anyKey } from "./property.ts";
import { entry, hashSeed, storeId, tableNumber, tablePath, type TestEntry } from "./table-fixture.ts";

/** The readers' side of table-fixture.ts, and a model beside it: the entries in an array. */
export const identity = { storeId, number: tableNumber, hashSeed };

export const newest = Number.MAX_SAFE_INTEGER;

export function diskWith(bytes: Buffer, disk = new MemoryFileSystem(), path = tablePath): MemoryFileSystem {
  const file = disk.create(path);
  writeFully(file, bytes, 0);
  file.close();
  return disk;
}

export function openReader(
  disk: FileSystem,
  cache = new BlockCache(64 * 1024),
  path = tablePath,
): TableReader {
  return TableReader.open(disk, path, identity, cache);
}

/** The same disk, but one byte of every file is in a sector that can't be read. */
export function withBadSector(disk: MemoryFileSystem, badAt: number): FileSystem {
  const over = <T extends object>(target: T, changed: Partial<T>): T =>
    new Proxy(target, {
      get(_, name: keyof T & string) {
        const value = changed[name] ?? target[name];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return over<FileSystem>(disk, {
    openRead(path) {
      const file = disk.openRead(path);
      return over<File>(file, {
        read(target, position) {
          if (badAt >= position && badAt < position + target.length) throw systemError("EIO", "read");
          return file.read(target, position);
        },
      });
    },
  });
}

export function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** Looks a key up as a request does that lies in the middle of a socket's chunk. */
export function get(reader: TableReader, key: Buffer, versionMax = newest): TestEntry | undefined {
  const around = Buffer.concat([Buffer.from("<<<"), key, Buffer.from(">>>")]);
  const hash = hashKey(key, 0, key.length, hashSeed);
  if (!reader.find(hash, around, 3, 3 + key.length, versionMax)) return undefined;
  const { version, isTombstone, bytes, valueStart, valueEnd } = reader;
  return { key, version, value: isTombstone ? undefined : Buffer.from(bytes.subarray(valueStart, valueEnd)) };
}

export interface Seek {
  /** Undefined: from the beginning, or from the end in reverse. */
  from: Buffer | undefined;
  reverse: boolean;
  inclusive: boolean;
  versionMax: number;
}

export const forward: Seek = { from: undefined, reverse: false, inclusive: true, versionMax: newest };
export const backward: Seek = { ...forward, reverse: true };

export function begin(cursor: TableCursor, { from, reverse, inclusive, versionMax }: Seek): boolean {
  if (from === undefined) return cursor.seekStart(reverse, versionMax);
  const around = Buffer.concat([Buffer.from("<"), from, Buffer.from(">>")]);
  const found = cursor.seek(around, 1, 1 + from.length, reverse, inclusive, versionMax);
  around.fill(0xee);
  return found;
}

export function shown(at: TableCursor | TableStream): TestEntry {
  const { keyBytes, keyStart, keyEnd, version, isTombstone, valueBytes, valueStart, valueEnd } = at;
  return {
    key: Buffer.from(keyBytes.subarray(keyStart, keyEnd)),
    version,
    value: isTombstone ? undefined : Buffer.from(valueBytes.subarray(valueStart, valueEnd)),
  };
}

/** What a scan shows, up to so many entries. */
export function scan(cursor: TableCursor, seek: Seek, entriesMax = Infinity): TestEntry[] {
  const entries: TestEntry[] = [];
  for (let more = begin(cursor, seek); more; more = cursor.next()) {
    entries.push(shown(cursor));
    if (entries.length >= entriesMax) break;
  }
  return entries;
}

export function readAll(stream: TableStream): TestEntry[] {
  const entries: TestEntry[] = [];
  while (stream.next()) entries.push(shown(stream));
  return entries;
}

// --- The model -------------------------------------------------------------------------------------------------

/** Of each key the newest version up to `versionMax`. */
export function visible(entries: readonly TestEntry[], versionMax = newest): TestEntry[] {
  const candidates = entries.filter(({ version }) => version <= versionMax);
  return candidates.filter(({ key }, index) => index === 0 || !candidates[index - 1]!.key.equals(key));
}

export function expectedGet(entries: readonly TestEntry[], key: Buffer, versionMax = newest) {
  return entries.find((entry) => entry.key.equals(key) && entry.version <= versionMax);
}

export function expectedScan(entries: readonly TestEntry[], seek: Seek): TestEntry[] {
  const { from, reverse, inclusive, versionMax } = seek;
  const inOrder = visible(entries, versionMax);
  if (reverse) inOrder.reverse();
  if (from === undefined) return inOrder;
  return inOrder.filter(({ key }) => {
    const order = Buffer.compare(key, from) * (reverse ? -1 : 1);
    return order > 0 || (order === 0 && inclusive);
  });
}

/** Entries as lines: what differs is easier to see, and quicker to compare. */
export function lines(entries: readonly (TestEntry | undefined)[]): string[] {
  return entries.map((entry) => {
    if (entry === undefined) return "absent";
    const { key, version, value } = entry;
    const keyText = key.length > 80 ? `${key.length} bytes ${crc32c(key)}` : key.toString("hex");
    if (value === undefined) return `${keyText} ${version} deleted`;
    const valueText = value.length > 80 ? `${value.length} bytes ${crc32c(value)}` : value.toString("hex");
    return `${keyText} ${version} ${valueText}`;
  });
}

// --- Tables ----------------------------------------------------------------------------------------------------

export function sorted(entries: TestEntry[]): TestEntry[] {
  const inOrder = [...entries].sort((a, b) => Buffer.compare(a.key, b.key) || b.version - a.version);
  return inOrder.filter(({ key, version }, index) => {
    const before = inOrder[index - 1];
    return before === undefined || !before.key.equals(key) || before.version !== version;
  });
}

// The size is said each time: without it fast-check makes arrays of ten at most, whatever their length may be.

/** Few keys with many versions and values of some hundred bytes: versions of one key fill several blocks. */
const manyVersions: fc.Arbitrary<TestEntry[]> = fc
  .tuple(
    fc.uniqueArray(anyKey, { minLength: 1, maxLength: 8, selector: (key) => key.toString("hex") }),
    fc.array(
      fc.record({
        key: fc.nat(7),
        version: fc.integer({ min: 1, max: 60 }),
        length: fc.constantFrom(undefined, 0, 3, 100, 700, 1300, 3990, 4090, 9000),
      }),
      { minLength: 1, maxLength: 90, size: "max" },
    ),
  )
  .map(([keys, writes]) =>
    sorted(
      writes.map(({ key, version, length }) => ({
        key: keys[key % keys.length]!,
        version,
        value: length === undefined ? undefined : Buffer.alloc(length, version),
      })),
    ),
  );

/** Many keys, one version each, in blocks of many entries. */
const manyKeys: fc.Arbitrary<TestEntry[]> = fc
  .array(fc.tuple(anyKey, fc.integer({ min: 1, max: 300 }), fc.nat(120)), {
    minLength: 1,
    maxLength: 300,
    size: "max",
  })
  .map((writes) =>
    sorted(writes.map(([key, version, length]) => entry(key, version, Buffer.alloc(length, version)))),
  );

export const anyTable: fc.Arbitrary<TestEntry[]> = fc.oneof(manyVersions, manyKeys);

/** Keys of the table, keys beside them, and others. */
export function keyNear(entries: readonly TestEntry[]): fc.Arbitrary<Buffer> {
  const present = fc.constantFrom(...entries.map(({ key }) => key));
  return fc.oneof(
    present,
    present.map((key) => Buffer.concat([key, Buffer.from([0])])),
    present.map((key) => (key.length > 1 ? key.subarray(0, -1) : key)),
    present.map((key) => {
      const raised = Buffer.from(key);
      raised[raised.length - 1]! ^= 1;
      return raised;
    }),
    anyKey,
  );
}

export const anyLimit = fc.oneof(fc.constantFrom(0, newest, Infinity), fc.integer({ min: 1, max: 310 }));

/** `count` entries of 116 bytes: keys of 16, values of 100. */
export function plainEntries(count: number): TestEntry[] {
  return Array.from({ length: count }, (_, index) =>
    entry(`key ${String(index).padStart(12, "0")}`, index + 1, Buffer.alloc(100, index)),
  );
}

/** One key in so many versions of 1000 bytes, between two others: four a block. */
export function versionsOf(key: string, count: number): TestEntry[] {
  const versions = Array.from({ length: count }, (_, index) =>
    entry(key, 10 * (count - index), Buffer.alloc(1000, count - index)),
  );
  return [entry("a before", 5, "before"), ...versions, entry("z behind", 6, "behind")];
}
