import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBelow, randomBytes, seededRandom, type Random } from "../../../src/lib/random.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import type { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { createTestManifest, filesOf as manifestFilesOf } from "../../manifest/manifest-fixture.ts";
import { randomEdit } from "../../manifest/random-edits.ts";
import { rawBlock, rawTable, type RawEntry } from "../../table/handmade-table.ts";
import { sorted } from "../../table/reading-fixture.ts";
import { writeTable } from "../../table/table-fixture.ts";
import { filesOf } from "../../wal/disk-files.ts";
import { del, openTestLog, put } from "../../wal/log-fixture.ts";
import { settle, StillClock } from "../../wal/still-clock.ts";
import type { FileSample } from "./file-sample.ts";
import { manifestSample } from "./manifest-shape.ts";
import { segmentSample } from "./segment-shape.ts";
import { tableSample } from "./table-shape.ts";

/**
 * Small valid files of each format, as the writers write them: what is to be changed. Small, because a file
 * of a thousand bytes has the same fields as one of a million, and a hundred times as many of them are read
 * in the same time.
 */
const bytesMax = 3_000;

/** A log: its segments by name. */
export type LogSample = ReadonlyMap<string, FileSample>;

export async function logSamples(seed: number, count: number): Promise<LogSample[]> {
  const logs: Map<string, Buffer>[] = goldenFiles("wal", ".wal").map(
    ({ name, bytes }) => new Map([[name, bytes]]),
  );
  for (let index = 0; index < count; index++) {
    const random = seededRandom(seed + index);
    const disk = new MemoryFileSystem();
    const syncMode = (["always", "always", "batch", "none"] as const)[randomBelow(random, 4)]!;
    const segmentBytesMax = 400 + randomBelow(random, 1_200);
    const log = await openTestLog(disk, { random, syncMode, segmentBytesMax, clock: new StillClock() });
    for (let left = 1 + randomBelow(random, 9); left > 0; left--) await writeSome(log, random);
    await settle();
    const files = filesOf(disk);
    if (randomBelow(random, 2) === 0) await log.close();
    logs.push(randomBelow(random, 2) === 0 ? files : filesOf(disk));
  }
  return logs.map(
    (files) => new Map([...files].map(([name, bytes]) => [name, segmentSample(withFewZeros(bytes))])),
  );
}

async function writeSome(log: WriteAheadLog, random: Random): Promise<void> {
  const key = `k${randomBelow(random, 20)}`;
  const valueBytes = randomBelow(random, 30);
  const session = { id: randomBytes(random, 16), requestNumber: 1 + randomBelow(random, 1_000) };
  switch (randomBelow(random, 8)) {
    case 0:
      await log.append(del(key));
      return;
    case 1:
      await log.appendBatch([put(key, valueBytes), del("b"), put("c", 1)]);
      return;
    case 2:
      await log.append({ type: "put", key, value: "1", expiresAtMs: 1 + random.uint32() });
      return;
    case 3:
      await log.appendBatch([{ type: "put", key, value: "2", expiresAtMs: 1 + random.uint32(), session }]);
      return;
    case 4:
      await Promise.all([log.append(put(key, valueBytes)), log.append(del("a")), log.append(put("z", 2))]);
      return;
    case 5:
      await log.truncate(await log.checkpoint());
      return;
    default:
      await log.append(put(key, valueBytes));
  }
}

/**
 * What was prepared behind the last group is most of a small file. A few of the zeros say as much as all of
 * them.
 */
function withFewZeros(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, Math.min(bytes.length, end + 64));
}

export async function manifestSamples(seed: number, count: number): Promise<FileSample[]> {
  const manifests = goldenFiles("manifest", ".manifest").map(({ bytes }) => bytes);
  for (let index = 0; manifests.length < count; index++) {
    const random = seededRandom(seed + index);
    const disk = new MemoryFileSystem();
    const manifest = await createTestManifest(disk, 900);
    for (let left = 1 + randomBelow(random, 8); left > 0; left--) {
      await manifest.apply(randomEdit(random, manifest.state));
    }
    await manifest.close();
    const bytes = [...manifestFilesOf(disk).values()].at(-1)!;
    if (bytes.length <= bytesMax) manifests.push(Buffer.from(bytes));
  }
  // Each is read under the name of manifest 1: that of any other would be refused for its number alone.
  return manifests.filter((bytes) => bytes.readUInt32BE(36) === 1).map(manifestSample);
}

export async function tableSamples(seed: number, count: number): Promise<FileSample[]> {
  const tables = goldenFiles("table", ".table").map(({ bytes }) => bytes);
  const random = seededRandom(seed);
  for (let index = 0; index < count; index++) {
    if (index % 4 === 0) {
      const entries = Array.from({ length: 1 + randomBelow(random, 40) }, () => ({
        key: Buffer.from(`key ${randomBelow(random, 30)}`),
        version: 1 + randomBelow(random, 300),
        value: randomBelow(random, 4) === 0 ? undefined : Buffer.alloc(randomBelow(random, 40), 0x61),
      }));
      tables.push((await writeTable(sorted(entries))).bytes);
    } else {
      const table = anyRawTable(random);
      if (table !== undefined) tables.push(table);
    }
  }
  return tables.filter(({ length }) => length <= bytesMax).map(tableSample);
}

/**
 * A table of small blocks with every checksum right, as no writer writes them: most are valid, others have
 * keys out of order, separators that separate nothing, a key that the filter does not know, or counts that
 * are too high.
 */
export function anyRawTable(random: Random): Buffer | undefined {
  const wrong = () => randomBelow(random, 24) === 0;
  const blocks: Buffer[] = [];
  const separators: string[] = [];
  const keys: string[] = [];
  let valueBytes = 0;
  let keyBytes = 0;
  const blockCount = 1 + randomBelow(random, 4);
  for (let block = 0; block < blockCount; block++) {
    const entries: RawEntry[] = [];
    for (let left = 1 + randomBelow(random, 20); left > 0; left--) {
      const key = keyOf(wrong() ? keys.length - 1 : keys.length);
      const shared = entries.length % 16 === 0 || randomBelow(random, 2) === 0 ? 0 : wrong() ? 9 : 3;
      const value = "v".repeat(randomBelow(random, 6));
      const numbers = { shared, key: key.slice(shared), value, version: randomBelow(random, 2) };
      entries.push(wrong() ? { ...numbers, lengthAndFlags: randomBelow(random, 8) } : numbers);
      keys.push(key);
      keyBytes += key.length;
      valueBytes += value.length;
    }
    blocks.push(rawBlock(entries));
    separators.push(wrong() ? keyOf(keys.length) : keys.at(-1)!);
  }
  const filterKeys = wrong() ? keys.slice(1) : keys;
  const counts = { entryCount: keys.length + (wrong() ? 1 : 0), keyBytes, valueBytes };
  try {
    return rawTable({ blocks, separators, firstKey: keys[0]!, filterKeys, footer: counts });
  } catch {
    // The encoder asserts what a footer can't say.
    return undefined;
  }
}

const keyOf = (index: number) => `k${String(Math.max(0, index)).padStart(3, "0")}`;

function goldenFiles(area: string, suffix: string): { name: string; bytes: Buffer }[] {
  const folder = join(import.meta.dir, "../..", area, "golden");
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(suffix))
    .sort()
    .map((path) => ({ name: path.split("/").at(-1)!, bytes: readFileSync(join(folder, path)) }));
}
