import fc from "fast-check";

const seed = process.env["SEED"] === undefined ? {} : { seed: Number(process.env["SEED"]) };

/** Tries a property with many inputs. A failure names its seed, and SEED=… tries that one again. */
export function check<T>(property: fc.IRawProperty<T>): void {
  void fc.assert(property, { ...seed, numRuns: 200 });
}

export const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

export const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const seq = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.maxSafeNat().map((value) => Math.min(value, 2 ** 53 - 2)),
);
