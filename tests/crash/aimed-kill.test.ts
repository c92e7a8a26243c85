import { describe, expect, setDefaultTimeout } from "bun:test";
import { appendFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AimedStore, forEveryCall } from "../support/aimed-run.ts";
import { testWithStrace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

setDefaultTimeout(120_000);

/**
 * A kill at every single system call by which the server changes its files, one run each. Then a restart that is
 * judged, writes again, is killed too, and judged again. How many calls there are at least is known: a server that
 * makes fewer does not do what is aimed at here.
 */
async function killAtEvery(call: string, begin: (directory: string) => Promise<AimedStore>): Promise<number> {
  return forEveryCall(async (n) => {
    using directory = temporaryDirectory();
    const store = await begin(directory.path);
    const withScript = !isTorn(store);
    // Opening files and making directories is what a program does that merely starts, too.
    const onlyFiles = call === "openat" || call === "mkdir";
    const run = await store.run({ inject: `${call}:signal=SIGKILL:when=${n}`, onlyFiles, withScript });
    if (!run.wasHit) return false;
    expect({ call, n, exitCode: run.exitCode }).toEqual({ call, n, exitCode: 137 });
    await store.check({ write: true });
    await store.check({ write: false });
    expect({ call, n, violations: store.oracle.violations }).toEqual({ call, n, violations: [] });
    return true;
  });
}

describe("from the first boot on, over groups and new segments to the last ack,", () => {
  const callsMin = { mkdir: 2, openat: 10, pwrite64: 10, fdatasync: 7, fsync: 8, rename: 3 };
  for (const [call, hitsMin] of Object.entries(callsMin)) {
    testWithStrace(`a kill at every ${call} keeps the promise`, async () => {
      const hits = await killAtEvery(call, async (directory) => new AimedStore(directory));
      expect(hits).toBeGreaterThanOrEqual(hitsMin);
    });
  }
});

describe("while a torn tail is repaired,", () => {
  const callsMin = { openat: 5, pwrite64: 2, fsync: 4, rename: 2 };
  for (const [call, hitsMin] of Object.entries(callsMin)) {
    testWithStrace(`a kill at every ${call} keeps the promise`, async () => {
      const hits = await killAtEvery(call, tornStore);
      expect(hits).toBeGreaterThanOrEqual(hitsMin);
    });
  }
});

/** A store that was written, killed, and has the beginning of a group behind its last one. */
async function tornStore(directory: string): Promise<AimedStore> {
  const store = new AimedStore(directory);
  await store.check({ write: true });
  const wal = join(store.dataDirectory, "wal");
  appendFileSync(join(wal, segmentsOf(store).at(-1)!), Buffer.from("f5484647000000010000", "hex"));
  return store;
}

const isTorn = (store: AimedStore) => segmentsOf(store).length > 0;

function segmentsOf(store: AimedStore): string[] {
  try {
    const names = readdirSync(join(store.dataDirectory, "wal"));
    return names.filter((name) => name.endsWith(".wal")).sort();
  } catch {
    return [];
  }
}
