import { describe, expect, test } from "bun:test";
import { sealDelayMs } from "../../src/lib/limits.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { groupHeaderBytes } from "../../src/wal/format.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import { WalCorruptionError, type SyncMode } from "../../src/wal/write-ahead-log.ts";
import { diskWith, filesOf, firstSegment, groupOffsets, withBitFlipped, withFile } from "./disk-files.ts";
import { iterated, logDirectory, openTestLog, put, rejectionOf } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

/** Seals close the window in which damage to the last group would pass for a torn tail. */

async function openLog(options: { syncMode?: SyncMode; segmentBytesMax?: number } = {}) {
  const disk = new MemoryFileSystem();
  const clock = new StillClock();
  const log = await openTestLog(disk, { clock, ...options });
  const lastWalk = () => surveyLog(disk, logDirectory).segments.at(-1)!.walk;
  const isProven = () => lastWalk().recordsEnd <= lastWalk().durableThrough;
  return { disk, clock, log, lastWalk, isProven };
}

describe("a seal", () => {
  test("follows when the log falls idle, within two delays, which the published 50 ms include", async () => {
    const { clock, log, isProven } = await openLog();
    await log.append(put("k", "v"));
    await settle();
    expect(isProven()).toBe(false);
    clock.advance(sealDelayMs);
    await settle();
    expect(isProven()).toBe(true);
    expect(2 * sealDelayMs).toBeLessThan(50);
  });

  test("waits while appends go on, and comes within two delays after the last", async () => {
    const { clock, log, lastWalk, isProven } = await openLog();
    for (let index = 1; index <= 10; index++) {
      await log.append(put("k", "v"));
      await settle();
      expect(lastWalk().groupCount).toBe(index);
      clock.advance(sealDelayMs - 1);
      await settle();
    }
    clock.advance(sealDelayMs + 1);
    await settle();
    expect(isProven()).toBe(true);
    expect(lastWalk().groupCount).toBe(11);
  });

  test("is written once: an idle log stays as it is", async () => {
    const { disk, clock, log } = await openLog();
    await log.append(put("k", "v"));
    await settle();
    clock.advance(100);
    await settle();
    const sealed = filesOf(disk);
    expect(clock.alarmsInMs).toEqual([]);
    clock.advance(100_000);
    await settle();
    expect(filesOf(disk)).toEqual(sealed);
  });

  test("comes with close(), and with truncate()", async () => {
    const { log, isProven } = await openLog();
    await log.append(put("a"));
    await log.append(put("b"));
    expect(isProven()).toBe(false);
    await log.truncate(1);
    expect(isProven()).toBe(true);
    await log.append(put("c"));
    await log.close();
    expect(isProven()).toBe(true);
  });

  test("is no record: it has no number, and no reader sees it", async () => {
    const { clock, log, lastWalk } = await openLog();
    for (let index = 1; index <= 3; index++) {
      expect(await log.append(put(`${index}`))).toBe(index);
      await settle();
      clock.advance(50);
      await settle();
    }
    expect(lastWalk().groupCount).toBe(6);
    expect(await iterated(log)).toEqual(["1 put 1=", "2 put 2=", "3 put 3="]);
  });

  test('comes after the sync that it speaks of, in mode "batch"', async () => {
    const { disk, clock, log, isProven } = await openLog({ syncMode: "batch" });
    await log.append(put("k", "v"));
    await settle();
    expect(isProven()).toBe(false);
    clock.advance(10);
    await settle();
    clock.advance(2 * sealDelayMs);
    await settle();
    expect(isProven()).toBe(true);
    expect(disk.crash({ unsynced: "lost" }).listAll()[`${logDirectory}/${firstSegment}`]).toBeGreaterThan(96);
  });

  test('in mode "none" comes after sync() only, for nothing else is known to be durable', async () => {
    const { clock, log, isProven } = await openLog({ syncMode: "none" });
    await log.append(put("k", "v"));
    await settle();
    clock.advance(10_000);
    await settle();
    expect(isProven()).toBe(false);
    await log.sync();
    await settle();
    clock.advance(2 * sealDelayMs);
    await settle();
    expect(isProven()).toBe(true);
  });

  test("that finds no room begins the next segment", async () => {
    const { clock, log, disk } = await openLog({ segmentBytesMax: 300 });
    for (let index = 0; index < 6; index++) {
      await log.append(put("k", 50 + index * 10));
      await settle();
      clock.advance(50);
      await settle();
      await log.truncate(log.currentSeq - 1);
    }
    await log.close();
    expect(await iterated(await openTestLog(disk))).toHaveLength(1);
  });

  test("is asked for by the next start too, if a crash came before it", async () => {
    const { disk, log } = await openLog();
    await log.append(put("k", "v"));
    const killed = disk.crash({ unsynced: "kept" });
    const clock = new StillClock();
    const again = await openTestLog(killed, { clock });
    expect(clock.alarmsInMs).toEqual([sealDelayMs]);
    clock.advance(sealDelayMs);
    await settle();
    const { walk } = surveyLog(killed, logDirectory).segments[0]!;
    expect(walk.recordsEnd).toBeLessThanOrEqual(walk.durableThrough);
    await again.close();
  });

  test("makes damage to the last group of records known for what it is", async () => {
    const { disk, clock, log } = await openLog();
    await log.append(put("a", "1"));
    await log.append(put("b", "2"));
    await settle();
    const unsealed = filesOf(disk);
    clock.advance(50);
    await settle();
    const sealed = filesOf(disk);
    const [, last, seal] = groupOffsets(sealed.get(firstSegment)!);
    expect(seal).toBe(sealed.get(firstSegment)!.length - groupHeaderBytes);
    for (let offset = last!; offset < seal!; offset++) {
      const damaged = withBitFlipped(sealed.get(firstSegment)!, offset, offset % 8);
      const error = await rejectionOf(openTestLog(await diskWith(withFile(sealed, firstSegment, damaged))));
      expect(error).toBeInstanceOf(WalCorruptionError);
      expect(error).toMatchObject({ offset: last, seq: 2 });
      // The very same damage before the seal is what no single machine can tell from a torn write.
      const undecidable = withBitFlipped(unsealed.get(firstSegment)!, offset, offset % 8);
      const repaired = await openTestLog(await diskWith(withFile(unsealed, firstSegment, undecidable)));
      expect(await iterated(repaired)).toEqual(["1 put a=1"]);
    }
  });
});
