import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { TableWriter } from "../../src/table/table-writer.ts";
import { readNaively, type NaiveTable } from "./naive-table.ts";
import { check, tableEntries } from "./property.ts";
import {
  addEntry,
  entry,
  hashSeed,
  storeId,
  tableNumber,
  tablePath,
  writerOn,
  writeTable,
  type TestEntry,
} from "./table-fixture.ts";

const asWritten = ({ key, version, value }: TestEntry) => ({
  key: key.toString("hex"),
  version,
  value: value?.toString("hex"),
});

const asRead = ({ entries }: NaiveTable) =>
  entries.map(({ key, version, isTombstone, value }) =>
    asWritten({ key, version, value: isTombstone ? undefined : value }),
  );

/** So many entries with values of `valueBytes`, keys ascending, versions from 1 on. */
function manyEntries(count: number, valueBytes: number): TestEntry[] {
  return Array.from({ length: count }, (_, index) =>
    entry(`key ${String(index).padStart(6, "0")}`, index + 1, Buffer.alloc(valueBytes, index)),
  );
}

describe("a table", () => {
  test("of any entries is read back as it was written, whenever it was written out", async () => {
    const pendingBytesMax = fc.constantFrom(1, 5000, Infinity);
    await check(fc.tuple(tableEntries, pendingBytesMax), 300, async ([entries, pendingBytesMax]) => {
      const versionMin = Math.min(...entries.map(({ version }) => version));
      const { bytes } = await writeTable(entries, { versionMin, pendingBytesMax });
      expect(asRead(readNaively(bytes))).toEqual(entries.map(asWritten));
      const whole = await writeTable(entries, { versionMin });
      expect(bytes.equals(whole.bytes)).toBe(true);
    });
  });

  test("is summed up as its footer and its keys say", async () => {
    const entries = [entry("a", 7), entry("b", 9, "bee"), entry("b", 5, "b"), entry("cc", 6, "")];
    const { bytes, summary } = await writeTable(entries, { versionMin: 4 });
    const { footer } = readNaively(bytes);
    expect(summary).toEqual({
      number: tableNumber,
      bytes: bytes.length,
      entryCount: 4,
      tombstoneCount: 1,
      keyBytes: 5,
      valueBytes: 4,
      versionMin: 4,
      versionMax: 9,
      firstKey: Buffer.from("a"),
      lastKey: Buffer.from("cc"),
      fileChecksum: footer.fileChecksum,
    });
    expect(footer).toMatchObject({ storeId: Buffer.from(storeId).toString("hex"), hashSeed, versionMin: 4 });
  });

  test("tells its size as it grows", async () => {
    const disk = new MemoryFileSystem();
    const writer = writerOn(disk);
    expect([writer.bytes, writer.pendingBytes, writer.entryCount]).toEqual([0, 0, 0]);
    for (const [index, entry] of manyEntries(200, 100).entries()) {
      const before = writer.bytes;
      addEntry(writer, entry);
      expect(writer.entryCount).toBe(index + 1);
      expect(writer.bytes).toBeGreaterThan(before);
      expect(writer.bytes - writer.pendingBytes - Number(disk.listAll()[tablePath])).toBeLessThanOrEqual(
        4096,
      );
      if (index % 90 === 89) await writer.writeOut();
    }
    const before = writer.bytes;
    await writer.finish();
    expect(readNaively(readFile(disk, tablePath)).footer.filterOffset).toBe(before);
  });
});

describe("a block", () => {
  test("is filled as far as 4096 bytes allow", async () => {
    const { blocks } = readNaively((await writeTable(manyEntries(2000, 90))).bytes);
    for (const { bytes } of blocks.slice(0, -1)) {
      expect(bytes).toBeLessThanOrEqual(4096);
      // The next entry has at most 90 bytes of value, 10 of key, four numbers and a restart.
      expect(bytes).toBeGreaterThan(4096 - 110);
    }
  });

  test.each([-2, -1, 0, 1, 2])(
    "ends exactly where it must: two entries that miss 4096 bytes by %d",
    async (by) => {
      // Four numbers of one byte, but for a length from 32 on, which has two; a key of one byte; one restart.
      const overhead = 2 * (4 + 1 + 1) + 10;
      const [one, other] = [2000, 4096 - overhead - 2000 + by];
      const entries = [entry("a", 1, Buffer.alloc(one)), entry("b", 2, Buffer.alloc(other))];
      const { blocks } = readNaively((await writeTable(entries)).bytes);
      expect(blocks.length).toBe(by <= 0 ? 1 : 2);
      if (by <= 0) expect(blocks[0]!.bytes).toBe(4096 + by);
    },
  );

  test("counts the restart that an entry would begin", async () => {
    // The seventeenth entry fits by its own bytes, but not with the four bytes of its restart.
    const small = Array.from({ length: 16 }, (_, index) => entry(Buffer.from([index]), index, ""));
    const [restarts, end, head] = [4, 6, 6];
    for (const missing of [0, 1, 4, 5]) {
      const valueBytes = 4096 - 16 * 5 - restarts - end - head - 4 + missing;
      const { blocks } = readNaively(
        (await writeTable([...small, entry("z", 20, Buffer.alloc(valueBytes))])).bytes,
      );
      expect({ missing, blocks: blocks.length }).toEqual({ missing, blocks: missing === 0 ? 1 : 2 });
    }
  });

  test("counts the whole key of the entry that would be a restart", async () => {
    const keyOf = (index: number) => `a key that begins as all others do ${String(index).padStart(2, "0")}`;
    const small = Array.from({ length: 16 }, (_, index) => entry(keyOf(index), index, ""));
    const sizes: number[] = [];
    for (let valueBytes = 3500; valueBytes < 4050; valueBytes++) {
      const last = entry(keyOf(16), 16, Buffer.alloc(valueBytes));
      const { blocks } = readNaively((await writeTable([...small, last])).bytes);
      if (blocks.length === 1) sizes.push(blocks[0]!.bytes);
    }
    expect(sizes.at(-1)).toBe(4096);
  });

  test("of one large value stands alone, and is ready to be written at once", async () => {
    const disk = new MemoryFileSystem();
    const writer = writerOn(disk);
    addEntry(writer, entry("a", 1, "small"));
    addEntry(writer, entry("b", 2, Buffer.alloc(5000)));
    expect(writer.pendingBytes).toBe(writer.bytes);
    addEntry(writer, entry("c", 3, "small"));
    await writer.finish();
    const { blocks } = readNaively(readFile(disk, tablePath));
    expect(blocks.map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  });

  test("takes keys and values of the largest sizes", async () => {
    const [first, last] = [Buffer.alloc(65_535, 0x61), Buffer.alloc(65_535, 0x61)];
    last[65_534] = 0x62;
    const value = Buffer.alloc(16 * 1024 * 1024, 7);
    const entries = [entry(first, 2, value), entry(last, 1, ""), entry(last, 0)];
    const { blocks } = readNaively((await writeTable(entries)).bytes);
    expect(blocks.map(({ bytes }) => bytes > 4096)).toEqual([true, true, true]);
    expect(blocks.flatMap((block) => block.entries).map(({ key }) => key.length)).toEqual([
      65_535, 65_535, 65_535,
    ]);
    expect(blocks[0]!.entries[0]!.value.equals(value)).toBe(true);
  });

  test("ends between versions of one key where it must, and its separator is that key", async () => {
    const versions = Array.from({ length: 100 }, (_, index) =>
      entry("key", 1000 - index, Buffer.alloc(150, index)),
    );
    const entries = [entry("before", 1, "v"), ...versions, entry("later", 1, "v")];
    const { blocks } = readNaively((await writeTable(entries)).bytes);
    const separators = blocks.map(({ separator }) => separator.toString());
    expect(separators.length).toBeGreaterThan(3);
    expect(separators.slice(0, -1).every((separator) => separator === "key")).toBe(true);
    expect(separators.at(-1)).toBe("later");
  });
});

describe("a writer refuses, as a bug of its caller,", () => {
  const before = [entry("b", 5, "v")];
  const refusals: [what: string, entries: TestEntry[], invariant: string][] = [
    ["a key that comes before the last", [...before, entry("a", 9, "v")], "keys ascend"],
    ["a key that is the beginning of the last", [entry("bb", 5, "v"), entry("b", 4, "v")], "keys ascend"],
    ["the same version of a key twice", [...before, entry("b", 5, "v")], "versions of one key descend"],
    ["a later version of a key", [...before, entry("b", 6, "v")], "versions of one key descend"],
    ["an empty key", [entry("", 5, "v")], "a key is within its limits"],
    ["a key of 65,536 bytes", [entry(Buffer.alloc(65_536), 5, "v")], "a key is within its limits"],
    ["a value beyond 16 MiB", [entry("a", 5, Buffer.alloc(2 ** 24 + 1))], "a value is within its limits"],
    ["a version below versionMin", [entry("a", 2, "v")], "no version lies below versionMin"],
    ["a version beyond 53 bits", [entry("a", 2 ** 53, "v")], "no version lies below versionMin"],
  ];
  test.each(refusals)("%s", (_, entries, invariant) => {
    const writer = writerOn(new MemoryFileSystem(), 3);
    for (const entry of entries.slice(0, -1)) addEntry(writer, entry);
    expect(() => addEntry(writer, entries.at(-1)!)).toThrow(invariant);
  });

  test("a tombstone with a value", () => {
    const writer = writerOn(new MemoryFileSystem());
    const bytes = Buffer.from("key");
    expect(() => writer.add(bytes, 0, 3, 1, true, bytes, 0, 1)).toThrow("a tombstone has no value");
  });

  test("to end without entries", async () => {
    await expect(writerOn(new MemoryFileSystem()).finish()).rejects.toThrow("a table has entries");
  });

  test("anything after the end", async () => {
    const writer = writerOn(new MemoryFileSystem());
    addEntry(writer, entry("a", 1, "v"));
    await writer.finish();
    expect(() => addEntry(writer, entry("b", 2, "v"))).toThrow("a table that has ended takes no entries");
    await expect(writer.writeOut()).rejects.toThrow("one write at a time");
    await expect(writer.finish()).rejects.toThrow("a table ends once");
  });
});

describe("writing out", () => {
  const callsOf = (disk: FailingFileSystem) =>
    disk.calls.filter(({ kind }) => kind !== "create").map(({ kind, position }) => [kind, position]);
  const writerThrough = (disk: FailingFileSystem) =>
    new TableWriter({ file: disk.create(tablePath), storeId, number: tableNumber, hashSeed, versionMin: 0 });

  test("hands over the pending whole blocks in one write, and syncs them", async () => {
    const disk = new FailingFileSystem(new MemoryFileSystem());
    const writer = writerThrough(disk);
    await writer.writeOut();
    expect(callsOf(disk)).toEqual([]);

    const entries = manyEntries(300, 100);
    for (const entry of entries.slice(0, 100)) addEntry(writer, entry);
    const first = writer.pendingBytes;
    expect(first).toBeGreaterThan(8000);
    await writer.writeOut();
    expect(writer.pendingBytes).toBe(0);
    for (const entry of entries.slice(100)) addEntry(writer, entry);
    await writer.finish();
    expect(callsOf(disk)).toEqual([
      ["write", 0],
      ["datasync", undefined],
      ["write", first],
      ["sync", undefined],
    ]);
    expect(asRead(readNaively(readFile(disk, tablePath)))).toEqual(entries.map(asWritten));
  });

  test("lets entries be added while it syncs, but not a second write", async () => {
    const disk = new MemoryFileSystem({ holdSyncs: true });
    const writer = writerOn(disk);
    const entries = manyEntries(300, 100);
    for (const entry of entries.slice(0, 150)) addEntry(writer, entry);
    const written = writer.writeOut();
    for (const entry of entries.slice(150)) addEntry(writer, entry);
    await expect(writer.writeOut()).rejects.toThrow("one write at a time");
    await expect(writer.finish()).rejects.toThrow("a table ends once");
    disk.heldSyncs[0]!.release();
    await written;
    const finished = writer.finish();
    disk.heldSyncs[0]!.release();
    await finished;
    expect(asRead(readNaively(readFile(disk, tablePath)))).toEqual(entries.map(asWritten));
  });

  test("goes on with a write that came back short", async () => {
    const disk = new FailingFileSystem(new MemoryFileSystem(), {
      faults: [{ kind: "write", at: 1, bytes: 3, sticky: true }],
    });
    const writer = writerThrough(disk);
    addEntry(writer, entry("a", 1, "value"));
    await writer.finish();
    expect(disk.count({ kind: "write" })).toBeGreaterThan(50);
    expect(asRead(readNaively(readFile(disk, tablePath)))).toEqual([asWritten(entry("a", 1, "value"))]);
  });

  test.each(["write", "datasync"] as const)("that failed at its %s is never tried again", async (kind) => {
    const disk = new FailingFileSystem(new MemoryFileSystem(), { faults: [{ kind, at: 1, error: "EIO" }] });
    const writer = writerThrough(disk);
    for (const entry of manyEntries(100, 100)) addEntry(writer, entry);
    await expect(writer.writeOut()).rejects.toThrow("EIO");
    await expect(writer.writeOut()).rejects.toThrow("none after one that failed");
    await expect(writer.finish()).rejects.toThrow("not after a write that failed");
  });

  test("keeps no buffer of the size of the largest values", async () => {
    const writer = writerOn(new MemoryFileSystem());
    for (let index = 0; index < 3; index++) {
      addEntry(writer, entry(`large ${index}`, 1, Buffer.alloc(6 * 1024 * 1024)));
      expect(writer.memoryBytes).toBeGreaterThan(6 * 1024 * 1024);
      await writer.writeOut();
      expect(writer.memoryBytes).toBeLessThan(1024 * 1024);
    }
  });
});
