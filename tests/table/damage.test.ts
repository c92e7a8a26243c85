import { describe, expect, test } from "bun:test";
import { type Random, randomBelow, randomBytes } from "../../src/lib/random.ts";
import type { TableCorruptionError } from "../../src/table/errors.ts";
import { forManySeeds } from "../support/seeds.ts";
import { resealed } from "./handmade-table.ts";
import { readNaively } from "./naive-table.ts";
import { readBy, ways } from "./read-everything.ts";
import { diskWith, lines, plainEntries, sorted, versionsOf, visible } from "./reading-fixture.ts";
import { entry, tablePath, writeTable, type TestEntry } from "./table-fixture.ts";

/** Damage gives what was written, or a refusal that names the file and the place: never less, never anything else. */

const small = await subject([
  ...["a", "apple", "apricot", "b"].map((key, index) => entry(key, 200 + index, `value of ${key}`)),
  entry("apple", 150, ""),
  entry("apple", 100),
  ...Array.from({ length: 20 }, (_, index) =>
    entry(`user ${index}`, 300 + index, Buffer.alloc(index, index)),
  ),
]);

/** Three blocks: one full, one with the older versions of a key that fills up the first, one with a single entry. */
const large = await subject([
  ...plainEntries(23),
  ...versionsOf("key 1", 2).slice(1, -1),
  entry("large", 7, Buffer.alloc(4300, 7)),
  entry("z", 400),
]);

async function subject(entries: TestEntry[]) {
  const inOrder = sorted(entries);
  const { bytes } = await writeTable(inOrder, { versionMin: 1 });
  const { blocks, footer } = readNaively(bytes);
  const sections = [...blocks.map(({ offset }) => offset), footer.filterOffset, footer.indexOffset];
  const footerAt = bytes.length - 120;
  const disk = diskWith(bytes);
  const whole = Object.fromEntries(Object.keys(ways).map((way) => [way, readBy(way, disk, inOrder)]));
  return {
    entries: inOrder,
    bytes,
    blockCount: blocks.length,
    filterOffset: footer.filterOffset,
    footerAt,
    /** Where the block or section begins that has this byte. */
    unitOf: (offset: number) => [...sections, footerAt].findLast((start) => start <= offset)!,
    read: (way: string, changed: Buffer) => readBy(way, diskWith(changed), inOrder),
    whole,
  };
}

type Subject = typeof small;

test("these tables are what the tests need", () => {
  expect(small.blockCount).toBe(1);
  expect(small.bytes.length).toBeLessThan(1000);
  expect(large.blockCount).toBe(4);
  for (const { whole } of [small, large]) {
    for (const way of Object.keys(ways)) expect(whole[way]).toBeString();
  }
});

/** Flips one bit and reads by one way: refused at the unit of the bit. A stream looks at the filter at its end only. */
function expectRefusal(
  { bytes, read, unitOf, filterOffset, footerAt }: Subject,
  way: string,
  offset: number,
  bit: number,
): void {
  const changed = Buffer.from(bytes);
  changed[offset]! ^= 1 << bit;
  const error = read(way, changed) as TableCorruptionError;
  const unit = unitOf(offset);
  const isAtEnd = unit === filterOffset && (way === "stream" || way === "dump");
  const expected = isAtEnd ? footerAt : unit;
  if (typeof error === "object" && error.file === tablePath && error.offset === expected) return;
  expect({ way, offset, bit, error }).toEqual({ way, offset, bit, error: `damage at ${expected}` as never });
}

describe("damage is refused, by its file and offset:", () => {
  test.each(Object.keys(ways))("every bit of a small table, read by %s", (way) => {
    for (let offset = 0; offset < small.bytes.length; offset++) {
      for (let bit = 0; bit < 8; bit++) expectRefusal(small, way, offset, bit);
    }
  });

  test("every byte of a table of several blocks, each in another bit and read another way", () => {
    const names = Object.keys(ways);
    for (let offset = 0; offset < large.bytes.length; offset++) {
      expectRefusal(large, names[offset % names.length]!, offset, (offset * 5) % 8);
    }
  });

  test("every length, shorter and longer", () => {
    for (const { bytes, read } of [small, large]) {
      for (let length = 0; length < bytes.length; length++) {
        const error = read("stream", bytes.subarray(0, length)) as TableCorruptionError;
        if (typeof error !== "object") expect({ length, error }).toEqual("a refusal" as never);
        expect(error.offset).toBeLessThanOrEqual(length);
      }
      for (const more of [Buffer.alloc(1), Buffer.alloc(4096), bytes]) {
        expect(read("stream", Buffer.concat([bytes, more]))).toBeObject();
      }
    }
  });

  test.each(Object.keys(ways))("any lengths, read by %s", (way) => {
    for (let length = 0; length < small.bytes.length; length++) {
      expect(small.read(way, small.bytes.subarray(0, length))).toBeObject();
    }
  });

  test("sectors of zeros, garbage, other sectors, and pieces that moved", async () => {
    await forManySeeds(400, (random) => {
      const { bytes, read, whole } = randomBelow(random, 2) === 0 ? small : large;
      const changed = spoiled(bytes, random);
      for (const way of Object.keys(ways)) {
        const seen = read(way, changed);
        if (changed.equals(bytes)) expect(seen).toBe(whole[way]!);
        else expect(seen).toBeObject();
      }
    });
  });
});

function spoiled(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  const length = 1 + randomBelow(random, [4, 64, 512, bytes.length][randomBelow(random, 4)]!);
  const at = randomBelow(random, bytes.length);
  const end = Math.min(at + length, bytes.length);
  const from = randomBelow(random, bytes.length);
  const kind = randomBelow(random, 4);
  if (kind === 0) changed.fill(0, at, end);
  else if (kind === 1) changed.fill(0xff, at, end);
  else if (kind === 2) changed.set(randomBytes(random, end - at), at);
  else bytes.copy(changed, at, from, Math.min(from + end - at, bytes.length));
  return changed;
}

describe("a table whose checksums match", () => {
  test("is answered from or refused, whatever its bytes are, and verified as the specification says", async () => {
    let valid = 0;
    let refused = 0;
    await forManySeeds(1500, (random) => {
      const { bytes, entries, footerAt, unitOf } = randomBelow(random, 4) > 0 ? small : large;
      const changed = resealed(bytes, (copy) => {
        for (let count = 1 + randomBelow(random, 3); count > 0; count--) {
          // Near the beginning or the end of a unit is where its numbers are.
          const unit = unitOf(randomBelow(random, footerAt));
          const near = [unit, unit - 20][randomBelow(random, 2)]! + randomBelow(random, 40);
          const at = randomBelow(random, 2) === 0 ? randomBelow(random, footerAt) : near;
          const choices = [0, 1, 0x7f, 0x80, 0xff, copy[at]! + 1, copy[at]! ^ (1 << randomBelow(random, 8))];
          if (at >= 0 && at < footerAt) copy[at] = choices[randomBelow(random, choices.length)]!;
        }
      });
      const disk = diskWith(changed);
      for (const way of Object.keys(ways)) readBy(way, disk, entries);
      const now = entriesOf(changed);
      const verdict = readBy("verify", disk, entries);
      expect(typeof verdict === "string").toBe(now !== undefined);
      if (now === undefined) return void refused++;
      valid++;
      expect(readBy("stream", disk, now)).toBe(lines(now).join("\n"));
      expect(readBy("find", disk, now)).toBe(lines(now).join("\n"));
      expect(readBy("forward", disk, now)).toBe(lines(visible(now)).join("\n"));
      expect(readBy("backward", disk, now)).toBe(lines(visible(now).reverse()).join("\n"));
    });
    // Both kinds come up, unless a single seed was asked for.
    if (process.env["SEED"] === undefined) expect(Math.min(valid, refused)).toBeGreaterThan(100);
  });
});

/** What another reader sees in it, which shares no code with the first; undefined: no table. */
function entriesOf(bytes: Buffer): TestEntry[] | undefined {
  try {
    return readNaively(bytes).entries.map(({ key, version, isTombstone, value }) =>
      isTombstone ? entry(key, version) : entry(key, version, value),
    );
  } catch {
    return undefined;
  }
}
