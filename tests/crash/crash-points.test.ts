import { expect, setDefaultTimeout, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { withSeed } from "../support/seeds.ts";
import { crashEverywhere, openTiny } from "../support/store-crash-points.ts";

setDefaultTimeout(600_000);

/**
 * What SIGKILL can't show, a disk in memory can: which bytes and names a power cut forgets that were not synced. The
 * whole engine runs on it, flushes and compactions too.
 */
test("no crash, at whatever call, takes back what was acknowledged", async () => {
  const isLong = process.env["AIMED"] === "all";
  const lives = isLong ? 10 : 1;
  let crashes = 0;
  await withSeed(async (random) => {
    for (let life = 0; life < lives; life++) {
      crashes += await crashEverywhere(random, { steps: 60, everyWay: isLong });
    }
  });
  expect(crashes).toBeGreaterThan(300 * lives);
  if (isLong) console.log(`${crashes} crashes of a disk in memory`);
});

test("a table that is not what was written stops the store before the log is pruned", async () => {
  const disk = new MemoryFileSystem();
  let isDamaged = false;
  const fileSystem = new FailingFileSystem(disk, {
    onCall({ kind, path }) {
      if (kind !== "sync" || !path.endsWith(".table.tmp")) return;
      const file = disk.open(path);
      const byte = Buffer.alloc(1);
      file.read(byte, 10);
      byte[0]! ^= 1;
      file.write(byte, 10);
      isDamaged = true;
    },
  });
  const db = await openTiny(fileSystem);
  await db.putDurably("key", "value");
  expect(await db.checkpoint().catch(({ code }) => code)).toBe("STORAGE_FAULT");
  expect(isDamaged).toBe(true);
  await db.engine.close();
  const again = await openTiny(disk.crash({ unsynced: "lost" }));
  expect(again.all()).toEqual([["key", "value"]]);
  await again.engine.close();
});
