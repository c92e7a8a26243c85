import { seededRandom, type Random } from "../../src/lib/random.ts";

/** SEED=… repeats a run; without it every run is another one. */
export const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0x1_0000_0000)) >>> 0;

/** Runs a random test and names its seed when it fails. */
export function seeded(run: (random: Random) => void): () => void {
  return () => {
    try {
      run(seededRandom(seed));
    } catch (error) {
      console.error(`Repeat this run with SEED=${seed}`);
      throw error;
    }
  };
}
