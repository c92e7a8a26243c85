import { type Random, seededRandom } from "../../src/lib/random.ts";

/** Runs `body` with many seeds, or with that of SEED=… alone; a failure names its seed. */
export async function forEachSeed(
  count: number,
  body: (random: Random, seed: number) => void | Promise<void>,
): Promise<void> {
  const only = process.env["SEED"];
  const seeds = only === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(only)];
  for (const seed of seeds) {
    try {
      await body(seededRandom(seed), seed);
    } catch (error) {
      throw new Error(`failed with SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}
