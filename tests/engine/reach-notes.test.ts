import { expect, test } from "bun:test";
import { join } from "node:path";
import { reachNoteMs } from "../../src/lib/limits.ts";
import { openManifest } from "../../src/manifest/manifest.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { groupMagicBytes } from "../../src/wal/format.ts";
import { settle, StillClock } from "../wal/still-clock.ts";
import { EngineDriver } from "./engine-driver.ts";

const notedSeq = (disk: MemoryFileSystem) => readManifest(disk, "/data/manifest")!.state.durableSeq;

async function begun(disk = new MemoryFileSystem(), fileSystem = new FailingFileSystem(disk)) {
  const clock = new StillClock();
  const db = await EngineDriver.open(fileSystem, { clock, segmentBytesMax: 64 * 1024 });
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { disk, db, pass };
}

/** The last group with a record, its seal and all behind them become zeros, as where a sector is lost. */
function withoutEnd(disk: MemoryFileSystem): MemoryFileSystem {
  const left = disk.crash({ unsynced: "lost" });
  const path = join(
    "/data/wal",
    left
      .list("/data/wal")
      .filter((name) => name.endsWith(".wal"))
      .toSorted()
      .at(-1)!,
  );
  const bytes = readFile(left, path);
  const from = bytes.lastIndexOf(groupMagicBytes, bytes.lastIndexOf("the last one"));
  const file = left.open(path);
  file.write(Buffer.alloc(file.size() - from), from);
  file.close();
  return left;
}

test("a log that has stood still for a while is noted in the manifest, and none that goes on", async () => {
  const { disk, db, pass } = await begun();
  for (let write = 0; write < 3; write++) {
    await db.putDurably("key", `value ${write}`);
    await pass(reachNoteMs - 1);
    expect(notedSeq(disk)).toBe(0);
  }
  await pass(reachNoteMs);
  expect(notedSeq(disk)).toBe(3);
  await db.putDurably("key", "again");
  await pass(reachNoteMs);
  await pass(reachNoteMs);
  expect(notedSeq(disk)).toBe(4);
  await db.engine.close();
});

test("from its note on damage to the end of the log is no tear, though it takes the seal as well", async () => {
  const { disk, db, pass } = await begun();
  await db.putDurably("key", "the first one");
  await db.putDurably("key", "the last one");
  await pass(reachNoteMs - 1);
  // No single machine can tell this from a write that a crash has torn (src/wal/README.md, section 5).
  const exposed = await EngineDriver.open(withoutEnd(disk));
  expect(exposed.get("key").value).toBe("the first one");
  await exposed.engine.close();
  await pass(1);
  await pass(reachNoteMs);
  await expect(EngineDriver.open(withoutEnd(disk))).rejects.toMatchObject({
    code: "STORE_MISMATCH",
    message: expect.stringContaining("at seq 1, but was durable up to segment 1 and seq 2"),
  });
  await db.engine.close();
});

test("a start vouches for all that it found, and an end in order for all that there is", async () => {
  const { disk, db } = await begun();
  await db.putDurably("key", "the last one");
  const killed = disk.crash({ unsynced: "kept" });
  const restarted = await EngineDriver.open(killed);
  expect(notedSeq(killed)).toBe(1);
  await db.engine.close();
  expect(notedSeq(disk)).toBe(1);
  for (const vouched of [killed, disk]) {
    await expect(EngineDriver.open(withoutEnd(vouched))).rejects.toMatchObject({ code: "STORE_MISMATCH" });
  }
  await restarted.engine.close();
});

test("a segment that was begun and has no record yet can't vanish unseen", async () => {
  const { disk, db } = await begun();
  await db.putDurably("key", "value");
  await db.engine.close();
  const logReach = { segmentNumber: 2, durableSeq: 1 };
  await (await openManifest(disk, "/data/manifest", { logReach }))!.close();
  await expect(EngineDriver.open(disk)).rejects.toMatchObject({
    code: "STORE_MISMATCH",
    message: expect.stringContaining(
      "ends with segment 1 at seq 1, but was durable up to segment 2 and seq 1",
    ),
  });
});

test("where the disk is nearly full nothing is noted until there is room, and no fault comes of it", async () => {
  const { disk, db, pass } = await begun();
  await db.putDurably("key", "value");
  disk.setFreeBytes(100);
  await pass(reachNoteMs);
  expect(notedSeq(disk)).toBe(0);
  disk.setFreeBytes(2 ** 40);
  // Nobody writes any more: it looks again by itself.
  await pass(reachNoteMs);
  expect(notedSeq(disk)).toBe(1);
  expect(db.put("key", "again").refusal).toBeUndefined();
  await db.engine.close();
});

test("a note that can't be written stops the store, like any other fault of the manifest", async () => {
  const disk = new MemoryFileSystem();
  const failing = new FailingFileSystem(disk, {
    faults: [{ kind: "datasync", path: /\.manifest$/, at: 1, error: "EIO" }],
  });
  const { db, pass } = await begun(disk, failing);
  await db.putDurably("key", "value");
  await pass(reachNoteMs);
  expect(db.put("key", "again").refusal).toMatchObject({ code: "STORAGE_FAULT" });
  await db.engine.close();
  const again = await EngineDriver.open(disk.crash({ unsynced: "lost" }));
  expect(again.get("key").value).toBe("value");
  await again.engine.close();
});
