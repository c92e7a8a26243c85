import { seededRandom, type Random } from "../../src/lib/random.ts";

/** SEED=… repeats a run; without it every run is another one. */
export const givenSeed: number | undefined =
  process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"]) >>> 0;

export function freshSeed(): number {
  return givenSeed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** Runs `body` with randomness that a seed repeats; a failure names the seed. */
export async function withSeed<T>(
  body: (random: Random, seed: number) => T | Promise<T>,
  seed = freshSeed(),
): Promise<T> {
  try {
    return await body(seededRandom(seed), seed);
  } catch (error) {
    console.error(`Repeat this run with SEED=${seed}`);
    throw error;
  }
}

/** Runs `body` once for each of `count` seeds that follow a fresh one, or for SEED=… alone. */
export async function forManySeeds(
  count: number,
  body: (random: Random, seed: number) => void,
): Promise<void> {
  const first = freshSeed();
  for (let index = 0; index < (givenSeed === undefined ? count : 1); index++) {
    await withSeed(body, (first + index) >>> 0);
  }
}
