import { describe, expect, test } from "bun:test";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { dumpTable } from "../../src/table/dump-table.ts";
import type { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { dumpLog } from "../../src/wal/inspect.ts";
import { run } from "../cli/memory-world.ts";
import { withSeed } from "../support/seeds.ts";
import { dataDirectory, filesOf, richStore } from "./rich-store.ts";

/**
 * No byte of a store is outside a checksum, and `check` reads them all. DAMAGES=30000 is the long version.
 */
const damages = Number(process.env["DAMAGES"] ?? 1000);

describe("a store with every kind of file", () => {
  test("has all that the damages should meet", async () => {
    await withSeed(async (_random, seed) => {
      const disk = await richStore(seed);
      const files = filesOf(disk);
      const { state, editCount } = readManifest(disk, `${dataDirectory}/manifest`)!;
      expect([...files.values()].reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(64 * 1024);
      expect(editCount).toBeGreaterThan(2);
      expect(new Set(state.tables.map(({ level }) => level)).size).toBeGreaterThanOrEqual(3);
      expect(state.tables.filter(({ level }) => level === 0).length).toBeGreaterThan(1);

      const entries = [...files.keys()]
        .filter((path) => path.endsWith(".table"))
        .flatMap((path) => {
          return [...dumpTable(disk, path)].filter((item) => item.kind === "entry");
        });
      expect(entries.some(({ isTombstone }) => isTombstone)).toBeTrue();
      const keys = state.tables.flatMap(({ number }) => versionsOfOneTable(disk, number));
      expect(Math.max(...keys)).toBeGreaterThan(1);

      const segments = [...dumpLog(disk, dataDirectory)].filter((item) => item.kind === "segment");
      expect(segments.length).toBeGreaterThan(1);
      expect(segments[0]!.header.firstSeq).toBeGreaterThan(1);
      expect(files.get(`${dataDirectory}/wal/LOCK`)!.length).toBeGreaterThan(0);
    });
  });

  test(`is clean, and is not once one byte of it is another (${damages} times, each found and its file named)`, async () => {
    await withSeed(async (random, seed) => {
      const disk = await richStore(seed);
      expect(await check(disk)).toMatchObject({ code: 0, output: expect.stringMatching(/^clean\n/) });
      const files = [...filesOf(disk)];
      const last = files.findLast(([path]) => path.endsWith(".wal"))![0];
      for (let count = 0; count < damages; count++) {
        const [path, bytes] =
          count % 2 === 0 ? files[randomBelow(random, files.length)]! : bySize(files, random);
        const offset = randomBelow(random, bytes.length);
        const byte = (bytes[offset]! + 1 + randomBelow(random, 255)) & 0xff;
        const { code, output } = await withByte(disk, path, offset, byte, bytes[offset]!, () => check(disk));
        // Only what a crash can leave at the end of a file may look as if a crash had left it.
        const codes = path === last || path.endsWith(".manifest") || path.endsWith("LOCK") ? [1, 3] : [1];
        const isFound = codes.includes(code) && output.includes(`${path}:`);
        const damage = { path, offset, was: bytes[offset], is: byte };
        expect({ ...damage, isFound, output }).toEqual({ ...damage, isFound: true, output });
      }
      expect(await check(disk)).toMatchObject({ code: 0, output: expect.stringMatching(/^clean\n/) });
    });
  }, 120_000);

  test("is not clean once a file of it has lost its end, wherever it was cut", async () => {
    await withSeed(async (random, seed) => {
      const disk = await richStore(seed);
      const files = [...filesOf(disk)].filter(
        ([path]) => !path.endsWith(".wal") && !path.endsWith(".manifest"),
      );
      for (const [path, bytes] of files) {
        // A cut log or manifest looks as it did when it was younger; what tells the two apart is tested beside this.
        const length = 1 + randomBelow(random, bytes.length - 1);
        const file = disk.open(path);
        file.truncate(length);
        const { code, output } = await check(disk);
        file.write(bytes, 0);
        file.close();
        expect({ path, length, code, isNamed: output.includes(`${path}:`) }).toEqual({
          path,
          length,
          code: path.endsWith("LOCK") ? 3 : 1,
          isNamed: true,
        });
      }
    });
  });
});

function check(fileSystem: MemoryFileSystem): ReturnType<typeof run> {
  return run(["check", dataDirectory], { fileSystem });
}

/** A file, the more likely the larger it is. */
function bySize(files: readonly [string, Buffer][], random: Random): [string, Buffer] {
  let at = randomBelow(
    random,
    files.reduce((sum, [, { length }]) => sum + length, 0),
  );
  return files.find(([, { length }]) => (at -= length) < 0)!;
}

/** In place, because a copy of the disk for each damage would take longer than the check. */
async function withByte<T>(
  disk: MemoryFileSystem,
  path: string,
  offset: number,
  byte: number,
  original: number,
  use: () => Promise<T>,
): Promise<T> {
  const file = disk.open(path);
  try {
    file.write(Uint8Array.of(byte), offset);
    return await use();
  } finally {
    file.write(Uint8Array.of(original), offset);
    file.close();
  }
}

/** How many versions each key has in one table. */
function versionsOfOneTable(disk: MemoryFileSystem, number: number): number[] {
  const counts = new Map<string, number>();
  for (const item of dumpTable(disk, `${dataDirectory}/tables/${String(number).padStart(12, "0")}.table`)) {
    if (item.kind !== "entry") continue;
    const key = Buffer.from(item.key).toString("latin1");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts.values()];
}
