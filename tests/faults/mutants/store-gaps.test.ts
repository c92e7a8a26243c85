import { describe, expect, test } from "bun:test";
import { InlineRunner } from "../../../src/compaction/inline-runner.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { TableStore } from "../../../src/engine/table-store.ts";
import { createManifest } from "../../../src/manifest/manifest.ts";
import { ResponseQueue, type QueueHost } from "../../../src/server/response-queue.ts";
import { resolveLimits } from "../../../src/server/server-limits.ts";
import { Statistics } from "../../../src/server/statistics.ts";
import type { Wire } from "../../../src/server/wire.ts";
import { WriterPool } from "../../../src/server/writer-pool.ts";
import { tableName } from "../../../src/table/table-format.ts";
import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import { readFile } from "../../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import {
  directory as tablesDirectory,
  emptyDisk,
  flushJob,
  put,
  segmentBytes,
  writeSegment,
} from "../../compaction/job-fixture.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { rejectionOf } from "../../wal/log-fixture.ts";
import { neverDone, openStore as open } from "./gap-fixture.ts";

/** Mutants of the store that no test noticed showed that these were missing. */

describe("a snapshot", () => {
  test("shows what it saw, from memory and from tables, whatever is written and flushed since", async () => {
    const db = await open(new MemoryFileSystem());
    await db.putDurably("k", "1");
    const { snapshotId } = db.openSnapshot();
    await db.putDurably("k", "2");
    expect(db.get("k", snapshotId).value).toBe("1");
    await db.checkpoint();
    expect([db.get("k", snapshotId).value, db.get("k").value]).toEqual(["1", "2"]);
    await db.compact();
    expect([db.get("k", snapshotId).value, db.get("k").value]).toEqual(["1", "2"]);
    await db.engine.close();
  });

  test("waits for the writes that it sees, when it is opened and when it is renewed", async () => {
    const disk = new MemoryFileSystem();
    const db = await open(disk);
    await db.putDurably("k", "1");
    disk.holdSyncs(true);
    const { version } = db.put("k", "2");
    const { snapshotId, visibleAt } = db.openSnapshot();
    expect(visibleAt).toBe(version!);
    expect(db.renewSnapshot(snapshotId!).visibleAt).toBe(version!);
    disk.holdSyncs(false);
    await db.acknowledged(version!);
    expect(db.renewSnapshot(snapshotId!).visibleAt).toBe(0);
    await db.engine.close();
  });
});

test("the newest value of a key is in the newest memtable that has one", async () => {
  const db = await EngineDriver.open(new MemoryFileSystem(), { segmentBytesMax: 2048, runner: neverDone });
  for (let index = 0; index < 14; index++) await db.putDurably("k", `${index} ${"v".repeat(200)}`);
  expect(db.get("k").value).toStartWith("13 ");
});

test("a start keeps the tables that its manifest lists", async () => {
  const disk = new MemoryFileSystem();
  const db = await open(disk);
  await db.putDurably("k", "1");
  await db.checkpoint();
  await db.engine.close();
  for (let start = 0; start < 2; start++) {
    const again = await open(disk);
    expect(again.get("k").value).toBe("1");
    await again.engine.close();
  }
});

test("what goes into a merge is forgotten by the edit that adds what comes out", async () => {
  const disk = new MemoryFileSystem();
  const db = await open(disk);
  for (const value of ["1", "2", "3"]) {
    await db.putDurably("k", value);
    await db.checkpoint();
  }
  await db.compact();
  expect(db.engine.stats()["tables"]).toBe(1);
  await db.engine.close();
  const again = await open(disk);
  expect([again.get("k").value, again.engine.stats()["tables"]]).toEqual(["3", 1]);
  await again.engine.close();
});

test("a change of the tables begins with what the one before it left", async () => {
  const disk = new MemoryFileSystem();
  const manifest = await createManifest(disk, "/manifest", { storeId: new Uint8Array(16), hashSeed: 1 });
  const world = { fileSystem: disk, clock: systemClock, cacheBytesMax: 0 };
  const store = new TableStore(world, "/tables", manifest.state);
  store.begin(manifest);
  const begunWith: number[] = [];
  const one = () => {
    begunWith.push(store.coveredSeq);
    return {
      added: [],
      removed: [],
      coveredSeq: store.coveredSeq + 1,
      segmentNumber: 1,
      durableSeq: store.coveredSeq + 1,
    };
  };
  await Promise.all([store.change(one), store.change(one), store.change(one)]);
  expect(begunWith).toEqual([0, 1, 2]);
  await store.close();
});

test("a write is acknowledged when it is durable, and a batch when its COMMIT is", async () => {
  const db = await open(new MemoryFileSystem());
  const batch = () => db.batch(["a", "b"].map((key) => ({ key, value: "1" })));
  for (const write of [() => db.put("k", "1"), () => db.delete("k"), batch]) {
    const { version, visibleAt } = write();
    expect(visibleAt).toBe(version!);
    expect(version!).toBe(db.engine.currentSeq);
  }
  await db.engine.close();
});

test("a closed store answers nothing, for its tables are no longer there", async () => {
  const db = await open(new MemoryFileSystem());
  await db.putDurably("k", "1");
  await db.engine.close();
  for (const answer of [db.get("k"), db.getMany(["k"]), db.scan()])
    expect(answer.refusal?.code).toBe("WAL_CLOSED");
});

test("a table is announced only if it is the one that was written, however whole it is", async () => {
  const others = emptyDisk();
  const flushOf = (disk: MemoryFileSystem, value: string) =>
    flushJob(writeSegment(disk, segmentBytes(1, 1, [[put("k", value)]])), { firstTableNumber: 1 });
  await new InlineRunner(others, systemClock).run(flushOf(others, "other"));
  const other = readFile(others, `${tablesDirectory}/${tableName(1)}`);
  const inner = emptyDisk();
  const system = new FailingFileSystem(inner, {
    onCall({ kind, path }) {
      if (kind === "openRead" && path.endsWith(".tmp")) inner.open(path).write(other, 0);
    },
  });
  const flushed = new InlineRunner(system, systemClock).run(flushOf(inner, "value"));
  expect(await rejectionOf(flushed)).toMatchObject({ code: "ASSERTION_FAILED" });
  expect(inner.list(tablesDirectory)).toEqual([]);
});

test("an answer without content waits like any other", () => {
  const written: number[] = [];
  const wire = { write: (_bytes: Buffer, _start: number, length: number) => (written.push(length), length) };
  const store = { ackableSeq: 4 };
  const host = {
    store,
    pool: new WriterPool(),
    statistics: new Statistics(),
    limits: resolveLimits(),
  } as unknown as QueueHost;
  const queue = new ResponseQueue(wire as unknown as Wire, host, () => {});
  queue.unanswered = 1;
  queue.done(1, 0, 5);
  queue.flush();
  expect({ written, isWaiting: queue.isWaiting }).toEqual({ written: [], isWaiting: true });
  store.ackableSeq = 5;
  queue.release();
  queue.flush();
  expect(written).toHaveLength(1);
});
