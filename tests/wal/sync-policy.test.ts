import { describe, expect, test } from "bun:test";
import { inlineSyncMsMax } from "../../src/lib/limits.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { SyncPolicy } from "../../src/wal/sync-policy.ts";
import { StorageFaultError, UnknownOutcomeError } from "../../src/wal/write-ahead-log.ts";
import { iterated, openTestLog, put, rejectionOf } from "./log-fixture.ts";

const quick = inlineSyncMsMax / 2;
const slow = inlineSyncMsMax * 2;

/** How many of so many syncs, each of them as `sync` says, the loop waits for. */
function waitedFor(policy: SyncPolicy, syncs: number, sync: { ms: number; isQuiet: boolean }): number {
  let waited = 0;
  for (let index = 0; index < syncs; index++) {
    if (policy.isInline) {
      waited++;
      policy.syncedInline(sync.ms);
    } else policy.synced(sync.ms, sync.isQuiet);
  }
  return waited;
}

describe("the event loop waits for a sync", () => {
  test("of a quick disk, if nobody came during the last ones, but for every sixteenth, to see who comes", () => {
    const policy = new SyncPolicy();
    expect(waitedFor(policy, 2, { ms: quick, isQuiet: true })).toBe(0);
    expect(waitedFor(policy, 160, { ms: quick, isQuiet: true })).toBe(150);
  });

  test("no more, as soon as one sync sees somebody", () => {
    const policy = new SyncPolicy();
    waitedFor(policy, 2, { ms: quick, isQuiet: true });
    expect(waitedFor(policy, 1_000, { ms: quick, isQuiet: false })).toBe(15);
    waitedFor(policy, 2, { ms: quick, isQuiet: true });
    expect(policy.isInline).toBe(true);
  });

  test("no more, as soon as one takes long, and again only after the disk was quick for a while", () => {
    const policy = new SyncPolicy();
    waitedFor(policy, 2, { ms: quick, isQuiet: true });
    expect(waitedFor(policy, 1_000, { ms: slow, isQuiet: true })).toBe(1);
    expect(waitedFor(policy, 63, { ms: quick, isQuiet: true })).toBe(0);
    waitedFor(policy, 1, { ms: quick, isQuiet: true });
    expect(policy.isInline).toBe(true);
  });
});

describe("a log that waits for its syncs", () => {
  test("acknowledges in order, and everything that it acknowledged is durable", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { syncsInline: true });
    const lines: string[] = [];
    for (let index = 1; index <= 100; index++) {
      const seqs = await Promise.all([log.append(put("a", `${index}`)), log.append(put("b", `${index}`))]);
      for (const [at, seq] of seqs.entries()) lines.push(`${seq} put ${"ab"[at]}=${index}`);
      if (index % 10 > 0) continue;
      const left = disk.crash({ unsynced: "lost" });
      expect(await iterated(await openTestLog(left))).toEqual(lines);
    }
  });

  test("is poisoned by one that fails, like any other", async () => {
    const disk = new MemoryFileSystem();
    const fileSystem = new FailingFileSystem(disk);
    const log = await openTestLog(fileSystem, { syncsInline: true });
    for (let index = 0; index < 5; index++) await log.append(put("k", `${index}`));
    fileSystem.inject({ kind: "datasync", at: 1, error: "EIO" });
    expect(await rejectionOf(log.append(put("k", "lost")))).toBeInstanceOf(UnknownOutcomeError);
    expect(await rejectionOf(log.append(put("k", "later")))).toBeInstanceOf(StorageFaultError);
    expect(fileSystem.count({ kind: "datasync" })).toBe(6);
  });
});
