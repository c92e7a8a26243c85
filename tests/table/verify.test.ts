import { describe, expect, test } from "bun:test";
import { dumpTable, type TableDumpItem } from "../../src/table/dump-table.ts";
import { TableCorruptionError } from "../../src/table/errors.ts";
import { tableName } from "../../src/table/table-format.ts";
import type { TableReader } from "../../src/table/table-reader.ts";
import { TableStream } from "../../src/table/table-stream.ts";
import { verifyTable } from "../../src/table/verify-table.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { rawBlock, rawTable, resealed, varint, type RawEntry, type RawTable } from "./handmade-table.ts";
import { readNaively } from "./naive-table.ts";
import { goldenNames } from "./golden-tables.ts";
import { check } from "./property.ts";
import {
  anyTable,
  backward,
  caught,
  diskWith,
  forward,
  get,
  identity,
  lines,
  openReader,
  plainEntries,
  readAll,
  scan,
  versionsOf,
} from "./reading-fixture.ts";
import { entry, tablePath, writeTable } from "./table-fixture.ts";

const verify = (bytes: Buffer) => verifyTable(diskWith(bytes), tablePath, identity);

/** A table of one block with these entries, of which the footer, the index and the filter say the truth. */
function tableOf(
  entries: (RawEntry & { whole?: string })[],
  changed: Partial<RawTable> = {},
  restarts?: number[],
): Buffer {
  const keys = entries.map(({ key, whole }) => whole ?? key);
  return rawTable({
    blocks: [rawBlock(entries, restarts)],
    separators: [keys.at(-1)!],
    firstKey: keys[0]!,
    filterKeys: keys,
    ...changed,
    footer: {
      entryCount: entries.length,
      keyBytes: Math.max(keys.join("").length, entries.length),
      valueBytes: entries.reduce((sum, { value = "" }) => sum + value.length, 0),
      versionMax: Math.max(...entries.map(({ version = 1 }) => version)),
      ...changed.footer,
    },
  });
}

const seventeen = Array.from({ length: 17 }, (_, index) => ({
  key: `key ${String.fromCharCode(97 + index)}`,
}));
const two = [rawBlock([{ key: "a" }]), rawBlock([{ key: "c" }])];
const ofTwo: RawTable = {
  blocks: two,
  separators: ["b", "c"],
  firstKey: "a",
  filterKeys: ["a", "c"],
  footer: { entryCount: 2, keyBytes: 2, valueBytes: 0 },
};

/** What a test says is wrong with a table: a piece of the message, and where. */
type Fault = [name: string, bytes: Buffer, problem: string, offset: number];

const brokenBlocks: Fault[] = [
  ["a block without restarts", tableOf([{ key: "a" }, { key: "b" }], {}, []), "it has no restarts", 10],
  ["a first restart that is not 0", tableOf([{ key: "a" }], {}, [1]), "its first restart is not 0", 5],
  ["a restart too many", tableOf([{ key: "a" }], {}, [0, 0]), "more restarts than entries ask for", 13],
  ["a restart too few", tableOf(seventeen, {}, [0]), "a restart is missing", 144],
  ["a restart that is elsewhere", tableOf(seventeen, {}, [0, 135]), "a restart is elsewhere", 157],
  [
    "a restart that shares",
    tableOf([...seventeen.slice(0, 16), { key: "q", shared: 4, whole: "key q" }], {}),
    "a restart is missing",
    144,
  ],
  ["a first entry that shares", tableOf([{ key: "a", shared: 1 }]), "shares more than the one before has", 0],
  [
    "an entry that shares more than there is",
    tableOf([{ key: "a" }, { key: "b", shared: 2 }]),
    "shares more than the one before has",
    5,
  ],
  [
    "an empty key",
    tableOf([{ key: "", value: "v" }], { separators: ["a"], firstKey: "a" }),
    "a key has no valid length",
    0,
  ],
  ["keys that descend", tableOf([{ key: "b" }, { key: "a" }], order("a", "b")), "its keys do not ascend", 5],
  ["a key behind a longer one", tableOf([{ key: "ab" }, { key: "a" }], order("a", "b")), "do not ascend", 6],
  [
    "a key that descends behind what it shares",
    tableOf([{ key: "abc" }, { key: "a", shared: 2, whole: "aba" }], order("a", "b")),
    "its keys do not ascend",
    7,
  ],
  [
    "a version twice",
    tableOf([{ key: "a" }, { key: "", shared: 1, whole: "a" }]),
    "the versions of a key do not descend",
    5,
  ],
  [
    "versions that ascend",
    tableOf([
      { key: "a", version: 1 },
      { key: "a", version: 2 },
    ]),
    "the versions of a key do not descend",
    5,
  ],
  [
    "a version beyond the footer's",
    tableOf([{ key: "a", version: 9 }], { footer: { ...ofTwo.footer, versionMax: 8 } }),
    "a version is beyond the table's",
    0,
  ],
  ["an unknown flag", tableOf([{ key: "a", lengthAndFlags: 2 }]), "a flag is unknown", 0],
  ["two flags", tableOf([{ key: "a", lengthAndFlags: 3 }]), "a flag is unknown", 0],
  [
    "a tombstone with a value",
    tableOf([{ key: "a", lengthAndFlags: 5, value: "v" }]),
    "a tombstone has a value",
    0,
  ],
  [
    "a value that is not all there",
    tableOf([{ key: "a", lengthAndFlags: 8, value: "v" }]),
    "does not end before",
    0,
  ],
  ["a key that is not all there", tableOf([{ key: "a", numbers: [0, 2, 0, 1] }]), "does not end before", 0],
  [
    "a value beyond 16 MiB",
    tableOf([{ key: "a", lengthAndFlags: 2 ** 28 }]),
    "a number does not end, is not in its shortest form, or is too large",
    0,
  ],
  [
    "bytes that are no entry",
    tableOf([{ key: "a" }, { key: "", numbers: [0] }], { separators: ["a"] }),
    "does not end before",
    5,
  ],
  [
    "a number that goes on beyond the entries",
    tableOf([{ key: "a" }, { key: "", numbers: [0, 0x81] }], { separators: ["a"] }),
    "a number does not end",
    5,
  ],
  ...[0, 1, 2, 3].map((place): Fault => {
    const numbers = [0, 1, 0, 1].flatMap((number, index) => varint(number, index === place ? 2 : 1));
    return [
      `number ${place} in a longer form`,
      tableOf([{ key: "a", numbers }]),
      "not in its shortest form",
      0,
    ];
  }),
  [
    "a number of nine bytes",
    tableOf([{ key: "a", numbers: [0, 1, 0, ...varint(2 ** 53 - 1, 9)] }]),
    "a number does not end",
    0,
  ],
  [
    "several entries in more than 4096 bytes",
    tableOf([
      { key: "a", value: Buffer.alloc(4000), numbers: [0, 1, ...varint(16_000), 1] },
      { key: "b", value: Buffer.alloc(100), numbers: [0, 1, ...varint(400), 1] },
    ]),
    "it holds more entries than it may",
    4006,
  ],
];

function order(firstKey: string, lastKey: string): Partial<RawTable> {
  return { firstKey, separators: [lastKey] };
}

const brokenTables: Fault[] = [
  [
    "a separator before the block's last key",
    rawTable({ ...ofTwo, separators: ["A", "c"] }),
    "behind its separator",
    0,
  ],
  [
    "a separator that is the next block's first key",
    rawTable({ ...ofTwo, separators: ["c", "c"] }),
    "is not behind",
    15,
  ],
  [
    "a separator behind the next block's first key",
    rawTable({ ...ofTwo, separators: ["d", "e"] }),
    "is not behind",
    15,
  ],
  [
    "blocks in each other's place",
    rawTable({ ...ofTwo, blocks: [two[1]!, two[0]!] }),
    "it does not begin with the first key of the index",
    0,
  ],
  [
    "a block twice",
    rawTable({ ...ofTwo, blocks: [two[0]!, two[0]!] }),
    "the versions of a key do not descend",
    15,
  ],
  ["another first key", rawTable({ ...ofTwo, firstKey: "A" }), "it does not begin with the first key", 0],
  [
    "another last key",
    rawTable({ ...ofTwo, separators: ["b", "d"] }),
    "it does not end with the last key",
    15,
  ],
  [
    "a filter that lacks a key",
    rawTable({ ...ofTwo, filterKeys: ["a"] }),
    "the filter does not know a key of it",
    20,
  ],
  ...(["entryCount", "keyBytes", "valueBytes"] as const).map((field): Fault => {
    const footer = { ...ofTwo.footer, [field]: 3 };
    const keyBytes = { ...footer, keyBytes: Math.max(footer.keyBytes, footer.entryCount) };
    return [`a wrong ${field}`, rawTable({ ...ofTwo, footer: keyBytes }), "its footer says 3", 0];
  }),
  [
    "tombstones that are none",
    rawTable({ ...ofTwo, footer: { ...ofTwo.footer, tombstoneCount: 2 } }),
    "it holds 0 tombstones, its footer says 2",
    0,
  ],
  [
    "a highest version that no entry has",
    rawTable({ ...ofTwo, footer: { ...ofTwo.footer, versionMax: 5 } }),
    "its highest version is 1, its footer says 5",
    0,
  ],
  [
    "another checksum of the whole file",
    rawTable({ ...ofTwo, footer: { ...ofTwo.footer, fileChecksum: 1 } }),
    "the checksum of the whole file does not match",
    0,
  ],
].map(([name, bytes, problem, offset]) => {
  // What only all blocks together show is blamed on the footer.
  const ofFooter = /footer says|whole file/.test(problem as string);
  return [name, bytes, problem, ofFooter ? (bytes as Buffer).length - 120 : offset] as Fault;
});

describe("a table that is verified", () => {
  test("is what a writer wrote, whatever that was", async () => {
    await check(anyTable, 200, async (entries) => {
      const { bytes, summary } = await writeTable(entries);
      const verified = verify(bytes);
      expect({ ...verified, firstKey: [...verified.firstKey], lastKey: [...verified.lastKey] }).toEqual({
        ...summary,
        firstKey: [...entries[0]!.key] as never,
        lastKey: [...entries.at(-1)!.key] as never,
      });
    });
  });

  test.each<[string, Buffer]>([
    ["one entry", tableOf([{ key: "a" }])],
    ["two restarts", tableOf(seventeen)],
    ["two blocks", rawTable(ofTwo)],
    [
      "separators that are longer than they need be",
      rawTable({ ...ofTwo, separators: ["b with more behind it", "c"] }),
    ],
  ])("may be made by hand: %s", (_, bytes) => {
    expect(() => verify(bytes)).not.toThrow();
    expect(() => readNaively(bytes)).not.toThrow();
  });

  test.each([...brokenBlocks, ...brokenTables])("is refused with %s", (_, bytes, problem, offset) => {
    const error = caught(() => verify(bytes));
    expect(error).toBeInstanceOf(TableCorruptionError);
    expect((error as TableCorruptionError).problem).toContain(problem);
    expect(error).toMatchObject({ file: tablePath, offset });
    expect(() => readNaively(bytes)).toThrow("no valid table");
  });

  // What a look-up meets on its way to the key it looks at; whether keys ascend it does not.
  const met = [
    "not 0",
    "without restarts",
    "first entry that",
    "shares more",
    "flag",
    "tombstone",
    "not all there",
  ];
  const metAsWell = ["beyond the f", "beyond 16", "in a longer form", "nine bytes"];
  const metBySearch = brokenBlocks.filter(([name]) =>
    [...met, ...metAsWell].some((part) => name.includes(part)),
  );
  test.each(metBySearch)("is no answer to a look-up, with %s", (_, bytes) => {
    const reader = openReader(diskWith(bytes));
    const error = caught(() => get(reader, Buffer.from(reader.summary.lastKey)));
    expect(error).toBeInstanceOf(TableCorruptionError);
    expect(error).toMatchObject({ file: tablePath, offset: 0 });
  });

  test.each(brokenBlocks)("or only read answers or is refused, with %s", (_, bytes) => {
    for (const read of [
      (reader: TableReader) => get(reader, Buffer.from("a")),
      (reader: TableReader) => get(reader, Buffer.from("key q")),
      (reader: TableReader) => scan(reader.cursor(), forward),
      (reader: TableReader) => scan(reader.cursor(), backward),
    ]) {
      try {
        read(openReader(diskWith(bytes)));
      } catch (error) {
        if (!(error instanceof TableCorruptionError)) throw error;
      }
    }
  });

  test.each(goldenNames)("may be the golden one: %s", (name) => {
    const path = `${import.meta.dir}/golden/${name}-v1/${tableName(identity.number)}`;
    expect(verifyTable(realFileSystem, path, identity).bytes).toBe(readFile(realFileSystem, path).length);
    const stream = new TableStream(realFileSystem, path, identity);
    const expected = readNaively(readFile(realFileSystem, path)).entries.map(
      ({ key, version, isTombstone, value }) => entry(key, version, isTombstone ? undefined : value),
    );
    expect(lines(readAll(stream))).toEqual(lines(expected));
    stream.close();
  });

  test("is closed again, whether it is good or not", async () => {
    const { bytes } = await writeTable(plainEntries(10));
    for (const table of [bytes, tableOf([{ key: "", value: "v" }], { separators: ["a"], firstKey: "a" })]) {
      const disk = new FailingFileSystem(diskWith(table));
      try {
        verifyTable(disk, tablePath);
      } catch {}
      expect(disk.count({ kind: "close" })).toBe(disk.count({ kind: "openRead" }));
    }
  });

  test("knows every bit of the filter that a key needs", async () => {
    const { bytes } = await writeTable(plainEntries(20));
    const { filterOffset } = readNaively(bytes).footer;
    let refused = 0;
    for (let bit = 0; bit < 512; bit++) {
      const at = filterOffset + (bit >>> 3);
      if ((bytes[at]! & (1 << (bit & 7))) === 0) continue;
      const cleared = resealed(bytes, (changed) => (changed[at]! &= ~(1 << (bit & 7))));
      expect(() => verify(cleared)).toThrow("the filter does not know a key of it");
      refused++;
    }
    expect(refused).toBeGreaterThan(50);
  });
});

describe("a dump", () => {
  test("shows the footer, the blocks and the entries, each where it lies", async () => {
    const entries = [...versionsOf("key", 10), entry("zz", 3)];
    const { bytes, summary } = await writeTable(entries);
    const [table, ...items] = [...dumpTable(diskWith(bytes), tablePath)];
    expect(table).toMatchObject({ kind: "table", path: tablePath, bytes: bytes.length, blockCount: 3 });
    expect(table).toMatchObject({
      entryCount: 13,
      fileChecksum: summary.fileChecksum,
      hashSeed: identity.hashSeed,
    });
    const blocks = items.filter((item) => item.kind === "block");
    expect(blocks.map(({ offset, bytes, entryCount }) => ({ offset, bytes, entryCount }))).toEqual(
      readNaively(bytes).blocks.map(({ offset, bytes, entries }) => ({
        offset,
        bytes,
        entryCount: entries.length,
      })),
    );
    const dumped = items.filter((item) => item.kind === "entry");
    const asEntries = dumped.map(({ key, version, isTombstone, value }) =>
      entry(Buffer.from(key), version, isTombstone ? undefined : Buffer.from(value)),
    );
    expect(lines(asEntries)).toEqual(lines(entries));
    for (const { value, valueOffset } of dumped) {
      expect(bytes.subarray(valueOffset, valueOffset + value.length).equals(Buffer.from(value))).toBe(true);
    }
    const kinds = items.map((item) => (item.kind === "table" ? item.kind : `${item.kind}${item.block}`));
    expect(kinds.slice(0, 7)).toEqual(["block0", ...Array<string>(5).fill("entry0"), "block1"]);
  });

  test("shows what comes before damage, and ends with its name", async () => {
    const { bytes } = await writeTable(plainEntries(300));
    const { blocks } = readNaively(bytes);
    const damaged = Buffer.from(bytes);
    damaged[blocks[3]!.offset + 10]! ^= 1;
    const items: TableDumpItem[] = [];
    const dump = () => {
      for (const item of dumpTable(diskWith(damaged), tablePath)) items.push(item);
    };
    expect(caught(dump)).toMatchObject({ code: "TABLE_CORRUPT", offset: blocks[3]!.offset });
    const before = blocks.slice(0, 3).flatMap(({ entries }) => entries);
    expect(items.filter(({ kind }) => kind === "entry")).toHaveLength(before.length);
  });
});
