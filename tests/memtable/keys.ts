import fc from "fast-check";

/** Bytes at which signed comparisons, terminators and "missing" go wrong. */
const awkwardByte = fc.constantFrom(0x00, 0x01, 0x61, 0x7f, 0x80, 0xff);

const shortKeys = fc.array(awkwardByte, { minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes));

/** "a", "aa", "aaa", …, and the same with zeros: each is the beginning of the next. */
const prefixesOfEachOther = fc
  .tuple(fc.constantFrom(0x00, 0x61), fc.integer({ min: 1, max: 40 }))
  .map(([byte, length]) => Buffer.alloc(length, byte));

/** Keys that agree for long, around the lengths at which comparing changes its method. */
const longSharedPrefixes = fc
  .tuple(
    fc.constantFrom(3, 4, 28, 31, 32, 33, 124, 127, 128, 129, 300),
    fc.array(awkwardByte, { maxLength: 3 }),
  )
  .map(([length, tail]) => Buffer.concat([Buffer.alloc(length, "users/"), Buffer.from(tail)]));

const randomKeys = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));

export const anyKey: fc.Arbitrary<Buffer> = fc.oneof(
  shortKeys,
  prefixesOfEachOther,
  longSharedPrefixes,
  randomKeys,
);

/** A few keys, so that operations meet. */
export const someKeys: fc.Arbitrary<Buffer[]> = fc.array(anyKey, { minLength: 1, maxLength: 60 });
