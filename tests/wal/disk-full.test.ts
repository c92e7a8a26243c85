import { describe, expect, test } from "bun:test";
import { diskHeadroomBytes } from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { DiskFullError, type WalOptions } from "../../src/wal/write-ahead-log.ts";
import { segmentHeaderBytes } from "../../src/wal/format.ts";
import { filesOf } from "./disk-files.ts";
import { logDirectory, openTestLog, put, rejectionOf, replayed } from "./log-fixture.ts";

/** A full disk is foreseen: refused before anything is written, so that it costs nothing and heals by itself. */

const headroom = 10_000;
/** A start after a crash copies the segment, so as much stays free as it has: at first its header. */
const emptySegment = segmentHeaderBytes;

async function openOn(freeBytes: number, options: WalOptions = {}) {
  const disk = new MemoryFileSystem();
  disk.setFreeBytes(freeBytes);
  const fileSystem = new FailingFileSystem(disk);
  const log = await openTestLog(fileSystem, { diskHeadroomBytes: headroom, ...options });
  return { disk, fileSystem, log };
}

describe("while the disk has less than the headroom to spare", () => {
  test("appends are refused with the numbers that matter, and nothing is logged", async () => {
    const { disk, log } = await openOn(headroom + emptySegment + 50);
    const before = filesOf(disk);
    const error = await rejectionOf(log.append(put("k", 100)));
    expect(error).toBeInstanceOf(DiskFullError);
    expect(error).toMatchObject({ code: "DISK_FULL" });
    expect(error.message).toBe(
      `Cannot write to ${logDirectory}: its disk has ${headroom + emptySegment + 50} bytes free ` +
        `and the write needs ${headroom + emptySegment + 109} ` +
        `with the headroom; free some space and try again`,
    );
    expect(await rejectionOf(log.appendBatch([put("k", 100)]))).toBeInstanceOf(DiskFullError);
    expect(log.currentSeq).toBe(0);
    await log.sync();
    expect(filesOf(disk)).toEqual(before);
  });

  test("what still fits is taken, and what waits to be written counts", async () => {
    const { log } = await openOn(headroom + emptySegment + 250);
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => log.append(put("k", 100))));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(await replayed(log)).toHaveLength(2);
  });

  test("reads, sync(), truncate() and close() go on", async () => {
    const { disk, log } = await openOn(2 * headroom, { segmentBytesMax: 400 });
    for (let index = 0; index < 10; index++) await log.append(put("k", 50));
    disk.setFreeBytes(0);
    expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(DiskFullError);
    expect(await rejectionOf(log.checkpoint())).toBeInstanceOf(DiskFullError);
    expect(await replayed(log)).toHaveLength(10);
    const segments = filesOf(disk).size;
    await log.truncate(8);
    expect(filesOf(disk).size).toBeLessThan(segments);
    await log.sync();
    await log.close();
    expect(await replayed(await openTestLog(disk))).toHaveLength(2);
  });

  test("it heals by itself, in the same handle, once there is space", async () => {
    const { disk, log } = await openOn(headroom);
    expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(DiskFullError);
    disk.setFreeBytes(headroom + 1000);
    expect(await log.append(put("k"))).toBe(1);
    disk.setFreeBytes(0);
    expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(DiskFullError);
    disk.setFreeBytes(headroom + 1000);
    expect(await log.append(put("k"))).toBe(2);
  });
});

test("the disk is asked once a group, not once a record", async () => {
  const { fileSystem, log } = await openOn(2 ** 30, { segmentBytesMax: 64 * 1024 });
  const before = fileSystem.count({ kind: "freeBytes" });
  await Promise.all(Array.from({ length: 500 }, () => log.append(put("k", 20))));
  expect(fileSystem.count({ kind: "freeBytes" }) - before).toBe(1);
});

test("the default headroom is the published one", async () => {
  const disk = new MemoryFileSystem();
  disk.setFreeBytes(diskHeadroomBytes);
  const { WriteAheadLog } = await import("../../src/wal/write-ahead-log.ts");
  const log = await WriteAheadLog.open(logDirectory, { fileSystem: disk });
  expect(await rejectionOf(log.append(put("k")))).toBeInstanceOf(DiskFullError);
  disk.setFreeBytes(diskHeadroomBytes + 1000);
  expect(await log.append(put("k"))).toBe(1);
  await log.close();
});

test("a disk that is full all the same, in the middle of a write, poisons the log like any other failure", async () => {
  const { disk, fileSystem, log } = await openOn(2 ** 30);
  await log.append(put("before", "1"));
  fileSystem.inject({ kind: "write", at: 1, sticky: true, error: "ENOSPC" });
  expect(await rejectionOf(log.append(put("k")))).toMatchObject({ code: "UNKNOWN_OUTCOME" });
  fileSystem.heal();
  expect(await rejectionOf(log.append(put("k")))).toMatchObject({ code: "STORAGE_FAULT" });
  expect(await replayed(await openTestLog(disk.crash({ unsynced: "kept" })))).toEqual(["1 put before=1"]);
});
