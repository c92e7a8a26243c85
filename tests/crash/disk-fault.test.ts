import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { AimedStore, tinySegmentBytes, type AimedRun } from "../support/aimed-run.ts";
import { aimed, aimedTimeoutMs, forAims, references, type Aim, type Target } from "../support/aims.ts";
import { walkOf } from "../support/log-end.ts";
import { segmentNamesOf } from "../support/recovered-store.ts";
import { testWithStrace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { judgeTrace } from "../support/trace-order.ts";
import { lastNumberOf, pathOf, type SystemCall } from "../support/trace.ts";

setDefaultTimeout(aimedTimeoutMs);

/**
 * The disk fails under the real server, at one system call of one run: a few of them in every run of the tests, and all
 * with AIMED=all. Nothing that the failed call would have covered is acknowledged (the trace is the witness, down to
 * the bytes on the sockets, and over the restart too), the process ends with 70 and says why, and a restart holds the
 * promise. Every call, in every way in which it can fail, in shorter lives: faults/real-fault-sweep.
 */
const exitCodeOfFault = 70;
const exitCodeOfDamage = 65;
/** A quota is a disk of its own size. */
const noRoom = ["ENOSPC", "EDQUOT"];

const freshStore = async (directory: string) => new AimedStore(directory);
/** Played once for all tests. */
const reference = references(freshStore);

describe("when the disk fails", () => {
  const faults: { error: string; targets: Target[]; spread: number }[] = [
    {
      error: "EIO",
      targets: [
        { call: "fdatasync", callsMin: 30 },
        { call: "fsync", callsMin: 40 },
        { call: "pwrite64", callsMin: 40 },
        { call: "rename", callsMin: 9 },
        { call: "unlink", callsMin: 12 },
        { call: "openat", part: "everything", callsMin: 50 },
        { call: "pwrite64", part: "tables", callsMin: 6 },
        { call: "rename", part: "tables", callsMin: 6 },
        { call: "openat", part: "tables", callsMin: 25 },
      ],
      spread: 8,
    },
    { error: "ENOSPC", targets: [{ call: "pwrite64", callsMin: 40 }], spread: 1 },
    { error: "EDQUOT", targets: [{ call: "pwrite64", callsMin: 40 }], spread: 1 },
    // A sync that is interrupted has failed like any other: begun again, it could succeed without what was lost.
    { error: "EINTR", targets: [{ call: "fdatasync", callsMin: 30 }], spread: 1 },
  ];
  for (const { error, targets, spread } of faults) {
    testWithStrace(`${error} at any call acknowledges nothing, ends the server, and loses nothing`, () =>
      forAims(targets, { spread, reference }, async (aim) => {
        using directory = temporaryDirectory();
        const store = new AimedStore(directory.path);
        const run = await store.run(aimed(aim, `error=${error}`));
        if (!run.wasHit) return false;
        if (metHarmless(run) || (noRoom.includes(error) && metTable(run))) return true;
        expect({ ...aim, exitCode: run.exitCode }).toEqual({ ...aim, exitCode: exitCodeOfFault });
        expect(run.stderr).toContain(error);
        expect({ ...aim, triedAgain: callsOnFailed(run) }).toEqual({ ...aim, triedAgain: [] });
        await expectRecovery(store, aim);
        return true;
      }),
    );
  }

  testWithStrace("EIO at any call of a start keeps it from serving, and loses nothing", () => {
    const targets: Target[] = [
      { call: "openat", part: "everything", callsMin: 20 },
      { call: "pread64", part: "everything", callsMin: 5 },
      { call: "pwrite64", callsMin: 3 },
      { call: "fsync", callsMin: 6 },
      { call: "rename", callsMin: 2 },
    ];
    return forAims(targets, { spread: 3, reference: references(writtenStore, "none") }, async (aim) => {
      using directory = temporaryDirectory();
      const store = await writtenStore(directory.path);
      const run = await store.run({ ...aimed(aim, "error=EIO"), script: "none" });
      if (!run.wasHit) return false;
      if (metHarmless(run)) return true;
      // What is flushed behind a start may have met it after it listened.
      if (!run.isComplete) {
        expect([exitCodeOfFault, exitCodeOfDamage]).toContain(run.exitCode);
        expect(run.stderr).toContain("EIO");
      }
      await expectRecovery(store, aim);
      return true;
    });
  });

  testWithStrace("a write that is cut short goes on where it stopped, and is acknowledged as a whole", () => {
    // One segment takes everything: the tracer leaves zeros where it says that 7 bytes were written, and a flush would
    // read them again.
    const begin = async (directory: string) => new AimedStore(directory, 1024 * 1024);
    const targets: Target[] = [{ call: "pwrite64", callsMin: 10 }];
    return forAims(targets, { spread: 3, reference: references(begin, "writing") }, async (aim) => {
      using directory = temporaryDirectory();
      const store = await begin(directory.path);
      const run = await store.run({ ...aimed(aim, "retval=7"), script: "writing", leavesDamage: true });
      if (!run.wasHit) return false;
      if (metHarmless(run)) return true;
      const writes = run.calls.filter(({ name }) => name === "pwrite64");
      const index = writes.findIndex(({ isInjected }) => isInjected);
      expect(lastNumberOf(writes[index + 1]!) - lastNumberOf(writes[index]!)).toBe(7);
      expect({ ...aim, isComplete: run.isComplete }).toEqual({ ...aim, isComplete: true });
      expect(judgeTrace(store.trace).violations).toEqual([]);
      return true;
    });
  });

  test.skipIf(process.platform !== "linux")(
    "a file that may not grow tears a group for real, and the restart repairs it",
    async () => {
      using directory = temporaryDirectory();
      const store = new AimedStore(directory.path, 4 * tinySegmentBytes);
      // The limit counts in KiB; the write that crosses it is cut short there, the next one fails.
      const run = await store.run({
        under: ["bash", "-c", `trap "" XFSZ; ulimit -f 1; exec "$@"`, "limited"],
      });
      expect({ isComplete: run.isComplete, exitCode: run.exitCode }).toEqual({
        isComplete: false,
        exitCode: exitCodeOfFault,
      });
      expect(run.stderr).toContain("EFBIG");
      await store.check({ write: true });
      await store.check({ write: false });
      expect(store.oracle.acknowledgedCount).toBeGreaterThan(15);
      expect(store.oracle.violations).toEqual([]);
    },
  );
});

/** A restart holds the promise, and so does the one after it; over both, the trace shows no ack that came too early. */
async function expectRecovery(store: AimedStore, aim: Aim): Promise<void> {
  const isTraced = aim.part === undefined;
  await store.check({ write: true, trace: isTraced });
  if (isTraced) {
    const { violations } = judgeTrace(store.trace);
    expect({ ...aim, violations }).toEqual({ ...aim, violations: [] });
  }
  await store.check({ write: false });
  expect({ ...aim, violations: store.oracle.violations }).toEqual({ ...aim, violations: [] });
}

/**
 * A store with tables, of which a server was killed. Always before its seal, which a quick disk may have got in
 * between: so the next start has to write the last segment anew, and makes the same calls every time.
 */
async function writtenStore(directory: string): Promise<AimedStore> {
  const store = new AimedStore(directory);
  await store.check({ write: true, trace: true });
  const dataDirectory = join(directory, "data");
  const last = join(dataDirectory, "wal", segmentNamesOf(dataDirectory).at(-1)!);
  truncateSync(last, walkOf(readFileSync(last)).recordsEnd);
  return store;
}

/**
 * Whether only such calls were met as may fail: that which writes the pid into the lock file, for people to read, and
 * those that open a file in order to delete it, which only saves time. Calls are counted for each thread, so that with
 * the first of one that of another may be met as well.
 */
function metHarmless(run: AimedRun): boolean {
  if (faultsOf(run).length > 0) return false;
  expect(run.isComplete).toBe(true);
  return true;
}

/** The same for a table. A full disk is no fault there: the flush or the merge waits for room. */
function metTable(run: AimedRun): boolean {
  if (!faultsOf(run).every((call) => pathOf(call).endsWith(".table.tmp"))) return false;
  expect(run.isComplete).toBe(true);
  return true;
}

function faultsOf({ calls }: AimedRun): SystemCall[] {
  const isPid = (call: SystemCall) => call.name === "pwrite64" && pathOf(call).endsWith("/LOCK");
  const isToDelete = (call: SystemCall) => call.name === "openat" && /O_NOFOLLOW/.test(call.argumentText);
  return calls.filter((call) => call.isInjected && !isPid(call) && !isToDelete(call));
}

/**
 * What the server still did to a file that a call had failed on: nothing may be tried again. What a merge or a flush
 * had begun may be removed.
 */
function callsOnFailed(run: AimedRun): string[] {
  const changing = ["pwrite64", "fsync", "fdatasync", "rename", "ftruncate"];
  return faultsOf(run).flatMap((fault) => {
    const path = pathOf(fault);
    const later = run.calls.filter((call) => call.begin > fault.begin && pathOf(call) === path);
    return later.flatMap(({ name }) => (changing.includes(name) ? [`${name} ${path}`] : []));
  });
}
