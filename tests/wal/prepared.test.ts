import { describe, expect, test } from "bun:test";
import { preparedBytes, preparingGroupBytesMax } from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import type { WalOptions } from "../../src/wal/write-ahead-log.ts";
import { filesOf, firstSegment } from "./disk-files.ts";
import { iterated, logDirectory, openTestLog, put } from "./log-fixture.ts";

/** Zeros ahead of small groups, so that their syncs have no new size to make durable. */
const prepared: WalOptions = { preparesSegments: true, segmentBytesMax: 1024 * 1024 };

const sizeOf = (disk: MemoryFileSystem, name = firstSegment) => filesOf(disk).get(name)!.length;

describe("a segment", () => {
  test("is prepared by a small group with which it grows, up to a round offset, and by none in between", async () => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk);
    const log = await openTestLog(fileSystem, prepared);
    const writes = () => fileSystem.count({ kind: "write" });
    const before = writes();
    await log.append(put("a", 100));
    expect(writes() - before).toBe(2);
    expect(sizeOf(disk)).toBe(preparedBytes);
    for (let index = 0; index < 100; index++) await log.append(put("b", 100));
    expect(writes() - before).toBe(2 + 100);
    expect(sizeOf(disk)).toBe(preparedBytes);
    for (let index = 0; index < 10; index++) await log.append(put("c", preparingGroupBytesMax - 200));
    expect(sizeOf(disk)).toBe(2 * preparedBytes);
  });

  test("is not prepared by a large group, and no further than its capacity", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { ...prepared, segmentBytesMax: 50_000 });
    await log.append(put("a", preparingGroupBytesMax));
    expect(sizeOf(disk)).toBe(surveyLog(disk, logDirectory).segments[0]!.walk.end);
    await log.append(put("b", 10));
    expect(sizeOf(disk)).toBe(50_000);
  });

  test("is not prepared where the disk has no room for zeros", async () => {
    const disk = new MemoryFileSystem();
    disk.setFreeBytes(preparedBytes);
    const log = await openTestLog(disk, prepared);
    await log.append(put("a", 10));
    expect(sizeOf(disk)).toBeLessThan(1_000);
  });

  test("ends with its last group once it is sealed, whatever a power cut does then, and once it is closed", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { ...prepared, segmentBytesMax: 2_000 });
    for (let index = 0; index < 15; index++) await log.append(put("a", 300));
    const lost = disk.crash({ unsynced: "lost" });
    for (const left of [disk, lost]) {
      const { segments, verdict } = surveyLog(left, logDirectory);
      expect(verdict.kind).toBe("clean");
      expect(segments.length).toBeGreaterThan(2);
      for (const { fileBytes, walk } of segments.slice(0, -1)) expect(fileBytes).toBe(walk.end);
    }
    const name = [...filesOf(disk).keys()].at(-1)!;
    expect(sizeOf(disk, name)).toBe(2_000);
    await log.close();
    for (const left of [disk, disk.crash({ unsynced: "lost" })])
      expect(sizeOf(left, name)).toBe(surveyLog(left, logDirectory).segments.at(-1)!.walk.end);
  });

  test("is gone on with behind its last group, whether what was prepared is there, in part, or not", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, prepared);
    await log.append(put("a", "1"));
    await log.checkpoint();
    const { end } = surveyLog(disk, logDirectory).segments[0]!.walk;
    for (const size of [preparedBytes, end + 1_000, end + 1, end]) {
      const killed = disk.crash({ unsynced: "kept" });
      const file = killed.open(`${logDirectory}/${firstSegment}`);
      file.truncate(size);
      await file.sync();
      const again = await openTestLog(killed, prepared);
      expect(again.tornFile).toBeUndefined();
      await again.append(put("b", "2"));
      expect(sizeOf(killed)).toBe(preparedBytes);
      const after = killed.crash({ unsynced: "lost" });
      expect(await iterated(await openTestLog(after))).toEqual(["1 put a=1", "2 checkpoint", "3 put b=2"]);
    }
  });
});
