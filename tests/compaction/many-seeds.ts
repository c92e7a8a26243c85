import type { Random } from "../../src/lib/random.ts";
import { freshSeed, givenSeed, withSeed } from "../support/seeds.ts";

/** Runs `body` once for each of `count` seeds that follow a fresh one, one after the other, or for SEED=… alone. */
export async function forManyAsyncSeeds(
  count: number,
  body: (random: Random, seed: number) => Promise<void>,
): Promise<void> {
  const first = freshSeed();
  for (let index = 0; index < (givenSeed === undefined ? count : 1); index++) {
    await withSeed(body, (first + index) >>> 0);
  }
}
