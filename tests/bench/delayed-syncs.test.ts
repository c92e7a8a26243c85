import { expect } from "bun:test";
import { join } from "node:path";
import { testWithStrace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { delayedSyncs } from "./delayed-syncs.ts";

testWithStrace("a program's syncs take longer, on every thread, and its writes do not", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "file");
  const program = `
    const { openSync, writeSync, fdatasyncSync, fsync } = require("node:fs");
    const file = openSync(${JSON.stringify(path)}, "w");
    const timed = async (run) => { const at = performance.now(); await run(); return performance.now() - at };
    console.log(JSON.stringify([
      await timed(() => fdatasyncSync(file)),
      await timed(() => new Promise((done) => fsync(file, done))),
      await timed(() => { for (let count = 0; count < 20; count++) writeSync(file, "x"); }),
    ]));`;
  const { stdout } = Bun.spawnSync([...delayedSyncs(30), process.execPath, "-e", program]);
  const [sync, syncElsewhere, writes] = JSON.parse(stdout.toString()) as number[];
  expect(sync).toBeGreaterThanOrEqual(30);
  expect(syncElsewhere).toBeGreaterThanOrEqual(30);
  // Twenty of them, and each would take as long.
  expect(writes).toBeLessThan(20 * 30);
});
