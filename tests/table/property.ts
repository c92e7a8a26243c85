import fc from "fast-check";
import type { TestEntry } from "./table-fixture.ts";

const seed = process.env["SEED"] === undefined ? {} : { seed: Number(process.env["SEED"]) };

/** Tries a property with many inputs. A failure names its seed, and SEED=… tries that one again. */
export async function check<T>(
  arbitrary: fc.Arbitrary<T>,
  numRuns: number,
  holds: (value: T) => void | Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, async (value) => holds(value)),
    { ...seed, numRuns },
  );
}

// The size is said each time: without it fast-check makes arrays of about ten at most, whatever their length may be.

/** Bytes at which signed comparisons and the raising of a byte go wrong. */
const awkwardByte = fc.constantFrom(0x00, 0x01, 0x61, 0x62, 0x7f, 0x80, 0xfe, 0xff);

export const anyKey: fc.Arbitrary<Buffer> = fc.oneof(
  fc.array(awkwardByte, { minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: 0, max: 999 }).map((number) => Buffer.from(`users/${number}`)),
  fc.integer({ min: 1, max: 600 }).map((length) => Buffer.alloc(length, 0x61)),
  fc.uint8Array({ minLength: 1, maxLength: 20, size: "max" }).map((bytes) => Buffer.from(bytes)),
);

/** Lengths at which a varint or a block changes. */
const valueLength = fc.oneof(
  fc.constantFrom(0, 1, 31, 32, 127, 128, 4000, 4050, 4096, 20_000),
  fc.integer({ min: 0, max: 400 }),
);

const anyVersion = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  { weight: 1, arbitrary: fc.maxSafeNat().map((version) => Math.max(version, 1)) },
);

const anyEntry: fc.Arbitrary<TestEntry> = fc
  .tuple(anyKey, anyVersion, fc.option(valueLength, { nil: undefined }))
  .map(([key, version, length]) => ({
    key,
    version,
    value: length === undefined ? undefined : Buffer.alloc(length, version & 0xff),
  }));

/** In the order of a table: keys ascend, versions of one key descend. */
export const tableEntries: fc.Arbitrary<TestEntry[]> = fc
  .array(anyEntry, { minLength: 1, maxLength: 150, size: "max" })
  .map((entries) => {
    const sorted = entries.sort((a, b) => Buffer.compare(a.key, b.key) || b.version - a.version);
    return sorted.filter((entry, index) => {
      const before = sorted[index - 1];
      return before === undefined || !(before.key.equals(entry.key) && before.version === entry.version);
    });
  });
