import fc from "fast-check";

/** SEED=… repeats a run; without it every run is another one. fast-check adds the smallest case that fails. */
const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 0x7fff_ffff));

/** Runs a property with many cases and names the seed when it fails. */
export function check<T>(
  arbitrary: fc.Arbitrary<T>,
  numRuns: number,
  holds: (value: T) => void | boolean,
): void {
  try {
    fc.assert(fc.property(arbitrary, holds), { seed, numRuns });
  } catch (error) {
    throw new Error(`failed with SEED=${seed}: ${(error as Error).message}`, { cause: error });
  }
}
