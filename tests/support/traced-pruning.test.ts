import { describe, expect, test } from "bun:test";
import { createManifest } from "../../src/manifest/manifest.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { whyKept, type DurableFile, type DurableFiles } from "./traced-pruning.ts";

/** What may be deleted, on disks that are made up: each row has one thing that is not as it should be. */
const storeId = Buffer.alloc(16, 7);
const segment = "/data/wal/000000000001.wal";
const table = "/data/tables/000000000003.table";
const manifest = "/data/manifest/000000000001.manifest";

async function manifestBytes(coveredSeq: number, number: number): Promise<Buffer> {
  const disk = new MemoryFileSystem();
  const numbers = {
    bytes: 500,
    entryCount: 1,
    tombstoneCount: 0,
    keyBytes: 1,
    valueBytes: 1,
    fileChecksum: 1,
  };
  const keys = { firstKey: Buffer.from("a"), lastKey: Buffer.from("a") };
  const tables = [{ number, level: 0, versionMin: 1, versionMax: coveredSeq, ...numbers, ...keys }];
  const numbersOfState = { coveredSeq, durableSeq: coveredSeq, nextTableNumber: 10, segmentNumber: 2 };
  const state = { storeId, hashSeed: 1, ...numbersOfState, tables };
  const created = await createManifest(disk, "/data/manifest", state);
  await created.close();
  return readFile(disk, manifest);
}

/** A disk with a segment up to seq 2, a table, and a manifest that lists it; and what differs from that. */
async function disk(
  changes: Record<string, Partial<DurableFile> & { isNameVolatile?: true }> = {},
): Promise<DurableFiles> {
  const whole = { durableContent: Buffer.alloc(0), isDurable: true, lastSeq: 0 };
  const files: Record<string, DurableFile & { isNameVolatile?: true }> = {
    [segment]: { ...whole, lastSeq: 2, ...changes[segment] },
    [table]: { ...whole, ...changes[table] },
    [manifest]: { ...whole, durableContent: await manifestBytes(2, 3), ...changes[manifest] },
  };
  return {
    file: (path) => files[path],
    durablePaths: (directory) =>
      Object.keys(files).filter((path) => path.startsWith(directory) && !files[path]!.isNameVolatile),
  };
}

describe("a segment of the log", () => {
  test("may go once the manifest and the tables have all of it, durably", async () => {
    expect(whyKept(await disk(), segment)).toBeUndefined();
  });

  test("without a record may always go", async () => {
    const files = await disk({ [segment]: { lastSeq: 0 }, [manifest]: { isNameVolatile: true } });
    expect(whyKept(files, segment)).toBeUndefined();
  });

  const kept: [
    name: string,
    path: string,
    change: Partial<DurableFile> & { isNameVolatile?: true },
    why: RegExp,
  ][] = [
    ["it goes beyond what is in tables", segment, { lastSeq: 3 }, /ends at seq 3, .* up to 2 only/],
    ["the manifest has no durable name", manifest, { isNameVolatile: true }, /up to 0 only/],
    ["a table is not durable", table, { isDurable: false }, /table 3, .* is not durable/],
    ["a table has no durable name", table, { isNameVolatile: true }, /table 3, .* is not durable/],
  ];
  for (const [name, path, change, why] of kept) {
    test(`may not go while ${name}`, async () => {
      expect(whyKept(await disk({ [path]: change }), segment)).toMatch(why);
    });
  }
});

describe("a table", () => {
  test("may not go while the manifest lists it", async () => {
    expect(whyKept(await disk(), table)).toBe("the manifest still lists it");
  });

  test("may go when the manifest does not list it any more, durably", async () => {
    const other = { [manifest]: { durableContent: await manifestBytes(2, 4) } };
    expect(whyKept(await disk(other), table)).toBeUndefined();
  });
});
