import { describe, expect, test } from "bun:test";
import { tornFilesKept } from "../../src/lib/limits.ts";
import { randomBelow, randomBytes, seededRandom } from "../../src/lib/random.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { groupMagicBytes, segmentHeaderBytes } from "../../src/wal/format.ts";
import type { SyncMode, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import {
  diskWith,
  filesOf,
  firstSegment,
  groupOffsets,
  segmentsOf,
  withFile,
  type Files,
} from "./disk-files.ts";
import { iterated, openTestLog, put } from "./log-fixture.ts";

/** What a crash may leave at the very end of a log: it is cut off, kept aside, and costs nothing that came before. */

interface WrittenLog {
  readonly files: Files;
  /** The last segment: its name and bytes. */
  readonly name: string;
  readonly bytes: Buffer;
  /** All records, and how many of them lie before a given end of the last segment. */
  readonly lines: string[];
  readonly linesBefore: (end: number) => string[];
}

async function writeLog(
  options: { syncMode?: SyncMode; segmentBytesMax?: number } = {},
): Promise<WrittenLog> {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, options);
  await log.append(put("a", 20));
  await log.append(put("b", 600));
  await log.appendBatch([put("c", 10), put("d", 10), put("e", 10)]);
  await log.append(put("f", 0));
  await Promise.all([log.append(put("g", 30)), log.append(put("h", 30))]);
  const lines = await iterated(log);
  const files = filesOf(disk);
  const name = segmentsOf(files).at(-1)!;
  const bytes = files.get(name)!;
  const starts = groupOffsets(bytes);
  const firstSeqs = [...starts.map((start) => Number(bytes.readBigUInt64BE(start + 24))), lines.length + 1];
  const linesBefore = (end: number) => {
    const whole = starts.filter((_, group) => (starts[group + 1] ?? bytes.length) <= end).length;
    return lines.slice(0, firstSeqs[whole]! - 1);
  };
  return { files, name, bytes, lines, linesBefore };
}

/** Opens the damaged log, and expects these records, the cut bytes beside it, and a log that goes on for good. */
async function expectRepair(files: Files, name: string, expected: string[]): Promise<void> {
  const disk = await diskWith(files);
  const first = await openTestLog(disk);
  expect(first.corruption).toBeUndefined();
  expect(await iterated(first)).toEqual(expected);
  expectCutBytes(files, name, disk, first);
  await expectGoesOn(disk, expected);
}

/** The same where there are only zeros behind the last group: nothing is cut, and nothing kept. */
async function expectPrepared(files: Files, expected: string[]): Promise<void> {
  const disk = await diskWith(files);
  const first = await openTestLog(disk);
  expect(first.corruption).toBeUndefined();
  expect(first.tornFile).toBeUndefined();
  expect(await iterated(first)).toEqual(expected);
  await expectGoesOn(disk, expected);
}

function expectCutBytes(files: Files, name: string, disk: MemoryFileSystem, first: WriteAheadLog): void {
  const damaged = files.get(name)!;
  const kept = filesOf(disk);
  const end = kept.get(name)!.length;
  expect(kept.get(name)!.equals(damaged.subarray(0, end))).toBe(true);
  const torn = [...kept.keys()].filter((key) => key.endsWith(".torn"));
  expect(torn).toEqual(end < damaged.length ? [`${name.slice(0, 12)}-${end}.torn`] : []);
  if (torn[0] !== undefined) {
    expect(first.tornFile).toEndWith(torn[0]);
    expect(kept.get(torn[0])!.equals(damaged.subarray(end))).toBe(true);
  } else {
    expect(first.tornFile).toBeUndefined();
  }
}

async function expectGoesOn(disk: MemoryFileSystem, expected: string[]): Promise<void> {
  // What is appended after the repair must replay as well: after a kill, and after a clean end.
  const killed = disk.crash({ unsynced: "kept" });
  await expectMore(await openTestLog(disk), expected);
  await expectMore(await openTestLog(killed), expected);
  for (const left of [disk, killed]) {
    const more = [...expected, `${expected.length + 1} put more=1`, `${expected.length + 2} put more=2`];
    const again = await openTestLog(left);
    expect(again.tornFile).toBeUndefined();
    expect(await iterated(again)).toEqual(more);
    await again.close();
    expect(await iterated(await openTestLog(left))).toEqual(more);
  }
}

async function expectMore(log: WriteAheadLog, before: string[]): Promise<void> {
  expect(log.tornFile).toBeUndefined();
  expect(await log.append(put("more", "1"))).toBe(before.length + 1);
  expect(await log.append(put("more", "2"))).toBe(before.length + 2);
}

describe("a torn tail is repaired", () => {
  test("wherever it was cut", async () => {
    const { files, name, bytes, linesBefore } = await writeLog();
    for (let length = segmentHeaderBytes; length < bytes.length; length++) {
      await expectRepair(withFile(files, name, bytes.subarray(0, length)), name, linesBefore(length));
    }
  });

  test("wherever it was cut in the last of several segments", async () => {
    const { files, name, bytes, linesBefore } = await writeLog({ segmentBytesMax: 400 });
    expect(segmentsOf(files).length).toBeGreaterThan(2);
    for (let length = segmentHeaderBytes; length < bytes.length; length++) {
      await expectRepair(withFile(files, name, bytes.subarray(0, length)), name, linesBefore(length));
    }
  });

  test("wherever it was filled with zeros in the last group", async () => {
    const { files, name, bytes, linesBefore } = await writeLog();
    const last = groupOffsets(bytes).at(-1)!;
    for (let from = last; from < bytes.length; from++) {
      const damaged = Buffer.from(bytes).fill(0, from);
      if (damaged.equals(bytes)) continue;
      const filled = withFile(files, name, damaged);
      // Where nothing is left of it, it is as if it had never been written.
      if (from === last) await expectPrepared(filled, linesBefore(last));
      else await expectRepair(filled, name, linesBefore(last));
    }
  });

  test("but zeros behind the last group are none, however many: they were prepared", async () => {
    const { files, name, bytes, lines } = await writeLog();
    for (const zeros of [1, 2, 7, 8, 55, 56, 57, 96, 511, 512, 513, 4096, 20_000]) {
      await expectPrepared(withFile(files, name, Buffer.concat([bytes, Buffer.alloc(zeros)])), lines);
    }
  });

  test("with a single byte among the zeros behind the last group, wherever it is", async () => {
    const { files, name, bytes, lines } = await writeLog();
    for (const zeros of [1, 56, 300, 4096, 4097, 9_000]) {
      for (const at of new Set([0, 1, zeros >> 1, zeros - 1])) {
        const tail = Buffer.alloc(zeros);
        tail[Math.min(at, zeros - 1)] = 1;
        await expectRepair(withFile(files, name, Buffer.concat([bytes, tail])), name, lines);
      }
    }
  });

  test("with garbage of any length behind the last group, or in its place", async () => {
    const { files, name, bytes, lines, linesBefore } = await writeLog();
    const random = seededRandom(Number(process.env["SEED"] ?? 5));
    const last = groupOffsets(bytes).at(-1)!;
    for (let round = 0; round < 100; round++) {
      const garbage = Buffer.from(
        randomBytes(random, 1 + randomBelow(random, round % 10 === 0 ? 9000 : 200)),
      );
      if (round % 3 === 0) groupMagicBytes.copy(garbage, randomBelow(random, garbage.length));
      await expectRepair(withFile(files, name, Buffer.concat([bytes, garbage])), name, lines);
      const from = last + randomBelow(random, bytes.length - last);
      const damaged = Buffer.concat([bytes.subarray(0, from), garbage]);
      await expectRepair(withFile(files, name, damaged), name, linesBefore(last));
    }
  });

  test("with stale groups behind it: of its own segment, of another one, of a segment's header", async () => {
    const { files, name, bytes, lines } = await writeLog();
    const other = await writeLog({ segmentBytesMax: 400 });
    const starts = groupOffsets(bytes);
    const stale = [
      bytes.subarray(starts[0]),
      bytes.subarray(starts.at(-1)),
      other.bytes.subarray(segmentHeaderBytes),
      bytes.subarray(0, segmentHeaderBytes),
      bytes,
    ];
    for (const group of stale) {
      await expectRepair(withFile(files, name, Buffer.concat([bytes, group])), name, lines);
    }
  });

  test.each<SyncMode>(["batch", "none"])(
    'over several groups in mode "%s", where many may have been unsynced',
    async (syncMode) => {
      const { files, name, bytes, linesBefore } = await writeLog({ syncMode });
      for (const start of groupOffsets(bytes)) {
        const damaged = Buffer.from(bytes);
        damaged[start + 20]! ^= 1;
        await expectRepair(withFile(files, name, damaged), name, linesBefore(start));
      }
    },
  );
});

describe("the bytes that were cut", () => {
  test("are kept beside those of earlier crashes, also at the same offset, and only the newest of many", async () => {
    const { files, bytes } = await writeLog();
    let disk = await diskWith(files);
    for (let crash = 1; crash <= tornFilesKept + 4; crash++) {
      const damaged = withFile(
        filesOf(disk),
        firstSegment,
        Buffer.concat([bytes, Buffer.from(`crash ${crash}`)]),
      );
      disk = await diskWith(damaged);
      const log = await openTestLog(disk);
      expect(filesOf(disk).get(log.tornFile!.split("/").at(-1)!)!.toString()).toBe(`crash ${crash}`);
    }
    const torn = [...filesOf(disk)].filter(([name]) => name.endsWith(".torn"));
    const newest = Array.from({ length: tornFilesKept }, (_, index) => `crash ${index + 5}`);
    expect(torn.map(([, kept]) => kept.toString()).sort()).toEqual(newest.sort());
  });

  test("are durable before the tail is gone", async () => {
    const { files, name, bytes } = await writeLog();
    const cut = withFile(files, name, bytes.subarray(0, bytes.length - 3));
    const disk = await diskWith(cut);
    await openTestLog(disk);
    const left = filesOf(disk.crash({ unsynced: "lost" }));
    expect([...left.keys()].some((key) => key.endsWith(".torn"))).toBe(true);
  });
});
