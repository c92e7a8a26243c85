import { seededRandom, type Random } from "../../src/lib/random.ts";

/** Which entry comes next: a number below the count of entries. */
export interface KeySource {
  next(): number;
}

/** Each entry as likely as any other. */
export function uniformKeys(entryCount: number, seed: number): KeySource {
  const random = seededRandom(seed);
  return { next: () => Math.floor((random.uint32() / 2 ** 32) * entryCount) };
}

/**
 * Some entries far more often than others: the n-th most popular one in proportion to n ** -0.99, as YCSB has it. Drawn
 * beforehand, since a power costs more than sending the request. Neighbours in number are none in the order of keys, so
 * the popular ones lie all over the store.
 */
export function zipfianKeys(entryCount: number, seed: number): KeySource {
  const draws = drawsOf(entryCount);
  // Each run begins elsewhere in the same draws.
  let at = seededRandom(seed).uint32();
  return { next: () => draws[at++ & (draws.length - 1)]! };
}

/** Draws ranks 0 .. entryCount - 1: looks up which one's part of the whole a random number falls into. */
export function zipfianRanks(entryCount: number, random: Random): () => number {
  const sums = new Float64Array(entryCount);
  let sum = 0;
  for (let rank = 0; rank < entryCount; rank++) sums[rank] = sum += (rank + 1) ** -exponent;
  return () => {
    const wanted = (random.uint32() / 2 ** 32) * sum;
    let [low, high] = [0, entryCount - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

const exponent = 0.99;
/** A power of two, so that the draws can be gone through in circles. */
const drawCount = 2 ** 21;
const drawsKept = new Map<number, Uint32Array>();

function drawsOf(entryCount: number): Uint32Array {
  let draws = drawsKept.get(entryCount);
  if (draws === undefined) {
    const rank = zipfianRanks(entryCount, seededRandom(entryCount));
    draws = new Uint32Array(drawCount);
    for (let index = 0; index < drawCount; index++) draws[index] = rank();
    drawsKept.set(entryCount, draws);
  }
  return draws;
}
