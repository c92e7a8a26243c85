/** Randomness is passed in, so that a run can be repeated from its seed. */
export interface Random {
  /** A whole number in 0 .. 2^32 - 1. */
  uint32(): number;
}

/** For salts and identities: nobody outside may guess these. */
export const systemRandom: Random = {
  uint32: () => crypto.getRandomValues(new Uint32Array(1))[0]!,
};

/**
 * Repeatable randomness: the same seed gives the same numbers on every machine (mulberry32, Tommy Ettinger,
 * public domain).
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    uint32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return (mixed ^ (mixed >>> 14)) >>> 0;
    },
  };
}

export function randomBytes(random: Random, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let index = 0; index < count; index++) bytes[index] = random.uint32() & 0xff;
  return bytes;
}

/** A whole number in 0 .. bound - 1. */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor((random.uint32() / 0x1_0000_0000) * bound);
}
