import { type Random, randomBelow, randomBytes } from "../lib/random.ts";
import { sectorBytes } from "./memory-image.ts";

/**
 * Decides what a power cut leaves, one question at a time. The questions follow from what is pending and from the
 * answers before, and from nothing else: the same answers leave the same disk. So whoever answers can draw, or try
 * every answer in turn.
 */
export interface CrashChoices {
  /** Asked first. What it returns is called for each operation on names that may survive, oldest first. */
  names(): () => boolean;
  /**
   * Asked for each file that has a name left and changes pending. `sizes`: the synced one, and that after each of the
   * changes.
   */
  file(sizes: readonly number[]): FileChoices;
}

export interface FileChoices {
  /** The bytes of a sector that pending changes touch. */
  sector(sector: PendingSector): Uint8Array;
  /** Asked last: one of the sizes, or any on the way where the file grew. */
  size(): number;
}

/** A sector of a file, and what can have become of it. */
export interface PendingSector {
  readonly number: number;
  /** The pending changes that touch it. */
  readonly changeCount: number;
  /** Its bytes with the first `count` of them made, as a copy. */
  after(count: number): Uint8Array;
  /** Puts garbage into a copy, wherever one of them writes. */
  spoil(bytes: Uint8Array, garbage: Uint8Array): void;
  /** Files whose sectors a new block may have held before, the newest last. */
  readonly staleSources: readonly SectorSource[];
}

export interface SectorSource {
  readonly size: number;
  sector(number: number): Uint8Array;
}

/**
 * Draws. How bad it is is drawn first, for names and for each file: if all were drawn alike, the nearly whole and the
 * nearly lost would be rare.
 */
export class RandomCrash implements CrashChoices {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  names(): () => boolean {
    const survivePercent = [0, 50, 90, 100][randomBelow(this.#random, 4)]!;
    return () => randomBelow(this.#random, 100) < survivePercent;
  }

  file(sizes: readonly number[]): FileChoices {
    const survivePercent = [0, 10, 50, 90, 100][randomBelow(this.#random, 5)]!;
    const garbagePercent = [0, 0, 10, 50][randomBelow(this.#random, 4)]!;
    return {
      sector: (sector) => this.#sector(sector, survivePercent, garbagePercent),
      size: () => this.#size(sizes),
    };
  }

  #sector(sector: PendingSector, survivePercent: number, garbagePercent: number): Uint8Array {
    const random = this.#random;
    const survives = randomBelow(random, 100) < survivePercent;
    const bytes = sector.after(survives ? sector.changeCount : randomBelow(random, sector.changeCount));
    if (randomBelow(random, 100) < garbagePercent) {
      const isStale = randomBelow(random, 2) === 0;
      sector.spoil(bytes, isStale ? this.#stale(sector.staleSources) : randomBytes(random, sectorBytes));
    }
    return bytes;
  }

  #stale(sources: readonly SectorSource[]): Uint8Array {
    const source = sources[randomBelow(this.#random, Math.max(1, sources.length))];
    if (source === undefined) return randomBytes(this.#random, sectorBytes);
    return source.sector(randomBelow(this.#random, Math.max(1, Math.ceil(source.size / sectorBytes))));
  }

  #size(sizes: readonly number[]): number {
    const kept = randomBelow(this.#random, sizes.length);
    const size = sizes[kept]!;
    const before = sizes[Math.max(0, kept - 1)]!;
    if (size <= before || randomBelow(this.#random, 2) === 0) return size;
    return before + randomBelow(this.#random, size - before);
  }
}
