import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { AimedStore, forEveryCall, tinySegmentBytes, type AimedRun } from "../support/aimed-run.ts";
import { Oracle } from "../support/oracle.ts";
import { RawStoreClient } from "../support/raw-store-client.ts";
import { runScript } from "../support/scripted-writes.ts";
import { ServerProcess, startServer } from "../support/server-process.ts";
import { testWithStrace } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { judgeTrace } from "../support/trace-order.ts";
import { descriptorOf, lastNumberOf } from "../support/trace.ts";

setDefaultTimeout(120_000);

/**
 * The disk fails under the real server: every system call of a kind, one run each. Nothing that the failed call
 * would have covered is acknowledged (the trace is the witness, over the restart too), the process ends with 70 and
 * says why, and a restart holds the promise.
 */
const exitCodeOfFault = 70;

describe("when the disk fails", () => {
  const faults: [call: string, error: string, callsMin: number][] = [
    ["fdatasync", "EIO", 7],
    ["pwrite64", "EIO", 10],
    ["pwrite64", "ENOSPC", 10],
    ["fsync", "EIO", 8],
    ["rename", "EIO", 3],
  ];
  for (const [call, error, callsMin] of faults) {
    testWithStrace(
      `${error} at any ${call} acknowledges nothing, ends the server, and loses nothing`,
      async () => {
        const hits = await forEveryCall(async (n) => {
          using directory = temporaryDirectory();
          const store = new AimedStore(directory.path);
          const run = await store.run({ inject: `${call}:error=${error}:when=${n}` });
          if (!run.wasHit) return false;
          if (metLock(run)) return true;
          expect({ call, n, exitCode: run.exitCode }).toEqual({ call, n, exitCode: exitCodeOfFault });
          expect(run.stderr).toContain(error);
          expect({ call, n, touched: callsAfterFault(run) }).toEqual({ call, n, touched: [] });
          await store.check({ write: true, trace: true });
          const { violations } = judgeTrace(store.trace);
          expect({ call, n, violations }).toEqual({ call, n, violations: [] });
          await store.check({ write: false });
          expect({ call, n, violations: store.oracle.violations }).toEqual({ call, n, violations: [] });
          return true;
        });
        expect(hits).toBeGreaterThanOrEqual(callsMin);
      },
    );
  }

  testWithStrace(
    "a write that is cut short goes on where it stopped, and is acknowledged as a whole",
    async () => {
      const hits = await forEveryCall(async (n) => {
        using directory = temporaryDirectory();
        const store = new AimedStore(directory.path);
        const run = await store.run({ inject: `pwrite64:retval=7:when=${n}` });
        if (!run.wasHit) return false;
        if (metLock(run)) return true;
        const writes = run.calls.filter(({ name }) => name === "pwrite64");
        const index = writes.findIndex(({ isInjected }) => isInjected);
        expect(lastNumberOf(writes[index + 1]!) - lastNumberOf(writes[index]!)).toBe(7);
        expect({ n, isComplete: run.isComplete }).toEqual({ n, isComplete: true });
        expect(judgeTrace(store.trace).violations).toEqual([]);
        return true;
      });
      expect(hits).toBeGreaterThanOrEqual(10);
    },
  );

  testWithStrace("a write that takes nothing at all ends the server", async () => {
    using directory = temporaryDirectory();
    const store = new AimedStore(directory.path);
    const run = await store.run({ inject: "pwrite64:retval=0:when=5+" });
    expect(run.exitCode).toBe(exitCodeOfFault);
    await store.check({ write: true });
    expect(store.oracle.violations).toEqual([]);
  });

  test.skipIf(process.platform !== "linux")(
    "a file that may not grow tears a group for real, and the restart repairs it",
    async () => {
      using directory = temporaryDirectory();
      const oracle = new Oracle();
      const tags = { nextTag: 1 };
      // The limit counts in KiB; the write that crosses it is cut short there, the next one fails.
      const limited = ["bash", "-c", `trap "" XFSZ; ulimit -f 1; exec "$@"`, "limited"];
      const options = { dataDirectory: directory.path, segmentBytesMax: 2 * tinySegmentBytes };
      await using server = new ServerProcess({ ...options, under: limited });
      expect(await runScript(await server.ready(), oracle, tags)).toBe(false);
      expect(await server.exited).toBe(exitCodeOfFault);
      expect(await server.stderr).toContain("EFBIG");

      for (const write of [true, false]) {
        await using healthy = await startServer(options);
        const reader = await RawStoreClient.open(healthy.port);
        const { currentSeq, entries } = await reader.readAll();
        oracle.recovered(currentSeq, entries);
        if (write) expect(await runScript(healthy.port, oracle, tags)).toBe(true);
        await reader.close();
      }
      expect(oracle.acknowledgedCount).toBeGreaterThan(15);
      expect(oracle.violations).toEqual([]);
    },
  );
});

/** Whether the fault met the pid in the lock file. That is there for people to read, and the lock holds without it. */
function metLock({ calls, isComplete }: AimedRun): boolean {
  const met = calls.find(({ isInjected }) => isInjected)!;
  if (!descriptorOf(met).endsWith("/LOCK")) return false;
  expect(isComplete).toBe(true);
  return true;
}

/** What the server still did to its files after a call had failed: nothing may be tried again. */
function callsAfterFault({ calls }: AimedRun): string[] {
  const fault = calls.findIndex(({ isInjected }) => isInjected);
  const changing = ["pwrite64", "fsync", "fdatasync", "rename", "ftruncate", "unlink"];
  return calls
    .slice(fault + 1)
    .flatMap(({ name, argumentText }) =>
      changing.includes(name) ? [`${name}(${argumentText.slice(0, 40)}`] : [],
    );
}
