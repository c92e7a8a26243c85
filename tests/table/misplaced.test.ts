import { describe, expect, test } from "bun:test";
import { crc32c } from "../../src/lib/crc32c.ts";
import { checkStore } from "../../src/offline/check-store.ts";
import { BlockCache } from "../../src/table/block-cache.ts";
import { dumpTable } from "../../src/table/dump-table.ts";
import { TableCorruptionError } from "../../src/table/errors.ts";
import { tableName } from "../../src/table/table-format.ts";
import { TableReader } from "../../src/table/table-reader.ts";
import { TableStream } from "../../src/table/table-stream.ts";
import { verifyTable } from "../../src/table/verify-table.ts";
import { readFile, writeFully } from "../../src/vfs/file-system.ts";
import type { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { storeWithTables } from "../offline/made-store.ts";
import { dataDirectory } from "../offline/rich-store.ts";
import { readNaively } from "./naive-table.ts";
import { readBy, ways } from "./read-everything.ts";
import { caught, diskWith, get, identity, openReader } from "./reading-fixture.ts";
import { entry, storeId, tablePath, writeTable, type TestEntry } from "./table-fixture.ts";

/**
 * Whole blocks and sections at places that are not theirs: what a disk leaves behind that reads or writes at a wrong
 * sector. All their own bytes are as they were written, so it takes more than a checksum of those to tell.
 */

/** Blocks that are all of the same length, so that each fits where another one was. */
const shapes: Record<string, (letter: string) => TestEntry[]> = {
  "three entries": (letter) =>
    Array.from({ length: 54 }, (_, index) => {
      const key = `${String(Math.floor(index / 3)).padStart(3, "0")}${letter}${index % 3}`;
      return entry(key, 1 + index, Buffer.alloc(1300, `${letter}${index}`));
    }),
  "one entry that needs more than 4096 bytes": (letter) =>
    Array.from({ length: 12 }, (_, index) =>
      entry(`${String(index).padStart(3, "0")}${letter}`, 1 + index, Buffer.alloc(5000, `${letter}${index}`)),
    ),
};

async function subject(entries: TestEntry[], changed: Partial<typeof identity> = {}) {
  const { bytes } = await writeTable(entries, changed);
  const { blocks, footer } = readNaively(bytes);
  return { bytes, entries, blocks, footer };
}

type Subject = Awaited<ReturnType<typeof subject>>;

/** A copy of the table in which these bytes lie at the offset. */
function withBytes({ bytes }: Subject, offset: number, placed: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed.set(placed, offset);
  return changed;
}

const blockOf = ({ bytes, blocks }: Subject, block: number): Buffer =>
  bytes.subarray(blocks[block]!.offset, blocks[block]!.offset + blocks[block]!.bytes);

function expectRefusal(answer: unknown, offset: number, about: object): void {
  if (answer instanceof TableCorruptionError && answer.file === tablePath && answer.offset === offset) return;
  expect({ ...about, answer }).toEqual({ ...about, answer: `damage at ${offset}` as never });
}

describe.each(Object.entries(shapes))("a block of %s", (_, entriesOf) => {
  test("that changed places with any other is refused by all who read either", async () => {
    const table = await subject(entriesOf("m"));
    const { blocks, entries } = table;
    expect(new Set(blocks.map(({ bytes }) => bytes)).size).toBe(1);
    for (let one = 0; one < blocks.length; one++) {
      for (let other = one + 1; other < blocks.length; other++) {
        const [first, second] = [blocks[one]!, blocks[other]!];
        const changed = withBytes(table, first.offset, blockOf(table, other));
        changed.set(blockOf(table, one), second.offset);
        for (const way of Object.keys(ways)) {
          const met = way === "backward" ? second : first;
          expectRefusal(readBy(way, diskWith(changed), entries), met.offset, { one, other, way });
        }
        const reader = openReader(diskWith(changed));
        for (const { offset, entries } of [first, second]) {
          for (const { key } of entries)
            expectRefusal(
              caught(() => get(reader, key)),
              offset,
              { one, other },
            );
        }
      }
    }
  });

  const strangers: [string, Partial<typeof identity>][] = [
    ["another table", { number: 13 }],
    ["a table of another store with the same number", { storeId: Buffer.from(storeId).fill(1, 15) }],
  ];
  test.each(strangers)("from the same place in %s is refused by all who read it", async (_, changed) => {
    const table = await subject(entriesOf("m"));
    const other = await subject(entriesOf("m"), changed);
    expect(other.bytes.length).toBe(table.bytes.length);
    for (const [block, { offset, bytes }] of table.blocks.entries()) {
      // But for the checksum it is even the same block.
      const [its, here] = [blockOf(other, block), blockOf(table, block)];
      expect(its.equals(here)).toBe(false);
      expect(its.subarray(0, bytes - 4).equals(here.subarray(0, bytes - 4))).toBe(true);
      const disk = diskWith(withBytes(table, offset, its));
      for (const way of Object.keys(ways))
        expectRefusal(readBy(way, disk, table.entries), offset, { block, way });
    }
  });

  test("is known to the second reader only in its place", async () => {
    const table = await subject(entriesOf("m"));
    const moved = withBytes(table, table.blocks[1]!.offset, blockOf(table, 2));
    // So that no other checksum tells.
    const footerAt = moved.length - 120;
    moved.writeUInt32BE(crc32c(moved.subarray(0, footerAt)), footerAt + 112);
    moved.writeUInt32BE(crc32c(moved.subarray(footerAt, footerAt + 116)), footerAt + 116);
    expect(() => readNaively(moved)).toThrow("no valid table, rule 4: the block has its checksum");
  });
});

describe("from the same place in another table", () => {
  test("an index is refused at once", async () => {
    const table = await subject(shapes["three entries"]!("m"));
    const other = await subject(shapes["three entries"]!("n"), { number: 13 });
    const { indexOffset, indexBytes } = table.footer;
    expect(other.footer).toMatchObject({ indexOffset, indexBytes });
    const section = other.bytes.subarray(indexOffset, indexOffset + indexBytes);
    const disk = diskWith(withBytes(table, indexOffset, section));
    for (const way of Object.keys(ways))
      expectRefusal(readBy(way, disk, table.entries), indexOffset, { way });
  });

  test("a filter is refused before it denies a key that is there", async () => {
    const table = await subject(shapes["three entries"]!("m"));
    const other = await subject(shapes["three entries"]!("n"), { number: 13 });
    const { filterOffset, filterBytes } = table.footer;
    expect(other.footer).toMatchObject({ filterOffset, filterBytes });
    const section = other.bytes.subarray(filterOffset, filterOffset + filterBytes);
    const disk = diskWith(withBytes(table, filterOffset, section));
    // A merge has no use for the filter, and comes across it at the end of the file.
    for (const way of Object.keys(ways)) {
      const offset = way === "stream" || way === "dump" ? table.bytes.length - 120 : filterOffset;
      expectRefusal(readBy(way, disk, table.entries), offset, { way });
    }
  });
});

describe("a whole table under another number's name", () => {
  const path = `/${tableName(13)}`;
  const openings: [string, (disk: MemoryFileSystem) => unknown][] = [
    ["a reader", (disk) => TableReader.open(disk, path, { ...identity, number: 13 }, new BlockCache(0))],
    ["a stream", (disk) => new TableStream(disk, path, { ...identity, number: 13 })],
    ["a verification", (disk) => verifyTable(disk, path, { ...identity, number: 13 })],
    ["a verification that expects no table in particular", (disk) => verifyTable(disk, path)],
    ["a dump", (disk) => [...dumpTable(disk, path)]],
  ];
  test.each(openings)("is refused by %s when it is opened", async (_, open) => {
    const { bytes } = await writeTable([entry("key", 1, "value")]);
    const disk = diskWith(bytes, undefined, path);
    expect(caught(() => open(disk))).toMatchObject({
      code: "TABLE_CORRUPT",
      file: path,
      offset: bytes.length - 120,
      problem: "it is table 12, where table 13 should be",
    });
  });

  test("may be dumped under a name that is no table's", async () => {
    const { bytes } = await writeTable([entry("key", 1, "value")]);
    for (const path of ["/copy-of-000000000013.table", "/000000000013.table.tmp"]) {
      expect([...dumpTable(diskWith(bytes, undefined, path), path)]).toHaveLength(3);
    }
  });
});

describe("holdfast check", () => {
  const pathOf = (number: number) => `${dataDirectory}/tables/${tableName(number)}`;
  const longKeys = (letters: string) => [...letters].map((letter) => `${letter.repeat(4200)}@1`).join(" ");

  test("names the tables and the places of blocks that lie where they do not belong", async () => {
    const disk = await storeWithTables([
      { level: 1, entries: longKeys("abcd") },
      { level: 1, entries: longKeys("efgh") },
    ]);
    expect(checkStore(disk, dataDirectory).findings).toEqual([]);
    const [one, other] = [100, 101].map((number) => readFile(disk, pathOf(number)));
    const { blocks } = readNaively(one!);
    const [second, third] = [1, 2].map((block) =>
      one!.subarray(blocks[block]!.offset, blocks[block + 1]!.offset),
    );

    const swapped = disk.clone();
    const file = swapped.open(pathOf(100));
    writeFully(file, third!, blocks[1]!.offset);
    writeFully(file, second!, blocks[2]!.offset);
    file.close();
    const problem = expect.stringContaining("the checksum of block 1 does not match");
    expect(checkStore(swapped, dataDirectory).findings).toEqual([
      { kind: "corrupt", file: pathOf(100), offset: blocks[1]!.offset, problem },
    ] as never);

    const mixed = disk.clone();
    const otherFile = mixed.open(pathOf(100));
    writeFully(otherFile, other!.subarray(blocks[1]!.offset, blocks[2]!.offset), blocks[1]!.offset);
    otherFile.close();
    expect(checkStore(mixed, dataDirectory).findings).toEqual([
      { kind: "corrupt", file: pathOf(100), offset: blocks[1]!.offset, problem },
    ] as never);

    const renamed = disk.clone();
    for (const [number, bytes] of [
      [100, other!],
      [101, one!],
    ] as const) {
      renamed.unlink(pathOf(number));
      diskWith(bytes, renamed, pathOf(number));
    }
    expect(checkStore(renamed, dataDirectory).findings.map(({ file, offset }) => ({ file, offset }))).toEqual(
      [
        { file: pathOf(100), offset: other!.length - 120 },
        { file: pathOf(101), offset: one!.length - 120 },
      ],
    );
  });
});
