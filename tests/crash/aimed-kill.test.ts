import { describe, expect, setDefaultTimeout } from "bun:test";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { AimedStore, type Script } from "../support/aimed-run.ts";
import { aimed, aimedTimeoutMs, forAims, references, type Target } from "../support/aims.ts";
import { segmentNamesOf } from "../support/recovered-store.ts";
import { testWithStrace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { placeOf } from "../support/trace.ts";

setDefaultTimeout(aimedTimeoutMs);

/**
 * A kill at a single system call by which the server changes its files, one run each: a few of them in every run of
 * the tests, and all of them with AIMED=all. Then a restart that is judged, writes again, is killed too, and judged
 * again; and after each server the whole store is checked.
 */
async function killAt(
  targets: readonly Target[],
  spread: number,
  begin: (directory: string) => Promise<AimedStore>,
  script: Script,
): Promise<void> {
  const reference = references(begin, script);
  await forAims(targets, { spread, reference }, async (aim) => {
    using directory = temporaryDirectory();
    const store = await begin(directory.path);
    const run = await store.run({ ...aimed(aim, "signal=SIGKILL"), script });
    if (!run.wasHit) return false;
    expect({ ...aim, exitCode: run.exitCode }).toEqual({ ...aim, exitCode: 137 });
    await store.check({ write: true });
    await store.check({ write: false });
    expect({ ...aim, violations: store.oracle.violations }).toEqual({ ...aim, violations: [] });
    return true;
  });
}

const freshStore = async (directory: string) => new AimedStore(directory);

describe("from the first boot on, over groups, segments, flushes and merges to the last ack,", () => {
  /** What threads of their own do is counted apart: the one that writes tables makes fewer calls than the other. */
  const targets: Target[] = [
    { call: "mkdir", part: "everything", callsMin: 4 },
    { call: "openat", part: "everything", callsMin: 50 },
    { call: "openat", part: "tables", callsMin: 25 },
    { call: "pwrite64", callsMin: 40 },
    { call: "pwrite64", part: "tables", callsMin: 6 },
    { call: "fdatasync", callsMin: 30 },
    { call: "fsync", callsMin: 40 },
    { call: "rename", callsMin: 9 },
    { call: "rename", part: "tables", callsMin: 6 },
    { call: "unlink", callsMin: 12 },
  ];
  testWithStrace("a kill at any call keeps the promise", () => killAt(targets, 14, freshStore, "merging"));

  testWithStrace("there are calls of every kind to be aimed at", async () => {
    using directory = temporaryDirectory();
    const store = new AimedStore(directory.path);
    const { calls } = await store.run({});
    const made = calls.map((call) => `${call.name} ${placeOf(call, store.dataDirectory)}`);
    const count = (call: string) => made.filter((name) => name === call).length;
    // A flush and a merge; their edits of the manifest, and manifests that take the place of one that is too long.
    expect(count("rename tables/*.table.tmp")).toBeGreaterThan(5);
    expect(count("fsync tables")).toBeGreaterThan(5);
    expect(count("fdatasync manifest/*.manifest")).toBeGreaterThan(9);
    expect(count("rename manifest/*.manifest.tmp")).toBeGreaterThan(1);
    // What was pruned behind each of them.
    expect(count("unlink wal/*.wal")).toBeGreaterThan(4);
    expect(count("unlink tables/*.table")).toBeGreaterThan(5);
    expect(count("unlink manifest/*.manifest")).toBeGreaterThan(0);
  });
});

describe("while a torn tail is repaired,", () => {
  const targets: Target[] = [
    { call: "openat", part: "everything", callsMin: 5 },
    { call: "pwrite64", callsMin: 2 },
    { call: "fsync", callsMin: 4 },
    { call: "rename", callsMin: 2 },
  ];
  testWithStrace("a kill at any call keeps the promise", () => killAt(targets, 3, tornStore, "none"));
});

/** A store that was written, killed, and has the beginning of a group behind its last one. */
async function tornStore(directory: string): Promise<AimedStore> {
  const store = new AimedStore(directory);
  await store.check({ write: true });
  const last = segmentNamesOf(store.dataDirectory).at(-1)!;
  const tail = Buffer.from("f5484647000000010000", "hex");
  appendFileSync(join(store.dataDirectory, "wal", last), tail);
  return store;
}
