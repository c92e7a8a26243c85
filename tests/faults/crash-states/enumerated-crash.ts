import { randomBytes, seededRandom } from "../../../src/lib/random.ts";
import type { CrashChoices, FileChoices, PendingSector } from "../../../src/vfs/crash-choices.ts";
import { sectorBytes } from "../../../src/vfs/memory-image.ts";

/** What answer 0 stands for: everything pending arrived, or nothing. */
export type Base = "kept" | "lost";

/**
 * A power cut whose every choice is one of a short list, and the list is asked for by its length. The size of a file is
 * chosen before its sectors, and only what lies inside of it is asked for; what would look the same is offered once.
 */
export class EnumeratedCrash implements CrashChoices {
  readonly #choose: (count: number) => number;
  readonly #base: Base;

  constructor(base: Base, choose: (count: number) => number) {
    this.#base = base;
    this.#choose = choose;
  }

  names(): () => boolean {
    const isKept = this.#base === "kept";
    return () => (this.#choose(2) === 0) === isKept;
  }

  file(sizes: readonly number[]): FileChoices {
    const size = this.#of(possibleSizes(sizes, this.#base));
    return {
      sector: (sector) => {
        const length = Math.min(sectorBytes, size - sector.number * sectorBytes);
        return length <= 0 ? sector.after(0) : this.#of(possibleSectors(sector, length, this.#base));
      },
      size: () => size,
    };
  }

  #of<T>(answers: readonly T[]): T {
    return answers[this.#choose(answers.length)]!;
  }
}

/** Every size since the last sync and, where the file grew, every end of a sector on the way and half of the way. */
export function possibleSizes(sizes: readonly number[], base: Base): number[] {
  const possible = new Set(base === "kept" ? sizes.toReversed() : sizes);
  for (const [index, size] of sizes.entries()) {
    const before = sizes[index - 1] ?? size;
    if (size <= before) continue;
    const firstEnd = (Math.floor(before / sectorBytes) + 1) * sectorBytes;
    for (let end = firstEnd; end < size; end += sectorBytes) possible.add(end);
    possible.add(before + Math.floor((size - before) / 2));
  }
  return [...possible];
}

/**
 * The sector after any number of its changes; and with zeros, with a stale sector or with noise wherever one of them
 * writes. Only the first `length` bytes are seen, and those that agree in them are one.
 */
function possibleSectors(sector: PendingSector, length: number, base: Base): Uint8Array[] {
  const { changeCount } = sector;
  const possible: Uint8Array[] = [];
  const offer = (bytes: Uint8Array): boolean => {
    const seen = bytes.subarray(0, length);
    const isKnown = possible.some((other) => Buffer.compare(other.subarray(0, length), seen) === 0);
    if (!isKnown) possible.push(bytes);
    return !isKnown;
  };
  const offerSpoilt = (garbage: Uint8Array): boolean => {
    const bytes = sector.after(changeCount);
    sector.spoil(bytes, garbage);
    return offer(bytes);
  };
  const [first, last] = base === "kept" ? [changeCount, 0] : [0, changeCount];
  offer(sector.after(first));
  offer(sector.after(last));
  for (let count = 1; count < changeCount; count++) offer(sector.after(count));
  offerSpoilt(zeros);
  for (const stale of staleSectors(sector)) if (offerSpoilt(stale)) break;
  offerSpoilt(noise);
  return possible;
}

/** The most deceptive first: what a file of late has at the same place, the newest first, or else at its beginning. */
function* staleSectors({ number, staleSources }: PendingSector): Generator<Uint8Array> {
  for (const at of new Set([number, 0])) {
    for (const source of staleSources.toReversed()) {
      if (at * sectorBytes < source.size) yield source.sector(at);
    }
  }
}

const zeros = new Uint8Array(sectorBytes);
const noise = randomBytes(seededRandom(1), sectorBytes);
