import { compareKeys } from "../../src/memtable/compare-keys.ts";
import { hashKey } from "../../src/memtable/hash-key.ts";
import { Memtable } from "../../src/memtable/memtable.ts";
import { randomBelow, seededRandom } from "../../src/lib/random.ts";

/**
 * Prints what src/memtable/README.md quotes: `bun tests/bench/memtable-bench.ts [ENTRIES [SUITE…]]`, where a suite is
 * generations, keys, points, order or filling.
 *
 * Records look as in a log: 20 bytes of header, the key, a value of 20 bytes. Every figure is the best of five
 * runs, because the machine's other work only ever adds.
 */
const entries = Number(process.argv[2] ?? 500_000);
const suitesWanted = process.argv.slice(3);
const runs = 5;
const hashSeed = 0x1234_5678;
const headerBytes = 20;
const valueBytes = 20;
const random = seededRandom(1);

/** Written to by every measured loop, and printed, so that none of them can be optimised away. */
let sink = 0;

interface Records {
  readonly bytes: Buffer;
  readonly keyBytes: number;
  readonly recordBytes: number;
}

function records(keyBytes: number, fillKey: (bytes: Buffer, start: number, index: number) => void): Records {
  const recordBytes = headerBytes + keyBytes + valueBytes;
  const bytes = Buffer.alloc(entries * recordBytes);
  for (let index = 0; index < entries; index++) fillKey(bytes, index * recordBytes + headerBytes, index);
  return { bytes, keyBytes, recordBytes };
}

function randomKeys(): Records {
  return records(16, (bytes, start) => {
    for (let at = 0; at < 16; at += 4) bytes.writeUInt32LE(random.uint32(), start + at);
  });
}

function uuids(): Records {
  return records(36, (bytes, start) => {
    const digits = Array.from({ length: 4 }, () => random.uint32().toString(16).padStart(8, "0")).join("");
    bytes.write(digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"), start, "latin1");
  });
}

function numberedKeys(families: readonly string[]): Records {
  const order = shuffled();
  return records(families[0]!.length + 9, (bytes, start, index) => {
    const family = families[order[index]! % families.length];
    bytes.write(`${family}/${String(order[index]).padStart(8, "0")}`, start, "latin1");
  });
}

function shuffled(): Int32Array {
  const order = Int32Array.from({ length: entries }, (_, index) => index);
  for (let at = entries - 1; at > 0; at--) {
    const other = randomBelow(random, at + 1);
    const moved = order[at]!;
    order[at] = order[other]!;
    order[other] = moved;
  }
  return order;
}

function filled(from: Records, entriesExpected: number): Memtable {
  const memtable = new Memtable({ bytes: from.bytes, seqBefore: 0, hashSeed, entriesExpected });
  for (let index = 0; index < entries; index++) put(memtable, from, index, index + 1);
  return memtable;
}

function put(memtable: Memtable, from: Records, index: number, version: number): void {
  const start = index * from.recordBytes + headerBytes;
  const hash = hashKey(from.bytes, start, start + from.keyBytes, hashSeed);
  memtable.put(hash, start, from.keyBytes, valueBytes, version);
}

/** Best milliseconds of some runs. `prepare` is not measured. */
function measure<T>(prepare: () => T, run: (prepared: T) => void): number {
  let best = Infinity;
  for (let count = 0; count < runs; count++) {
    const prepared = prepare();
    const start = Bun.nanoseconds();
    run(prepared);
    best = Math.min(best, (Bun.nanoseconds() - start) / 1e6);
  }
  return best;
}

function print(what: string, value: number, unit: string): void {
  console.log(`${what.padEnd(72)} ${value.toFixed(value < 10 ? 1 : 0).padStart(7)} ${unit}`);
}

function printEach(what: string, milliseconds: number, count = entries): void {
  print(what, (milliseconds * 1e6) / count, "ns");
}

function benchHashing(): void {
  for (const keyBytes of [8, 16, 32, 64]) {
    const bytes = Buffer.alloc(64 * 1024, "holdfast");
    const count = 1_000_000;
    const milliseconds = measure(
      () => 0,
      () => {
        for (let index = 0; index < count; index++) {
          const start = (index * 8) & 0xff00;
          sink ^= hashKey(bytes, start, start + keyBytes, hashSeed);
        }
      },
    );
    printEach(`hashKey, ${keyBytes} bytes`, milliseconds, count);
  }
}

function benchComparing(): void {
  for (const keyBytes of [8, 16, 32, 64, 128, 1024]) {
    const bytes = Buffer.alloc(256 * 1024, "holdfast");
    const other = Buffer.from(bytes);
    const count = 200_000;
    const loop = (compare: (start: number) => number): number =>
      measure(
        () => 0,
        () => {
          for (let index = 0; index < count; index++) sink ^= compare((index * 8) & 0xff00);
        },
      );
    const ours = loop((at) => compareKeys(bytes, at, at + keyBytes, other, at, at + keyBytes));
    const native = loop((at) => bytes.compare(other, at, at + keyBytes, at, at + keyBytes));
    printEach(`compareKeys, ${keyBytes} equal bytes`, ours, count);
    printEach(`Buffer#compare, ${keyBytes} equal bytes`, native, count);
  }
}

function benchPoints(): void {
  const from = randomKeys();
  const order = shuffled();
  const wanted = Buffer.alloc(entries * 16);
  for (let index = 0; index < entries; index++) {
    const start = order[index]! * from.recordBytes + headerBytes;
    from.bytes.copy(wanted, index * 16, start, start + 16);
  }
  const absent = Buffer.from(wanted.map((byte) => byte ^ 0x55));

  printEach(
    "put, new key, grown from nothing",
    measure(
      () => 0,
      () => filled(from, 0),
    ),
  );
  printEach(
    "put, new key, entriesExpected given",
    measure(
      () => 0,
      () => filled(from, entries),
    ),
  );

  const memtable = filled(from, 0);
  let version = entries;
  printEach(
    "put, overwrite in random order",
    measure(
      () => 0,
      () => {
        for (let index = 0; index < entries; index++) put(memtable, from, order[index]!, ++version);
      },
    ),
  );
  const keeping = filled(from, 0);
  printEach(
    "put, overwrite in random order, each version kept",
    measure(
      () => (keeping.keepVersionsThrough = version),
      () => {
        for (let index = 0; index < entries; index++) put(keeping, from, order[index]!, ++version);
      },
    ),
  );
  const find = (keys: Buffer): number =>
    measure(
      () => 0,
      () => {
        for (let start = 0; start < entries * 16; start += 16) {
          sink ^= memtable.find(hashKey(keys, start, start + 16, hashSeed), keys, start, start + 16);
        }
      },
    );
  printEach("find, in random order", find(wanted));
  printEach("find, absent keys", find(absent));
  printEach(
    "find, in the order of insertion",
    measure(
      () => 0,
      () => {
        for (let index = 0; index < entries; index++) {
          const start = index * from.recordBytes + headerBytes;
          const hash = hashKey(from.bytes, start, start + 16, hashSeed);
          sink ^= memtable.find(hash, from.bytes, start, start + 16);
        }
      },
    ),
  );
  print("index, per key", memtable.memoryBytes / entries, "bytes");
  print("longest pause in 64 puts", longestPause(from), "µs");
}

function longestPause(from: Records): number {
  let longest = Infinity;
  for (let run = 0; run < runs; run++) {
    const memtable = new Memtable({ bytes: from.bytes, seqBefore: 0, hashSeed });
    let worst = 0;
    for (let start = 0; start + 64 <= entries; start += 64) {
      const begun = Bun.nanoseconds();
      for (let index = start; index < start + 64; index++) put(memtable, from, index, index + 1);
      worst = Math.max(worst, Bun.nanoseconds() - begun);
    }
    longest = Math.min(longest, worst);
  }
  return longest / 1000;
}

/** A scan of 100 keys at every so many puts, while the memtable fills. */
function benchFilling(name: string, from: Records, puts: number, ordersAhead: boolean): void {
  let longestCall = Infinity;
  const milliseconds = measure(
    () => new Memtable({ bytes: from.bytes, seqBefore: 0, hashSeed, entriesExpected: entries, ordersAhead }),
    (memtable) => {
      const cursor = memtable.cursor();
      let longest = 0;
      for (let index = 0; index < entries; index++) {
        put(memtable, from, index, index + 1);
        if (index % puts !== puts - 1) continue;
        const start = randomBelow(random, entries) * from.recordBytes + headerBytes;
        const begun = Bun.nanoseconds();
        cursor.seek(from.bytes, start, start + from.keyBytes, false, true);
        for (let count = 0; count < 100; count++) cursor.next();
        longest = Math.max(longest, Bun.nanoseconds() - begun);
      }
      longestCall = Math.min(longestCall, longest / 1e6);
    },
  );
  const how = `${name}${ordersAhead ? ", ordered ahead" : ""}`;
  print(`a scan at every ${puts} puts, longest, ${how}`, longestCall, "ms");
  printEach("  and each put, with its share of the scans", milliseconds);
}

/**
 * Memtables as they follow each other under load, each dropped when there are two younger ones. What is saved, page
 * faults and collections, comes unevenly, so these are means and not the best.
 */
function benchGenerations(from: Records, reuses: boolean): void {
  const generations = 20;
  const living = [filled(from, entries), filled(from, entries)];
  let reuse: Memtable | undefined;
  const start = Bun.nanoseconds();
  for (let count = 0; count < generations; count++) {
    const memtable = new Memtable({
      bytes: from.bytes,
      seqBefore: 0,
      hashSeed,
      entriesExpected: entries,
      reuse,
    });
    for (let index = 0; index < entries; index++) put(memtable, from, index, index + 1);
    living.push(memtable);
    const dropped = living.shift();
    reuse = reuses ? dropped : undefined;
  }
  const what = reuses ? "the arrays of a dropped one reused" : "arrays made anew";
  const milliseconds = (Bun.nanoseconds() - start) / 1e6;
  printEach(`put, memtable after memtable, ${what}`, milliseconds, entries * generations);
}

function benchOrder(name: string, from: Records): void {
  print(
    `first seek sorts all, ${name}`,
    measure(
      () => filled(from, entries),
      (memtable) => {
        memtable.cursor().seekStart(false);
      },
    ),
    "ms",
  );

  const memtable = filled(from, entries);
  const cursor = memtable.cursor();
  cursor.seekStart(false);
  print(`index with order, per key, ${name}`, memtable.memoryBytes / entries, "bytes");
  printEach(
    `next, whole scan, ${name}`,
    measure(
      () => cursor.seekStart(false),
      () => {
        while (cursor.next()) sink ^= cursor.entry;
      },
    ),
  );
  const seeks = 50_000;
  const seekAt = (index: number): void => {
    const start = index * from.recordBytes + headerBytes;
    cursor.seek(from.bytes, start, start + from.keyBytes, false, true);
    sink ^= cursor.entry;
  };
  printEach(
    `seek, ${name}`,
    measure(
      () => shuffled(),
      (order) => {
        for (let count = 0; count < seeks; count++) seekAt(order[count]!);
      },
    ),
    seeks,
  );

  const before = entries - seeks;
  printEach(
    `put of a new key and a seek, in turn, ${name}`,
    measure(
      () => {
        const younger = new Memtable({ bytes: from.bytes, seqBefore: 0, hashSeed, entriesExpected: entries });
        for (let index = 0; index < before; index++) put(younger, from, index, index + 1);
        const youngerCursor = younger.cursor();
        youngerCursor.seekStart(false);
        return { younger, youngerCursor };
      },
      ({ younger, youngerCursor }) => {
        for (let index = before; index < entries; index++) {
          put(younger, from, index, index + 1);
          const start = index * from.recordBytes + headerBytes;
          youngerCursor.seek(from.bytes, start, start + from.keyBytes, false, true);
          sink ^= youngerCursor.entry;
        }
      },
    ),
    seeks,
  );
}

const shapes: [name: string, keys: () => Records][] = [
  ["random keys", randomKeys],
  ["UUIDs", uuids],
  ["users/00000000", () => numberedKeys(["users"])],
  ["three families", () => numberedKeys(["users", "posts", "marks"])],
];
const suites: Record<string, () => void> = {
  generations() {
    const from = randomKeys();
    for (const reuses of [false, true, false, true, false, true]) benchGenerations(from, reuses);
  },
  keys() {
    benchHashing();
    benchComparing();
  },
  points: benchPoints,
  order() {
    for (const [name, keys] of shapes) benchOrder(name, keys());
  },
  filling() {
    for (const [name, keys] of shapes) {
      const from = keys();
      for (const puts of [10_000, 100_000]) {
        for (const ordersAhead of [false, true]) benchFilling(name, from, puts, ordersAhead);
      }
    }
  },
};

console.log(`${entries} entries, best of ${runs} runs\n`);
for (const suite of suitesWanted.length > 0 ? suitesWanted : Object.keys(suites)) suites[suite]!();
console.log(`\n(${sink & 1})`);
