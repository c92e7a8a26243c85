import { dirname, join } from "node:path";
import "./same-calls-fixture.ts";

/**
 * Preloaded into a server when the first thread and a worker work on the same file. strace counts the calls of each
 * thread by itself, and lets the n-th of both fail, also of the one that was not meant and comes first. So the first
 * thread makes some calls on a file beside the store, which may fail as they like: from then on its counts are others.
 * The file system is not imported, for that would come before what same-calls-fixture.ts changes in it.
 */
const fs = process.getBuiltinModule("node:fs");
const dataDirectory = process.argv[process.argv.indexOf("--data") + 1]!;
const besideStore = join(dirname(dataDirectory), "counted-apart");

for (let index = 0; index < 20; index++) {
  for (const call of [fs.statSync, fs.statfsSync]) {
    try {
      call(besideStore);
    } catch {
      // That was the one.
    }
  }
  try {
    const fd = fs.openSync(besideStore, "r");
    try {
      fs.readSync(fd, Buffer.alloc(1), 0, 1, 0);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // That was the one.
  }
}
