import { assert } from "../lib/assert.ts";
import type { ByteWriter } from "../lib/byte-writer.ts";
import { appendChecksum } from "./section-checksum.ts";
import { checksumBytes, filterLineBytes, filterLinesMax } from "./table-format.ts";

/**
 * A blocked Bloom filter: the hash of a key chooses a line of 64 bytes, and six of the line's 512 bits, which are
 * set. A key whose bits are not all set is not in the table. README.md has the figures behind the two numbers here.
 */
const filterProbes = 6;
/** 10.7 bits a key: 0.8 % of the keys that are absent find all their bits set by others. */
const keysPerLine = 48;

/** The factor of the bits' places: 2^32 divided by the golden ratio, odd, so that it loses no bit of the hash. */
const spread = 0x9e37_79b1;

/**
 * Whether a key with this hash may be in the table; `false` is certain. `bytes` holds the filter's lines from
 * `offset` on.
 *
 * Three bits are looked at together, then the other three: of absent keys nine in ten end at the middle, so a
 * processor can foresee both ways. It takes 12 ns; a loop that ends at the first missing bit takes 18 to 22.
 */
export function mayContain(bytes: Uint8Array, offset: number, lines: number, hash: number): boolean {
  const line = offset + lineOf(hash, lines) * filterLineBytes;
  let place = Math.imul(hash, spread);
  let set = bytes[line + (place >>> 26)]! >>> ((place >>> 23) & 7);
  place = Math.imul(place, spread);
  set &= bytes[line + (place >>> 26)]! >>> ((place >>> 23) & 7);
  place = Math.imul(place, spread);
  set &= bytes[line + (place >>> 26)]! >>> ((place >>> 23) & 7);
  if ((set & 1) === 0) return false;
  place = Math.imul(place, spread);
  set &= bytes[line + (place >>> 26)]! >>> ((place >>> 23) & 7);
  place = Math.imul(place, spread);
  set &= bytes[line + (place >>> 26)]! >>> ((place >>> 23) & 7);
  place = Math.imul(place, spread);
  set &= bytes[line + (place >>> 26)]! >>> ((place >>> 23) & 7);
  return (set & 1) === 1;
}

/** How many lines the filter of so many different keys has. */
export function filterLinesFor(keyCount: number): number {
  return Math.min(Math.max(Math.ceil(keyCount / keysPerLine), 1), filterLinesMax);
}

/** The lines of a filter section whose size the footer says. */
export function filterLinesOf(filterBytes: number): number {
  return (filterBytes - checksumBytes) / filterLineBytes;
}

/** Gathers the hashes of a table's keys: how many lines the filter needs is known at the end only. */
export class FilterBuilder {
  keyCount = 0;
  #hashes = new Int32Array(4096);

  get memoryBytes(): number {
    return this.#hashes.byteLength;
  }

  /** Takes the hash of one more key; of a key with several versions, once. */
  add(hash: number): void {
    if (this.keyCount === this.#hashes.length) {
      const grown = new Int32Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[this.keyCount++] = hash;
  }

  /** Appends the filter section, and returns its size. The seed of its checksum is that of where it will lie. */
  write(target: ByteWriter, seed: number): number {
    const lines = filterLinesFor(this.keyCount);
    const start = target.reserve(lines * filterLineBytes);
    target.bytes.fill(0, start, target.length);
    for (let index = 0; index < this.keyCount; index++) {
      setBits(target.bytes, start, lines, this.#hashes[index]!);
    }
    appendChecksum(target, start, seed);
    return target.length - start;
  }
}

function setBits(bytes: Buffer, offset: number, lines: number, hash: number): void {
  const line = offset + lineOf(hash, lines) * filterLineBytes;
  assert(line + filterLineBytes <= bytes.length, "a line of the filter lies inside it");
  let place = hash;
  for (let probe = 0; probe < filterProbes; probe++) {
    place = Math.imul(place, spread);
    // The highest nine bits of the product depend on all bits of the hash, the lowest ones on few.
    bytes[line + (place >>> 26)]! |= 1 << ((place >>> 23) & 7);
  }
}

/**
 * Spreads the hashes over the lines in their own order: hash * lines / 2^32, rounded down. The product is exact in
 * a double, for a filter has at most 2^21 lines.
 */
function lineOf(hash: number, lines: number): number {
  return ((hash >>> 0) * lines * 2 ** -32) | 0;
}
