import { expect, test } from "bun:test";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { StillClock } from "../../wal/still-clock.ts";
import { Exposure } from "./exposure.ts";
import { watchSyncs } from "./sync-watch.ts";

test("a write is exposed from the sync that it was acknowledged by to the next one", () => {
  const exposure = new Exposure();
  exposure.synced(100);
  exposure.synced(110);
  exposure.acknowledged();
  exposure.acknowledged();
  expect(exposure.isOver).toBe(false);
  expect(() => exposure.windowsMs()).toThrow("Nothing vouches");
  exposure.synced(113);
  exposure.acknowledged();
  exposure.synced(153);
  expect(exposure.windowsMs()).toEqual([3, 3, 40]);
});

test("an idle store ends the exposure of its last write by a seal, and the watch sees both", async () => {
  const clock = new StillClock();
  let syncs = 0;
  const fileSystem = watchSyncs(new MemoryFileSystem(), () => syncs++);
  const db = await EngineDriver.open(fileSystem, { clock, sealDelayMs: 20 });
  const before = syncs;
  await db.putDurably("key", "value");
  expect(syncs).toBe(before + 1);
  await clock.passing(db.engine.close());
  expect(syncs).toBe(before + 2);
});
