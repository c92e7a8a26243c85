import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { randomBelow, randomBytes, seededRandom } from "../../src/lib/random.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { FilterBuilder, filterLinesOf, mayContain } from "../../src/table/filter.ts";
import type { TableSummary } from "../../src/table/table-summary.ts";
import { TableWriter } from "../../src/table/table-writer.ts";
import type { File } from "../../src/vfs/file-system.ts";
import { readNaively } from "../table/naive-table.ts";

/**
 * Prints what src/table/README.md quotes of writing: `bun tests/bench/table-writer-bench.ts`. Nothing goes to a disk:
 * it is the encoding that is measured. Times are the best of several runs, because the machine's other work only ever
 * adds.
 */
const random = seededRandom(1);
const runs = 8;
const chunkBytes = 1024 * 1024;

interface Written {
  summary: TableSummary;
  chunks: Buffer[];
  addNs: number;
  finishMs: number;
}

/** Sorted, one behind the other: as a memtable and a block hold them, and no object a key. */
interface Keys {
  bytes: Buffer;
  keyBytes: number;
  count: number;
}

async function write(keys: Keys, valueOf: (index: number) => Buffer, keeps: boolean): Promise<Written> {
  const chunks: Buffer[] = [];
  const written = (source: Uint8Array) => {
    if (keeps) chunks.push(Buffer.from(source));
    return source.length;
  };
  const file = { path: "none", write: written, datasync: async () => {}, sync: async () => {} };
  const options = { storeId: new Uint8Array(16), number: 1, hashSeed: 5, versionMin: 1000 };
  const writer = new TableWriter({ file: file as unknown as File, ...options });
  const begin = performance.now();
  const { bytes, keyBytes, count } = keys;
  for (let index = 0; index < count; index++) {
    const keyStart = index * keyBytes;
    const value = valueOf(index);
    const version = 1000 + ((index * 7919) % count);
    writer.add(bytes, keyStart, keyStart + keyBytes, version, false, value, 0, value.length);
    if (writer.pendingBytes >= chunkBytes) await writer.writeOut();
  }
  const added = performance.now();
  const summary = await writer.finish();
  const addNs = ((added - begin) * 1e6) / count;
  return { summary, chunks, addNs, finishMs: performance.now() - added };
}

function keysOf(count: number, keyOf: (index: number) => Buffer): Keys {
  const keys = Array.from({ length: count }, (_, index) => keyOf(index)).sort(Buffer.compare);
  return { bytes: Buffer.concat(keys), keyBytes: keys[0]!.length, count };
}

const keyKinds: Record<string, (index: number) => Buffer> = {
  "16 random bytes": () => Buffer.from(randomBytes(random, 16)),
  "user:00000000000": (index) => Buffer.from(`user:${String(index).padStart(11, "0")}`),
  "tenants/0000/orders/0000000000": (index) =>
    Buffer.from(`tenants/${String(index % 50).padStart(4, "0")}/orders/${String(index).padStart(10, "0")}`),
};

console.log("adding an entry; the end of the table; the file and what lies in it, in bytes an entry");
for (const [kind, keyOf] of Object.entries(keyKinds)) {
  for (const valueBytes of [20, 100, 1000]) {
    const keys = keysOf(Math.min(280_000, Math.ceil(32e6 / (16 + valueBytes))), keyOf);
    const value = Buffer.from(randomBytes(random, valueBytes));
    let [addNs, finishMs] = [Infinity, Infinity];
    for (let run = 0; run < runs; run++) {
      const written = await write(keys, () => value, false);
      addNs = Math.min(addNs, written.addNs);
      finishMs = Math.min(finishMs, written.finishMs);
    }
    const { summary, chunks } = await write(keys, () => value, true);
    const footer = chunks.at(-1)!.subarray(-120);
    const each = (bytes: number) => (bytes / keys.count).toFixed(2);
    console.log(
      [
        `${kind}, values of ${valueBytes}`,
        `${addNs.toFixed(0)} ns`,
        `${finishMs.toFixed(1)} ms`,
        `file / raw ${(summary.bytes / (summary.keyBytes + summary.valueBytes)).toFixed(3)}`,
        `filter ${each(footer.readUInt32BE(96))}`,
        `index ${each(footer.readUInt32BE(104))}`,
      ].join(" | "),
    );
  }
}

console.log("\nthe filter: keys that are absent and pass; a look-up of an absent key, of a present one");
for (const count of [1_000, 10_000, 280_000, 1_600_000]) {
  const key = Buffer.alloc(16);
  const hashOf = (number: number) => {
    key.writeUInt32LE(number, 0);
    return hashKey(key, 0, 16, 99);
  };
  const builder = new FilterBuilder();
  for (let number = 0; number < count; number++) builder.add(hashOf(number));
  const { bytes, length } = filled(builder);
  const lines = filterLinesOf(length);
  const probes = 1_000_000;
  const absent = Int32Array.from({ length: probes }, (_, number) => hashOf(count + number));
  const present = Int32Array.from({ length: probes }, () => hashOf(randomBelow(random, count)));
  let passed = 0;
  const nsOf = (hashes: Int32Array): string => {
    let best = Infinity;
    for (let run = 0; run < runs; run++) {
      passed = 0;
      const begin = performance.now();
      for (let at = 0; at < probes; at++) if (mayContain(bytes, 0, lines, hashes[at]!)) passed++;
      best = Math.min(best, ((performance.now() - begin) * 1e6) / probes);
    }
    return `${best.toFixed(1)} ns`;
  };
  const presentNs = nsOf(present);
  const absentNs = nsOf(absent);
  console.log(`${count} keys | ${((100 * passed) / probes).toFixed(3)} % | ${absentNs} | ${presentNs}`);
}

function filled(builder: FilterBuilder): ByteWriter {
  const target = new ByteWriter();
  builder.write(target, 0);
  return target;
}

console.log("\nzstd, a block at a time: size against the block's; to compress; to decompress");
const names = ["Ada", "Grace", "Linus", "Barbara", "Ken", "Radia"];
const valueKinds: Record<string, () => Buffer> = {
  "JSON of a user, 120 bytes": () =>
    json({
      id: random.uint32(),
      name: names[randomBelow(random, 6)],
      email: `user${randomBelow(random, 100_000)}@example.com`,
      active: randomBelow(random, 3) > 0,
      balance: randomBelow(random, 100_000),
      since: 1_700_000_000_000 + random.uint32(),
    }),
  "JSON of an order, 300 bytes": () =>
    json({
      items: Array.from({ length: 6 }, () => ({
        sku: `sku-${randomBelow(random, 9999)}`,
        quantity: randomBelow(random, 9),
        price: randomBelow(random, 9999),
      })),
      note: "leave at the door",
    }),
  "100 hexadecimal digits": () => Buffer.from(Buffer.from(randomBytes(random, 50)).toString("hex")),
  "100 random bytes": () => Buffer.from(randomBytes(random, 100)),
};

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

for (const [kind, valueOf] of Object.entries(valueKinds)) {
  const written = await write(keysOf(20_000, keyKinds["user:00000000000"]!), valueOf, true);
  const file = Buffer.concat(written.chunks);
  const blocks = readNaively(file).blocks.map(({ offset, bytes }) => file.subarray(offset, offset + bytes));
  const wide: Buffer[] = [];
  for (let at = 0; at + 4 <= blocks.length; at += 4) wide.push(Buffer.concat(blocks.slice(at, at + 4)));
  for (const [size, pieces] of [["4 KiB", blocks] as const, ["16 KiB", wide] as const]) {
    const bytesOf = (all: readonly Uint8Array[]) => all.reduce((sum, { length }) => sum + length, 0);
    const packed = pieces.map((piece) => Bun.zstdCompressSync(piece, { level: 1 }));
    const usEach = (action: (at: number) => void): string => {
      let best = Infinity;
      for (let run = 0; run < 4; run++) {
        const begin = performance.now();
        for (let at = 0; at < pieces.length; at++) action(at);
        best = Math.min(best, ((performance.now() - begin) * 1000) / pieces.length);
      }
      return `${best.toFixed(1)} us`;
    };
    const compress = usEach((at) => Bun.zstdCompressSync(pieces[at]!, { level: 1 }));
    const decompress = usEach((at) => Bun.zstdDecompressSync(packed[at]!));
    const ratio = (bytesOf(packed) / bytesOf(pieces)).toFixed(2);
    console.log([`${kind}, ${size}`, ratio, compress, decompress].join(" | "));
  }
}
