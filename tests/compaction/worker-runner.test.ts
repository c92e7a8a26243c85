import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { join } from "node:path";
import { JobCancelledError, JobDiskFullError, JobFailedError } from "../../src/compaction/errors.ts";
import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import { WorkerRunner } from "../../src/compaction/worker-runner.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { tableName } from "../../src/table/table-format.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { rejectionOf } from "../wal/log-fixture.ts";
import {
  entriesOf,
  flushJob,
  lineOf,
  mergeJob,
  put,
  range,
  segmentBytes,
  writeSegment,
} from "./job-fixture.ts";

/** A runner on a directory of its own, both gone at the end of the scope. */
function runnerIn(clock: Clock = systemClock, script?: string) {
  const base = temporaryDirectory();
  const directory = join(base.path, "tables");
  mkdirSync(directory);
  mkdirSync(join(base.path, "wal"));
  const runner = new WorkerRunner(clock, script);
  return {
    base: base.path,
    directory,
    runner,
    names: () => readdirSync(directory).sort(),
    flushOf: (number: number, keys: number, valueBytes = 100) => {
      const operations = Array.from({ length: keys }, (_, key) =>
        put(`key-${key}`, Buffer.alloc(valueBytes, number)),
      );
      const place = writeSegment(
        realFileSystem,
        segmentBytes(number, number * 100_000, [operations]),
        base.path,
      );
      return flushJob(place, { directory, firstTableNumber: number * 1000 });
    },
    async [Symbol.asyncDispose]() {
      await runner.close();
      base[Symbol.dispose]();
    },
  };
}

const waysToBreak = {
  throws: `throw new Error("nobody catches this");`,
  rejects: `void Promise.reject(new Error("nobody has this"));`,
  exits: `process.exit(7);`,
  spins: `for (;;);`,
};

describe("a worker", () => {
  test("makes the same tables as the thread that asks for them", async () => {
    await using there = runnerIn();
    await using here = runnerIn();
    const inline = new InlineRunner(realFileSystem, systemClock);
    const lines: string[][] = [];
    for (const { flushOf, directory, runner } of [there, { ...here, runner: inline }]) {
      const jobs = [flushOf(1, 3000), flushOf(2, 1000), flushOf(3, 10)];
      const runs = [];
      for (const job of jobs) runs.unshift((await runner.run(job)).tables);
      const merge = mergeJob(runs, {
        directory,
        firstTableNumber: 10,
        tableBytesMax: 100_000,
        snapshots: [200_500],
        deeper: [[range("key-5", "key-7")]],
      });
      const result = await runner.run(merge);
      expect(result).toMatchObject({
        entriesIn: 4010,
        bytesWritten: result.tables.reduce((sum, { bytes }) => sum + bytes, 0),
      });
      // Plain bytes of their own: a view would have brought along the buffer that it looks into.
      for (const { firstKey } of result.tables) expect(firstKey.buffer.byteLength).toBe(firstKey.length);
      lines.push(entriesOf(realFileSystem, result.tables, directory).map(lineOf));
    }
    expect(lines[0]).toEqual(lines[1]!);
    expect(there.names()).toEqual(here.names());
    expect(there.runner.memory!.spareBytes).toBeGreaterThan(300_000);
    expect(there.runner.memory!.heapBytes).toBeGreaterThan(0);
  });

  test("tells of damage with its code, file and offset", async () => {
    await using there = runnerIn();
    const job = there.flushOf(1, 10);
    const file = realFileSystem.open(job.segment.path);
    file.write(Buffer.of(1, 2, 3), 500);
    file.close();
    const error = await rejectionOf(there.runner.run(job));
    expect(error).toBeInstanceOf(JobFailedError);
    expect(error).toMatchObject({ code: "WAL_CORRUPT", file: job.segment.path, offset: 96 });
    expect(error.message).toContain(job.segment.path);
    const missing = mergeJob([[{ number: 99, bytes: 1, versionMin: 0, ...range("a", "b") }]], {
      directory: there.directory,
    });
    expect(await rejectionOf(there.runner.run(missing))).toMatchObject({
      code: "TABLE_CORRUPT",
      file: join(there.directory, tableName(99)),
      offset: 0,
    });
  });

  test("tells a full disk from a broken one", async () => {
    await using there = runnerIn();
    const job = { ...there.flushOf(1, 20_000), diskFreeBytesMin: 2 ** 60 };
    expect(await rejectionOf(there.runner.run(job))).toBeInstanceOf(JobDiskFullError);
    expect(there.names()).toEqual([]);
    expect((await there.runner.run({ ...job, diskFreeBytesMin: 0 })).entriesOut).toBe(20_000);
  });

  test("lets a flush overtake a merge, which goes on after it", async () => {
    await using there = runnerIn();
    const { tables } = await there.runner.run(there.flushOf(1, 10_000, 500));
    const slow = { directory: there.directory, firstTableNumber: 10, bytesPerSecondMax: 8_000_000 };
    const order: string[] = [];
    const merge = there.runner.run(mergeJob([tables], slow)).then(() => order.push("merge"));
    await eventually("the merge has begun", () => there.names().some((name) => name.endsWith(".tmp")));
    await there.runner.run(there.flushOf(2, 1000)).then(() => order.push("flush"));
    await merge;
    expect(order).toEqual(["flush", "merge"]);
  });

  test("ends what it is doing when it is called off, and leaves nothing", async () => {
    await using there = runnerIn();
    const { tables } = await there.runner.run(there.flushOf(1, 10_000, 500));
    const slow = { directory: there.directory, firstTableNumber: 10, bytesPerSecondMax: 1_000_000 };
    const merge = rejectionOf(there.runner.run(mergeJob([tables], slow)));
    await eventually("the merge has begun", () => there.names().some((name) => name.endsWith(".tmp")));
    await there.runner.cancelAll();
    expect(await merge).toBeInstanceOf(JobCancelledError);
    expect(there.names()).toEqual(tables.map(({ number }) => tableName(number)));
    expect((await there.runner.run(there.flushOf(2, 10))).entriesOut).toBe(10);
  });

  test("runs below the priority of those who answer requests, where threads have one of their own", async () => {
    await using there = runnerIn();
    await there.runner.run(there.flushOf(1, 1));
    if (process.platform !== "linux") return;
    const nices = readdirSync("/proc/self/task").map((task) => {
      const fields = readFileSync(`/proc/self/task/${task}/stat`, "latin1").split(") ")[1]!.split(" ");
      return { isMain: Number(task) === process.pid, nice: Number(fields[16]) };
    });
    const main = nices.find(({ isMain }) => isMain)!;
    expect(nices.some(({ nice }) => nice > main.nice)).toBe(true);
  });

  // The priority was once set to 5 and not lowered by 5: under `nice -n 10` flushes then came before requests.
  // Nothing is below 19: whoever runs all this with a low priority has no room left for it.
  const hasRoomBelow = process.platform === "linux" && getPriority() + 7 < 19;
  test.skipIf(!hasRoomBelow)("does so in a process that was itself started with a lower priority", () => {
    const again = [process.execPath, "test", import.meta.path, "-t", "runs below the priority"];
    const { exitCode, stderr } = Bun.spawnSync(["nice", "-n", "7", ...again], { stdout: "ignore" });
    expect({ exitCode, stderr: stderr.toString() }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^ 1 pass$/m),
    });
  });
});

describe("closing", () => {
  test("ends a running job, and takes no further ones", async () => {
    await using there = runnerIn();
    const { tables } = await there.runner.run(there.flushOf(1, 10_000, 500));
    const slow = { directory: there.directory, firstTableNumber: 10, bytesPerSecondMax: 1_000_000 };
    const merge = rejectionOf(there.runner.run(mergeJob([tables], slow)));
    await eventually("the merge has begun", () => there.names().some((name) => name.endsWith(".tmp")));
    await there.runner.close();
    expect(await merge).toBeInstanceOf(JobCancelledError);
    expect(there.names()).toEqual(tables.map(({ number }) => tableName(number)));
    expect(await rejectionOf(there.runner.run(there.flushOf(2, 1)))).toBeInstanceOf(JobCancelledError);
    await there.runner.close();
  });

  test("takes a bounded time although the thread hears nothing", async () => {
    const delays: number[] = [];
    const hurried: Clock = {
      ...systemClock,
      schedule(delayMs, action) {
        delays.push(delayMs);
        return systemClock.schedule(1, action, true);
      },
    };
    await using there = runnerIn(hurried, brokenScript("spins"));
    const job = rejectionOf(there.runner.run(there.flushOf(1, 1)));
    await there.runner.close();
    expect(await job).toBeInstanceOf(JobCancelledError);
    expect(delays.every((delayMs) => delayMs <= 2_000)).toBe(true);
  });

  for (const [mode, lastLine] of [
    ["prepared", "prepared"],
    ["awaited", "1 table"],
    ["closed", "closed"],
  ] as const) {
    test(`a process ends by itself once its runner or job is ${mode}`, async () => {
      await using there = runnerIn();
      const script = join(import.meta.dir, "runner-process-fixture.ts");
      const child = Bun.spawn([process.execPath, script, there.base, mode], { stderr: "inherit" });
      const output = (await new Response(child.stdout).text()).trim().split("\n");
      expect(await child.exited).toBe(0);
      expect(output.at(-1)).toBe(lastLine);
    });
  }
});

describe("a thread that fails", () => {
  for (const way of ["throws", "rejects", "exits"] as const) {
    test(`because it ${way} outside of any job, fails the jobs that it had`, async () => {
      await using there = runnerIn(systemClock, brokenScript(way));
      const job = there.flushOf(1, 1);
      const errors = await Promise.all([1, 2].map(() => rejectionOf(there.runner.run(job))));
      for (const error of errors) {
        expect(error).toBeInstanceOf(JobFailedError);
        expect(error).toMatchObject({ code: "JOB_RUNNER_FAILED" });
        expect(error.message).toMatch(way === "exits" ? /ended/ : /nobody/);
      }
      // The next job gets a new thread, which fails as well.
      expect(await rejectionOf(there.runner.run(job))).toMatchObject({ code: "JOB_RUNNER_FAILED" });
    });
  }

  test("because there is no such script, fails its first job", async () => {
    await using there = runnerIn(systemClock, new URL("./no-such-worker.ts", import.meta.url).href);
    expect(await rejectionOf(there.runner.run(there.flushOf(1, 1)))).toMatchObject({
      code: "JOB_RUNNER_FAILED",
    });
  });
});

/** A thread that breaks when it gets its first message. */
function brokenScript(way: keyof typeof waysToBreak): string {
  const code = `self.onmessage = () => { ${waysToBreak[way]} };`;
  return URL.createObjectURL(new Blob([code], { type: "application/javascript" }));
}
