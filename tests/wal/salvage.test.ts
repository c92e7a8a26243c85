import { describe, expect, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { WalCorruptionError, WalReadOnlyError } from "../../src/wal/write-ahead-log.ts";
import { expectSameFiles, writeSegments } from "./damaged-log.ts";
import {
  diskWith,
  filesOf,
  groupOffsets,
  segmentsOf,
  withBitFlipped,
  withFile,
  type Files,
} from "./disk-files.ts";
import { iterated, openTestLog, put, rejectionOf, replayed } from "./log-fixture.ts";

/** `onCorruption: "stop"`: what comes before damage can be read, and nothing is touched. */

const files = await writeSegments();
const names = segmentsOf(files);
const bytesOf = (name: string) => files.get(name)!;
const last = names.at(-1)!;
const lines = await iterated(await openTestLog(await diskWith(files)));

async function salvage(damaged: Files) {
  const disk = await diskWith(damaged);
  const fileSystem = new FailingFileSystem(disk);
  const log = await openTestLog(fileSystem, { onCorruption: "stop" });
  return { disk, fileSystem, log };
}

/** Each with the number of records before the damage. */
const damages: [string, () => Files, number][] = [
  ...names.flatMap((name): [string, () => Files, number][] => {
    const bytes = bytesOf(name);
    const firstSeq = Number(bytes.readBigUInt64BE(40));
    const flip = (offset: number) => () => withFile(files, name, withBitFlipped(bytes, offset, 1));
    const groups = groupOffsets(bytes).slice(0, name === last ? -1 : undefined);
    return [
      [`a bad header in ${name}`, flip(20), firstSeq - 1],
      ...groups.map((offset, group): [string, () => Files, number] => [
        `a bad group ${group + 1} in ${name}`,
        flip(offset + 58),
        Number(bytes.readBigUInt64BE(offset + 24)) - 1,
      ]),
    ];
  }),
  ...names
    .slice(0, -1)
    .map((name): [string, () => Files, number] => [
      `no ${name}`,
      () => withFile(files, name, undefined),
      Number(bytesOf(name).readBigUInt64BE(40)) - 1,
    ]),
  ["a foreign file", () => withFile(files, "notes.txt", Buffer.from("x")), lines.length],
];

describe("a damaged log opened for salvage", () => {
  test.each(damages)("reads up to %s, and reports it", async (_, makeFiles, count) => {
    const damaged = makeFiles();
    const { disk, fileSystem, log } = await salvage(damaged);
    expect(log.corruption).toBeInstanceOf(WalCorruptionError);
    expect(log.corruption!.seq).toBe(count + 1);
    expect(await iterated(log)).toEqual(lines.slice(0, count));
    expect(await replayed(log, 4)).toEqual((await replayed(log)).filter((line) => Number.parseInt(line) > 4));
    expect(log.currentSeq).toBe(count);
    await log.close();
    expectSameFiles(filesOf(disk), damaged);
    expect(fileSystem.count({ kind: ["create", "open", "write", "truncate", "rename", "unlink"] })).toBe(0);
  });

  test("takes no writes, and says so", async () => {
    const { log } = await salvage(damages[0]![1]());
    const calls = [
      log.append(put("k", "v")),
      log.appendBatch([put("k", "v")]),
      log.checkpoint(),
      log.truncate(0),
      log.sync(),
    ];
    for (const call of calls) expect(await rejectionOf(call)).toBeInstanceOf(WalReadOnlyError);
  });

  test("holds no lock: it stands in nobody's way", async () => {
    const { fileSystem, log } = await salvage(damages[0]![1]());
    expect(fileSystem.count({ kind: "lock" })).toBe(fileSystem.count({ kind: "unlock" }));
    await log.close();
    await log.close();
  });

  test("that is not damaged is opened as ever, and a torn tail repaired", async () => {
    const { log } = await salvage(withFile(files, last, bytesOf(last).subarray(0, -1)));
    expect(log.corruption).toBeUndefined();
    expect(log.tornFile).toBeDefined();
    expect(await log.append(put("k", "v"))).toBe(log.currentSeq);
  });
});
