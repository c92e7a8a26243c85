import { describe, expect, test } from "bun:test";
import { TableCorruptionError } from "../../src/table/errors.ts";
import { TableStream } from "../../src/table/table-stream.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { check } from "./property.ts";
import { readNaively } from "./naive-table.ts";
import {
  anyTable,
  caught,
  diskWith,
  identity,
  lines,
  plainEntries,
  readAll,
  versionsOf,
  withBadSector,
} from "./reading-fixture.ts";
import { entry, tablePath, writeTable } from "./table-fixture.ts";

describe("a table's stream", () => {
  test("shows all entries, all their versions, in order", async () => {
    await check(anyTable, 200, async (entries) => {
      const { bytes, summary } = await writeTable(entries);
      const stream = new TableStream(diskWith(bytes), tablePath, identity);
      expect(stream.summary.entryCount).toBe(summary.entryCount);
      expect(lines(readAll(stream))).toEqual(lines(entries));
      expect(stream.next()).toBe(false);
      stream.close();
    });
  });

  test("reads the file once, from its beginning to its end, in pieces of 256 KiB", async () => {
    const entries = [
      ...plainEntries(6000),
      entry("large", 1, Buffer.alloc(1_000_000, 1)),
      ...versionsOf("many", 30).slice(1),
    ];
    const { bytes } = await writeTable(entries);
    const disk = new FailingFileSystem(diskWith(bytes));
    const stream = new TableStream(disk, tablePath, identity);
    const opened = disk.calls.length;
    expect(lines(readAll(stream))).toEqual(lines(entries));
    const reads = disk.calls.slice(opened).filter(({ kind }) => kind === "read");
    let end = 0;
    for (const { position, length } of reads) {
      expect(position).toBe(end);
      end += length!;
    }
    expect(end).toBe(bytes.length - 120);
    const lengths = reads.map(({ length }) => length!);
    expect(lengths.filter((length) => length > 256 * 1024)).toHaveLength(1);
    expect(reads.length).toBeLessThan(10);
  });

  test("may be closed before its end", async () => {
    const { bytes } = await writeTable(plainEntries(100));
    const disk = new FailingFileSystem(diskWith(bytes));
    const stream = new TableStream(disk, tablePath);
    expect(stream.next()).toBe(true);
    stream.close();
    expect(disk.count({ kind: "close" })).toBe(1);
    expect(() => stream.next()).toThrow("a stream that met damage, or was closed, is not read on");
  });

  test("says who it is refused by, before it reads a block", async () => {
    const { bytes } = await writeTable(plainEntries(100));
    const open = () => new TableStream(diskWith(bytes), tablePath, { ...identity, number: 7 });
    expect(open).toThrow(TableCorruptionError);
    expect(open).toThrow("it is table 12, where table 7 should be");
  });

  test("shows what lies before damage, names the damage, and is not read on", async () => {
    const entries = plainEntries(1000);
    const { bytes } = await writeTable(entries);
    const { blocks } = readNaively(bytes);
    const damaged = Buffer.from(bytes);
    damaged[blocks[20]!.offset + 1000]! ^= 4;
    const stream = new TableStream(diskWith(damaged), tablePath);
    let seen = 0;
    const read = () => {
      while (stream.next()) seen++;
    };
    expect(caught(read)).toMatchObject({ code: "TABLE_CORRUPT", offset: blocks[20]!.offset });
    expect(seen).toBe(blocks.slice(0, 20).flatMap((block) => block.entries).length);
    expect(read).toThrow("a stream that met damage, or was closed, is not read on");
  });

  test("names the very block that can't be read", async () => {
    const entries = plainEntries(6000);
    const { bytes } = await writeTable(entries);
    const { blocks } = readNaively(bytes);
    for (const bad of [0, 1, 63, 64, 100, blocks.length - 1]) {
      const { offset } = blocks[bad]!;
      const stream = new TableStream(withBadSector(diskWith(bytes), offset + 50), tablePath);
      let seen = 0;
      const read = () => {
        while (stream.next()) seen++;
      };
      expect(caught(read)).toMatchObject({ code: "TABLE_CORRUPT", offset });
      expect(seen).toBe(blocks.slice(0, bad).flatMap((block) => block.entries).length);
    }
  });
});
