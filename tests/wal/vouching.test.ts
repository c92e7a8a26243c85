import { expect, test } from "bun:test";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { logDirectory, openTestLog, put } from "./log-fixture.ts";

for (const syncMode of ["always", "batch", "none"] as const) {
  test(`after a clean close in mode "${syncMode}" damage to the last record is corruption, also behind a truncation`, async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk, { syncMode });
    await log.append(put("old", "1"));
    await log.sync();
    await log.append(put("new", "the last value"));
    // Its seal is written behind a group that no sync has covered yet, and must not count as vouching for it.
    await log.truncate(1);
    await log.close();
    const file = disk.open(`${logDirectory}/000000000001.wal`);
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    const at = Buffer.from(bytes).indexOf("the last value");
    file.write(Uint8Array.of(bytes[at]! ^ 1), at);
    file.close();
    expect(openTestLog(disk, { syncMode })).rejects.toMatchObject({ code: "WAL_CORRUPT" });
  });
}

test("a checkpoint goes into the smallest segments that there are", async () => {
  for (const segmentBytesMax of [192, 200, 208, 215, 216]) {
    await using log = await openTestLog(new MemoryFileSystem(), { segmentBytesMax });
    for (let index = 0; index < 3; index++) await log.append(put("k", "v"));
    expect(await log.checkpoint()).toBe(4);
  }
});
