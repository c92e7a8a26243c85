import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import type { Job, JobResult } from "../../src/compaction/job.ts";
import { assert } from "../../src/lib/assert.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { randomBelow, seededRandom, type Random } from "../../src/lib/random.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { tableName } from "../../src/table/table-format.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { encodeHolder } from "../../src/vfs/lock-holder.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { EngineDriver } from "../engine/engine-driver.ts";

export const dataDirectory = "/data";

/** So small that a few hundred writes make several levels. */
export const smallSizes = {
  directory: dataDirectory,
  segmentBytesMax: 4096,
  tableBytesMax: 4096,
  levelBytesBase: 4096,
  manifestBytesMax: 1024 * 1024,
  diskHeadroomBytes: 0,
};

/**
 * A store with every kind of file, and no others, as SIGKILL leaves it: tables on several levels, versions that a
 * snapshot needed, a manifest with edits, sealed segments that no table holds yet, and an active one.
 */
export async function richStore(seed: number): Promise<MemoryFileSystem> {
  const known = made.get(seed) ?? makeRichStore(seed);
  made.set(seed, known);
  return (await known).clone();
}

const made = new Map<number, Promise<MemoryFileSystem>>();

/**
 * `watch` sees the disk every few writes: what the files were like earlier in the run. In the end the store is killed,
 * or closed in order.
 */
export async function makeRichStore(
  seed: number,
  watch: (disk: MemoryFileSystem) => void = () => {},
  end: "killed" | "closed" = "killed",
): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  const random = seededRandom(seed);
  const first = await EngineDriver.open(disk, { ...smallSizes, random });
  const written = () => watch(disk);
  await writeRounds(first, random, 30, written);
  first.openSnapshot(3_600_000);
  await writeRounds(first, random, 10, written);
  await first.checkpoint();
  // The end of a run deletes all that is obsolete, which takes its time while it lasts.
  await first.engine.close();

  const runner = new HeldRunner(disk, systemClock);
  const second = await EngineDriver.open(disk, { ...smallSizes, random, runner });
  second.openSnapshot(3_600_000);
  // Mostly one pass makes the levels; what is drawn decides when a merge is due.
  for (let passes = 0; passes === 0 || !hasAllLevels(disk); passes++) {
    assert(passes < passesMax, "a rich store was written for long, and did not get its levels");
    runner.isHeld = false;
    await writeRounds(second, random, 3, written);
    await second.checkpoint();
    runner.isHeld = true;
    await writeRounds(second, random, 3, written);
  }
  const killed = disk.crash({ unsynced: "kept" });
  const closing = second.engine.close();
  runner.isHeld = false;
  await closing;
  const left = end === "killed" ? killed : disk;
  removeUnlisted(left);
  const lock = left.open(`${dataDirectory}/wal/LOCK`);
  lock.write(encodeHolder(4711), 0);
  lock.close();
  return left;
}

/** Two levels and more below the tables that were just flushed, of which there are several. */
function hasAllLevels(disk: MemoryFileSystem): boolean {
  const levels = readManifest(disk, `${dataDirectory}/manifest`)!.state.tables.map(({ level }) => level);
  return new Set(levels).size >= 3 && levels.filter((level) => level === 0).length >= 2;
}

/** What is obsolete is deleted by and by, one file at a time; here at once. */
function removeUnlisted(disk: MemoryFileSystem): void {
  const listed = readManifest(disk, `${dataDirectory}/manifest`)!.state.tables.map(({ number }) =>
    tableName(number),
  );
  for (const name of disk.list(`${dataDirectory}/tables`)) {
    if (!listed.includes(name)) disk.unlink(`${dataDirectory}/tables/${name}`);
  }
}

/** Each about as much as a segment holds: puts, deletes and batches of overlapping keys. */
async function writeRounds(
  driver: EngineDriver,
  random: Random,
  rounds: number,
  written: () => void,
): Promise<void> {
  for (let write = 0; write < rounds * 30; write++) {
    const key = `key/${String(randomBelow(random, 1500)).padStart(4, "0")}`;
    const kind = randomBelow(random, 10);
    if (kind === 0) driver.delete(key);
    else if (kind === 1)
      driver.batch([{ key, value: "in a batch" }, { key: `${key}/more`, value: "x" }, { key: "key/0007" }]);
    else driver.put(key, `value ${write} `.repeat(1 + randomBelow(random, 14)));
    if (write % 10 !== 9) continue;
    await driver.acknowledged(driver.put("write", String(write)).version!);
    written();
  }
}

/** Does jobs on this thread, or keeps them waiting. */
export class HeldRunner extends InlineRunner {
  isHeld = false;

  override async run(job: Job): Promise<JobResult> {
    while (this.isHeld) await new Promise<void>((resolve) => setImmediate(resolve));
    return super.run(job);
  }
}

/** Every file of the store with its bytes. */
export function filesOf(disk: MemoryFileSystem): Map<string, Buffer> {
  const sizes = Object.entries(disk.listAll());
  return new Map(
    sizes.flatMap(([path, size]) => (size === "directory" ? [] : [[path, readFile(disk, path)]])),
  );
}

/** A copy of the disk, in which a file has other bytes, or is gone. */
export function withFile(
  disk: MemoryFileSystem,
  path: string,
  bytes: Uint8Array | undefined,
): MemoryFileSystem {
  const copy = disk.clone();
  if (copy.exists(path)) copy.unlink(path);
  if (bytes !== undefined) writeFile(copy, path, bytes);
  return copy;
}

/** A copy of `disk` in which one directory is as on the other disk. */
export function withDirectoryOf(
  disk: MemoryFileSystem,
  other: MemoryFileSystem,
  directory: string,
): MemoryFileSystem {
  const mixed = disk.clone();
  for (const name of mixed.list(directory)) mixed.unlink(`${directory}/${name}`);
  for (const [path, bytes] of filesOf(other)) {
    if (path.startsWith(`${directory}/`)) writeFile(mixed, path, bytes);
  }
  return mixed;
}

export function writeFile(disk: MemoryFileSystem, path: string, bytes: Uint8Array): void {
  const file = disk.create(path);
  file.write(bytes, 0);
  file.close();
}

/** One seed in fifty needs a second pass. A store that has no levels after so many will never have them. */
const passesMax = 20;
