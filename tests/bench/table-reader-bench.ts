import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c } from "../../src/lib/crc32c.ts";
import { randomBelow, seededRandom } from "../../src/lib/random.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { BlockCache } from "../../src/table/block-cache.ts";
import { tableName } from "../../src/table/table-format.ts";
import { TableReader } from "../../src/table/table-reader.ts";
import { TableStream } from "../../src/table/table-stream.ts";
import { TableWriter } from "../../src/table/table-writer.ts";
import { verifyTable } from "../../src/table/verify-table.ts";
import { realFileSystem } from "../../src/vfs/real.ts";

/**
 * How long reading takes: `bun tests/bench/table-reader-bench.ts`, on 1 GB of tables (TABLES=4 for less), 16-byte keys
 * and 100-byte values, in the page cache. Times are the best of several runs, because other work on the machine only
 * ever adds; so is that of the bare read and checksum of a block beside them, which says how busy it is.
 */
const tableCount = Number(process.env["TABLES"] ?? 32);
const entriesEach = 262_144;
const batch = 20_000;
const identity = (number: number) => ({ storeId: new Uint8Array(16).fill(1), number, hashSeed: 77 });
const random = seededRandom(7);
const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
/** What was read goes here, so that none of it can be left out. */
let keep = 0;
const pathOf = (number: number) => join(directory, tableName(number));

try {
  for (let number = 1; number <= tableCount; number++) await writeTable(number);
  measureLookUps();
  measureWalks();
  if (Number.isNaN(keep)) throw new Error("what was read is no number");
} finally {
  rmSync(directory, { recursive: true });
}

/** Keys of one table begin with its number; the rest is random. */
async function writeTable(number: number): Promise<void> {
  const order = new BigUint64Array(entriesEach);
  const halves = new Uint32Array(order.buffer);
  for (let at = 0; at < halves.length; at++) halves[at] = random.uint32();
  order.sort();
  const file = realFileSystem.create(pathOf(number));
  const writer = new TableWriter({ file, versionMin: 1, ...identity(number) });
  const key = Buffer.alloc(16);
  const value = Buffer.alloc(100, 0x76);
  for (let entry = 0; entry < entriesEach; entry++) {
    key[0] = number;
    key.writeBigUInt64BE(order[entry]!, 1);
    writer.add(key, 0, 16, 1 + ((entry * 7919) % 8_000_000), false, value, 0, 100);
    if (writer.pendingBytes > 1024 * 1024) await writer.writeOut();
  }
  await writer.finish();
  file.close();
}

function openAll(cacheBytes: number): TableReader[] {
  const cache = new BlockCache(cacheBytes);
  const numbers = Array.from({ length: tableCount }, (_, index) => index + 1);
  return numbers.map((number) => TableReader.open(realFileSystem, pathOf(number), identity(number), cache));
}

/** Runs `body` on fresh inputs again and again, and prints the best and the middle time for one of `count`. */
function report(what: string, count: number, body: () => void, prepare = () => {}, runs = 21): void {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    prepare();
    const begin = performance.now();
    body();
    times.push(((performance.now() - begin) * 1e6) / count);
  }
  times.sort((a, b) => a - b);
  const [best, middle] = [times[0]!, times[runs >> 1]!];
  console.log(`${what.padEnd(48)} ${best.toFixed(0).padStart(6)} ns   middle ${middle.toFixed(0)} ns`);
}

function measureLookUps(): void {
  const keys = Buffer.alloc(16 * batch);
  const hashes = new Int32Array(batch);
  const hash = (at: number) => (hashes[at] = hashKey(keys, 16 * at, 16 * at + 16, 77));
  const presentKeys = someKeys(200_000);
  const choose = (among: number) => () => {
    for (let at = 0; at < batch; at++) {
      const chosen = 16 * randomBelow(random, among);
      presentKeys.copy(keys, 16 * at, chosen, chosen + 16);
      hash(at);
    }
  };
  const find = (readers: TableReader[], isThere: boolean) => () => {
    for (let at = 0; at < batch; at++) {
      const reader = readers[keys[16 * at]! - 1]!;
      const found = reader.find(hashes[at]!, keys, 16 * at, 16 * at + 16, Number.MAX_SAFE_INTEGER);
      if (found !== isThere) throw new Error("a look-up went wrong");
    }
  };
  const cached = openAll(64 * 1024 * 1024);
  const uncached = openAll(0);
  report("find, cached, 500 blocks in use (2 MB)", batch, find(cached, true), choose(500));
  report("find, cached, 4000 blocks in use (16 MB)", batch, find(cached, true), choose(4000));
  report("find, cached, 12000 blocks in use (48 MB)", batch, find(cached, true), choose(12_000));
  report("find, no cache", batch, find(uncached, true), choose(200_000));
  report("find, cache of 64 MiB, hardly ever right", batch, find(cached, true), choose(200_000));
  report("a bare read of 4000 bytes and its checksum", batch, bareRead());
  const absent = () => {
    for (let at = 0; at < batch; at++) {
      for (let word = 0; word < 16; word += 4) keys.writeUInt32BE(random.uint32(), 16 * at + word);
      keys[16 * at] = 1 + randomBelow(random, tableCount);
      // Inside the range of the table.
      keys[16 * at + 1] = 1 + randomBelow(random, 254);
      hash(at);
    }
  };
  report("find, absent", batch, () => findAbsent(cached, keys, hashes), absent);
  for (const reader of [...cached, ...uncached]) reader.close();
}

function findAbsent(readers: TableReader[], keys: Buffer, hashes: Int32Array): void {
  for (let at = 0; at < batch; at++) {
    readers[keys[16 * at]! - 1]!.find(hashes[at]!, keys, 16 * at, 16 * at + 16, Number.MAX_SAFE_INTEGER);
  }
}

function bareRead(): () => void {
  const files = Array.from({ length: tableCount }, (_, index) => realFileSystem.openRead(pathOf(index + 1)));
  const bytes = Buffer.alloc(4096);
  return () => {
    for (let at = 0; at < batch; at++) {
      const view = bytes.subarray(0, 4000);
      files[randomBelow(random, tableCount)]!.read(view, 4000 * randomBelow(random, 8000));
      crc32c(view);
    }
  };
}

/** Keys of the tables, at random. */
function someKeys(count: number): Buffer {
  const cursors = openAll(0).map((reader) => reader.cursor());
  const keys = Buffer.alloc(16 * count);
  for (let at = 0; at < count; at++) {
    const sought = Buffer.alloc(16);
    sought[0] = 1 + randomBelow(random, tableCount);
    sought.writeUInt32BE(random.uint32(), 1);
    const cursor = cursors[sought[0]! - 1]!;
    if (cursor.seek(sought, 0, 16, false, true, Number.MAX_SAFE_INTEGER)) {
      cursor.keyBytes.copy(keys, 16 * at, cursor.keyStart, cursor.keyEnd);
    } else at--;
  }
  return keys;
}

function measureWalks(): void {
  const cursor = openAll(0)[0]!.cursor();
  for (const reverse of [false, true]) {
    const walk = () => {
      let more = cursor.seekStart(reverse, Number.MAX_SAFE_INTEGER);
      for (; more; more = cursor.next()) keep += cursor.version + cursor.keyStart + cursor.valueEnd;
    };
    report(`walk over all, ${reverse ? "in reverse" : "forward"}, an entry`, entriesEach, walk);
  }
  const keys = someKeys(batch);
  for (const entries of [1, 10, 100]) {
    const seek = () => {
      for (let at = 0; at < 2000; at++) {
        keys[16 * at] = 1;
        cursor.seek(keys, 16 * at, 16 * at + 16, false, true, Number.MAX_SAFE_INTEGER);
        for (let entry = 1; entry < entries; entry++) cursor.next();
      }
    };
    report(`seek and ${entries} entries, no cache`, 2000, seek);
  }
  const stream = () => {
    const entries = new TableStream(realFileSystem, pathOf(1), identity(1));
    while (entries.next()) keep += entries.version + entries.keyStart + entries.valueEnd;
    entries.close();
  };
  report("stream, an entry", entriesEach, stream);
  report("verify, an entry", entriesEach, () => void verifyTable(realFileSystem, pathOf(1)), undefined, 5);
}
