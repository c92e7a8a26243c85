import * as fs from "node:fs";
import { dirname, join } from "node:path";
import "../../support/one-sync-thread-fixture.ts";

/**
 * Preloaded into a server when it is a worker's call that is to fail. strace counts the calls of each thread by itself,
 * and would let the first one's n-th call fail as well, before the worker makes its own. So the first thread makes some
 * calls on a file beside the store, which may fail as they like, and is beyond that n when it begins.
 */
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
