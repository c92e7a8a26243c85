import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/lib/random.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { readFile } from "../../../src/vfs/file-system.ts";
import { segmentName } from "../../../src/wal/directory.ts";
import { segmentHeaderBytes } from "../../../src/wal/format.ts";
import { decodeSegmentHeader, encodeSegmentHeader } from "../../../src/wal/segment-header.ts";
import { logDirectory, openTestLog, put, rejectionOf, replayed } from "../../wal/log-fixture.ts";
import { settle, StillClock } from "../../wal/still-clock.ts";
import { withSeed } from "../../support/seeds.ts";

/** Mutants of the log that no test noticed showed that these were missing. */

const first = `${logDirectory}/${segmentName(1)}`;

function flip(disk: MemoryFileSystem, path: string, text: string): void {
  const file = disk.open(path);
  const at = readFile(disk, path).indexOf(text);
  expect(at).toBeGreaterThan(0);
  file.write(Uint8Array.of(text.charCodeAt(0) ^ 1), at);
  file.close();
}

describe("what nobody may lose", () => {
  test("a record that was appended in mode none is there after sync()", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { syncMode: "none" });
    await log.append(put("k", "v"));
    await log.sync();
    expect(await replayed(await openTestLog(disk.crash({ unsynced: "lost" })))).toEqual(["1 put k=v"]);
  });

  test("a record that was appended in mode none is there after a truncation of nothing", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { syncMode: "none" });
    await log.append(put("k", "v"));
    await log.truncate(0);
    expect(await replayed(await openTestLog(disk.crash({ unsynced: "lost" })))).toEqual(["1 put k=v"]);
  });
});

test("a record that was appended in mode batch is there after its delay, though nothing follows", async () => {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const log = await openTestLog(disk, { syncMode: "batch", batchDelayMs: 7, clock });
  await log.append(put("k", "v"));
  clock.advance(7);
  await settle();
  expect(await replayed(await openTestLog(disk.crash({ unsynced: "lost" })))).toEqual(["1 put k=v"]);
});

test("a clean close vouches for the last record also where nothing was synced before it", async () => {
  for (const syncMode of ["batch", "none"] as const) {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { syncMode });
    await log.append(put("k", "the last value"));
    await log.close();
    flip(disk, first, "the last value");
    expect(await rejectionOf(openTestLog(disk))).toMatchObject({ code: "WAL_CORRUPT" });
  }
});

test("a crash that tears one of two groups that no sync covered is a tear", async () => {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { syncMode: "none" });
  await log.append(put("a", 600));
  await log.append(put("b", 600));
  const left = disk.crash({ unsynced: "kept" });
  flip(left, first, "a".repeat(600));
  expect(await replayed(await openTestLog(left))).toEqual([]);
});

test("nothing is written once the log was moved", async () => {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk);
  await log.append(put("k", "v"));
  disk.unlink(`${logDirectory}/LOCK`);
  const before = disk.listAll();
  expect((await rejectionOf(log.append(put("k", "w")))).message).toContain("was moved or removed");
  expect(disk.listAll()).toEqual(before);
});

test("a start deletes what an interrupted truncation left", async () => {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { segmentBytesMax: 400 });
  for (let index = 0; index < 8; index++) await log.append(put("k", 100));
  const old = readFile(disk, first);
  await log.truncate(log.currentSeq - 1);
  await log.close();
  expect(disk.exists(first)).toBe(false);
  expect(disk.exists(`${logDirectory}/${segmentName(2)}`)).toBe(false);
  disk.create(first).write(old, 0);
  await (await openTestLog(disk)).close();
  expect(disk.exists(first)).toBe(false);
});

test("a segment of the same length, from another life of the log, is refused", async () => {
  const disk = new MemoryFileSystem();
  await (await openTestLog(disk)).close();
  const lives = await Promise.all(
    ["x", "y"].map(async (key) => {
      const life = disk.clone();
      const log = await openTestLog(life, { segmentBytesMax: 400, random: seededRandom(2) });
      for (let index = 0; index < 4; index++) await log.append(put(key, 100));
      await log.close();
      return life;
    }),
  );
  const [one, other] = lives as [MemoryFileSystem, MemoryFileSystem];
  const [bytes, others] = [readFile(one, first), readFile(other, first)];
  expect(bytes.length).toBe(others.length);
  expect(bytes.equals(others)).toBe(false);
  one.open(first).write(others, 0);
  expect((await rejectionOf(openTestLog(one))).message).toContain("its successor follows another last group");
});

test("a segment that ends with another seq than its successor says is refused, though its bytes are the same", async () => {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { segmentBytesMax: 400 });
  await log.append(put("k", 200));
  await log.append(put("k", 200));
  await log.close();
  const second = `${logDirectory}/${segmentName(2)}`;
  const decoded = decodeSegmentHeader(readFile(disk, second));
  if ("problem" in decoded) throw new Error(decoded.problem);
  const { header } = decoded;
  const predecessor = { ...header.predecessor, lastSeq: header.predecessor.lastSeq + 1 };
  const forged = Buffer.alloc(segmentHeaderBytes);
  encodeSegmentHeader(forged, { ...header, firstSeq: header.firstSeq + 1, predecessor });
  disk.open(second).truncate(0);
  disk.open(second).write(forged, 0);
  expect((await rejectionOf(openTestLog(disk))).message).toMatch(
    /ends with seq \d+ where its successor says/,
  );
});

test("a start syncs the seals that it writes again, before a group says that they were", async () => {
  await withSeed(async (random) => {
    // Of these lengths the seal lies across two sectors: a power cut may take the one and leave the other.
    for (let bytes = 300; bytes < 348; bytes += 12) {
      const disk = new MemoryFileSystem();
      const life = await openTestLog(disk);
      await life.append(put("k", bytes));
      await life.close();
      const { length } = readFile(disk, first);
      expect(length % 512).toBeLessThan(sealBytes);
      for (let round = 0; round < 100; round++) {
        const killed = await withUnsyncedSeal(disk.clone());
        const log = await openTestLog(killed);
        killed.holdSyncs(true);
        log.append(put("k", 10)).catch(() => {});
        await killed.nextHeldSync();
        const left = killed.crash({ unsynced: "mixed", random });
        left.holdSyncs(false);
        expect((await replayed(await openTestLog(left))).length).toBeGreaterThanOrEqual(1);
      }
    }
  });
});

const sealBytes = 56;

/** The process was killed after it wrote the last seal, and before that was synced. */
async function withUnsyncedSeal(disk: MemoryFileSystem): Promise<MemoryFileSystem> {
  const bytes = readFile(disk, first);
  const end = bytes.length - sealBytes;
  const file = disk.open(first);
  file.truncate(end);
  await file.sync();
  file.write(bytes.subarray(end), end);
  file.close();
  return disk;
}
