import { describe, expect, test } from "bun:test";
import { JobCancelledError, JobDiskFullError, JobFailedError } from "../../src/compaction/errors.ts";
import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import type { Job } from "../../src/compaction/job.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { randomBelow, randomBytes, seededRandom } from "../../src/lib/random.ts";
import { tableName, tableNumberOf } from "../../src/table/table-format.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Call, Fault } from "../../src/vfs/fault.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import type { CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import type { ErrorCode } from "../../src/vfs/system-error.ts";
import { rejectionOf } from "../wal/log-fixture.ts";
import {
  directory,
  emptyDisk,
  entriesOf,
  flushJob,
  linesOf,
  mergeJob,
  put,
  segmentBytes,
  writeSegment,
} from "./job-fixture.ts";

/**
 * Every single call that a flush and a merge make to the file system fails once, or from then on, and before every
 * one of them the machine stops. Whatever happens, a table's name stands for a whole table, and nothing is announced
 * that a power cut could take back.
 */
const chunkBytes = 4000;
const firstTableNumber = 10;

interface Scenario {
  readonly disk: () => Promise<MemoryFileSystem>;
  readonly job: Job;
  /** What is in the new tables in the end. */
  readonly lines: readonly string[];
}

const values = Array.from({ length: 12 }, (_, index) => Buffer.from(randomBytes(seededRandom(index), 3000)));
const operations = values.map((value, index) => put(`key-${index % 10}`, value));
const later = values.map((value, index) => put(`key-${index + 4}`, value.subarray(0, 2000)));

async function flushScenario(): Promise<Scenario> {
  const disk = emptyDisk();
  const place = writeSegment(disk, segmentBytes(1, 1, [operations.slice(0, 6), operations.slice(6)]));
  await settled(disk);
  return scenario(disk, flushJob(place, { firstTableNumber, tableBytesMax: 11_000, diskFreeBytesMin: 1 }));
}

async function mergeScenario(): Promise<Scenario> {
  const disk = emptyDisk();
  const runner = new InlineRunner(disk, systemClock);
  const runs = [];
  for (const [index, list] of [operations, later].entries()) {
    const place = writeSegment(disk, segmentBytes(index + 1, 1 + index * 12, [list]));
    const { tables } = await runner.run(flushJob(place, { firstTableNumber: index + 1 }));
    runs.unshift(tables);
  }
  await settled(disk);
  return scenario(disk, mergeJob(runs, { firstTableNumber, tableBytesMax: 11_000, diskFreeBytesMin: 1 }));
}

/** Makes the names of what was written so far durable. */
async function settled(disk: MemoryFileSystem): Promise<void> {
  for (const path of ["/", "/wal", directory]) await disk.syncDirectory(path);
  for (const name of disk.list("/wal")) await disk.open(`/wal/${name}`).sync();
}

async function scenario(disk: MemoryFileSystem, job: Job): Promise<Scenario> {
  const copy = disk.clone();
  const { tables } = await new InlineRunner(copy, systemClock, chunkBytes).run(job);
  expect(tables.length).toBeGreaterThan(2);
  return { disk: async () => disk.clone(), job, lines: linesOf(copy, tables) };
}

function newNames(disk: FileSystem): string[] {
  return disk.list(directory).filter((name) => Number(name.slice(0, 12)) >= firstTableNumber);
}

/** The entries of all new tables, in their order; each table is judged by a reader of its own. */
function newLines(disk: FileSystem): string[] {
  const numbers = newNames(disk)
    .map(tableNumberOf)
    .filter((number) => number !== undefined);
  return linesOf(
    disk,
    numbers.sort((one, other) => one - other).map((number) => ({ number })),
  );
}

for (const [name, prepare] of Object.entries({ flush: flushScenario, merge: mergeScenario })) {
  describe(`a ${name}`, () => {
    test("fails with any call that fails, and leaves its inputs alone and nothing half done", async () => {
      const { disk, job, lines } = await prepare();
      const reference = new FailingFileSystem(await disk());
      await new InlineRunner(reference, systemClock, chunkBytes).run(job);
      expect(reference.calls.length).toBeGreaterThan(30);
      for (let at = 1; at <= reference.calls.length; at++) {
        for (const variant of variantsOf(reference.calls[at - 1]!)) {
          const inner = await disk();
          const before = inner.list(directory).length;
          const system = new FailingFileSystem(inner, { faults: [{ at, ...variant } as Fault] });
          const story = JSON.stringify({ at, call: reference.calls[at - 1], variant });
          const outcome = await new InlineRunner(system, systemClock, chunkBytes).run(job).then(
            () => "resolved",
            (error: Error) => error,
          );
          try {
            if (outcome === "resolved") {
              // Removing what nobody needs, or having read everything, may fail without harm.
              expect(newLines(inner)).toEqual([...lines]);
              continue;
            }
            const isFull = "error" in variant && variant.error === "ENOSPC";
            expect(outcome).toBeInstanceOf(isFull ? JobDiskFullError : JobFailedError);
            if (!("sticky" in variant)) expect(inner.list(directory).length).toBe(before);
            newLines(inner);
            const healed = { ...job, firstTableNumber: firstTableNumber + 100 };
            const { tables } = await new InlineRunner(inner, systemClock, chunkBytes).run(healed);
            expect(linesOf(inner, tables)).toEqual([...lines]);
          } catch (error) {
            throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
          }
        }
      }
    });

    test("reads and writes on when the system moves fewer bytes than it was asked to", async () => {
      const { disk, job, lines } = await prepare();
      const inner = await disk();
      const faults: Fault[] = [{ kind: ["read", "write"], at: 1, sticky: true, bytes: 77 }];
      const system = new FailingFileSystem(inner, { faults });
      await new InlineRunner(system, systemClock, chunkBytes).run(job);
      expect(newLines(inner)).toEqual([...lines]);
    });

    test("leaves whole tables or none, wherever the machine stops", async () => {
      const { disk, job, lines } = await prepare();
      const inner = await disk();
      const left: { story: string; disk: MemoryFileSystem }[] = [];
      const crash = (story: string) => {
        for (const way of waysToStop(left.length)) left.push({ story, disk: inner.crash(way) });
      };
      const system = new FailingFileSystem(inner, {
        onCall: (call, index) => crash(`before call ${index}, ${call.kind} ${call.path}`),
      });
      const { tables } = await new InlineRunner(system, systemClock, chunkBytes).run(job);
      for (const { story, disk: stopped } of left) {
        try {
          const found = newLines(stopped);
          expect(lines.filter((line) => found.includes(line))).toEqual(found);
        } catch (error) {
          throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
        }
      }
      expect(left.length).toBeGreaterThan(100);
      for (const way of waysToStop(1)) expect(linesOf(inner.crash(way), tables)).toEqual([...lines]);
    });

    test("syncs a table and reads all of it again before it gets its name, and the directory after that", async () => {
      const { disk, job } = await prepare();
      const system = new FailingFileSystem(await disk());
      const { tables } = await new InlineRunner(system, systemClock, chunkBytes).run(job);
      const { calls } = system;
      for (const { number, bytes } of tables) {
        const path = `${directory}/${tableName(number)}`;
        const ofTable = calls.filter((call) => call.path === `${path}.tmp`);
        const kinds = ofTable.map(({ kind }) => kind);
        const lastWrite = kinds.lastIndexOf("write");
        const sync = kinds.indexOf("sync");
        const reading = kinds.indexOf("openRead");
        expect(lastWrite < sync && sync < reading && reading < kinds.indexOf("rename")).toBe(true);
        const read = new Uint8Array(bytes);
        for (const { kind, position = 0, length = 0 } of ofTable.slice(reading)) {
          if (kind === "read") read.fill(1, position, position + length);
        }
        expect(read.includes(0)).toBe(false);
      }
      expect(calls.at(-1)).toMatchObject({ kind: "syncDirectory", path: directory });
    });

    test("gives up when the disk has less room than is kept for others, and removes what it wrote", async () => {
      const { disk, job } = await prepare();
      const inner = await disk();
      const before = inner.list(directory);
      let asked = 0;
      const system = new FailingFileSystem(inner, {
        onCall: ({ kind }) => {
          if (kind === "freeBytes" && ++asked === 3) inner.setFreeBytes(999);
        },
      });
      const runner = new InlineRunner(system, systemClock, chunkBytes);
      const error = await rejectionOf(runner.run({ ...job, diskFreeBytesMin: 1000 }));
      expect(error).toBeInstanceOf(JobDiskFullError);
      expect(error).toMatchObject({ code: "DISK_FULL" });
      expect(inner.list(directory)).toEqual(before);
    });

    test("ends at its next chunk when it is called off, and leaves nothing", async () => {
      const { disk, job } = await prepare();
      const inner = await disk();
      const before = inner.list(directory);
      const { length } = (await callsOf(inner.clone(), job)).filter(({ kind }) => kind === "write");
      for (let writes = 1; writes < length; writes++) {
        let left = writes;
        const system = new FailingFileSystem(inner, {
          onCall: ({ kind }) => {
            if (kind === "write" && --left === 0) void runner.cancelAll();
          },
        });
        const runner = new InlineRunner(system, systemClock, chunkBytes);
        expect(await rejectionOf(runner.run(job))).toBeInstanceOf(JobCancelledError);
        expect(inner.list(directory)).toEqual(before);
        // Of what was begun after it, nothing was called off.
        expect((await runner.run(job)).entriesOut).toBeGreaterThan(0);
        for (const name of newNames(inner)) inner.unlink(`${directory}/${name}`);
      }
    });
  });
}

async function callsOf(disk: MemoryFileSystem, job: Job): Promise<Call[]> {
  const system = new FailingFileSystem(disk);
  await new InlineRunner(system, systemClock, chunkBytes).run(job);
  return system.calls;
}

/** How a call may fail. */
function variantsOf({ kind }: Call): Partial<Fault>[] {
  const codes: ErrorCode[] = ["write", "datasync", "sync", "create"].includes(kind)
    ? ["EIO", "ENOSPC"]
    : ["EIO"];
  return codes.flatMap((error): Partial<Fault>[] => [
    { error },
    { error, sticky: true },
    { error, applied: true },
  ]);
}

function waysToStop(salt: number): CrashOptions[] {
  const random = seededRandom(salt + 1);
  return [
    { unsynced: "kept" },
    { unsynced: "lost" },
    { random: seededRandom(randomBelow(random, 1e6)) },
    { random: seededRandom(randomBelow(random, 1e6)) },
  ];
}

test("a table that is not what was written is announced to nobody", async () => {
  const { disk, job } = await mergeScenario();
  const inner = await disk();
  const before = inner.list(directory);
  const system = new FailingFileSystem(inner, {
    onCall: ({ kind, path }) => {
      // The disk forgets a bit between the sync and the reading again.
      if (kind !== "openRead" || !path.endsWith(".tmp")) return;
      const file = inner.open(path);
      const byte = Buffer.alloc(1);
      file.read(byte, 100);
      file.write(Buffer.of(byte[0]! ^ 1), 100);
    },
  });
  const error = await rejectionOf(new InlineRunner(system, systemClock, chunkBytes).run(job));
  expect(error).toMatchObject({ code: "TABLE_CORRUPT", offset: 0 });
  expect(inner.list(directory)).toEqual(before);
  expect(entriesOf(inner, [{ number: 1 }, { number: 2 }]).length).toBeGreaterThan(0);
});

test("a number that a table has already is never given to another", async () => {
  const { disk, job } = await mergeScenario();
  const inner = await disk();
  const error = await rejectionOf(new InlineRunner(inner, systemClock).run({ ...job, firstTableNumber: 2 }));
  expect(error).toMatchObject({ code: "ASSERTION_FAILED" });
  expect(entriesOf(inner, [{ number: 2 }]).length).toBeGreaterThan(0);
});

test("what an earlier attempt could not remove is in nobody's way", async () => {
  const { disk, job, lines } = await mergeScenario();
  const inner = await disk();
  inner.create(`${directory}/${tableName(firstTableNumber)}.tmp`).write(Buffer.alloc(50_000, 1), 0);
  const { tables } = await new InlineRunner(inner, systemClock).run(job);
  expect(linesOf(inner, tables)).toEqual([...lines]);
});
