import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";

/** Draws for one part of a simulated world: what another part draws does not change them. */
export class Dice {
  readonly random: Random;

  constructor(seed: number, part: string) {
    let mixed = seed >>> 0;
    for (let index = 0; index < part.length; index++) {
      mixed = Math.imul(mixed ^ part.charCodeAt(index), 0x01000193) >>> 0;
    }
    this.random = seededRandom(mixed);
    // Seeds that lie side by side begin with numbers that do.
    this.random.uint32();
  }

  below(bound: number): number {
    return randomBelow(this.random, bound);
  }

  /** From `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in one of `count` cases. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Mostly short, now and then long: each power of two is as likely as any other. */
  skewed(least: number, most: number): number {
    const octaves = Math.log2(most / least);
    return Math.floor(least * 2 ** ((this.random.uint32() / 0x1_0000_0000) * octaves));
  }
}
