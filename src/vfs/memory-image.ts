import { assert } from "../lib/assert.ts";

/** What a disk writes whole or not at all. Larger sectors exist; the smallest is the least kind to us. */
export const sectorBytes = 512;

/** One write, or one change of the size, as the kernel keeps it until somebody syncs. */
export type Change =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "resize"; readonly bytes: number };

export function sizeAfter(change: Change, size: number): number {
  if (change.kind === "resize") return change.bytes;
  return Math.max(size, change.position + change.bytes.length);
}

/** The range whose content a change decides, in a file that had `size` bytes before it. */
export function touchedRange(change: Change, size: number): readonly [start: number, end: number] {
  if (change.kind === "resize") return [change.bytes, Math.max(change.bytes, size)];
  return [change.position, change.position + change.bytes.length];
}

/**
 * The bytes of a file as one observer sees them. Beyond the size everything is zero. Copies share their bytes until one
 * of them changes: of the files of a disk that is copied again and again, most never do.
 */
export class Image {
  #bytes = new Uint8Array(0);
  #size = 0;
  #isShared = false;
  #hash: bigint | undefined;

  get size(): number {
    return this.#size;
  }

  read(target: Uint8Array, position: number): number {
    const source = this.#bytes
      .subarray(Math.min(position, this.#size), this.#size)
      .subarray(0, target.length);
    target.set(source);
    return source.length;
  }

  write(source: Uint8Array, position: number): void {
    if (position + source.length > this.#size) this.resize(position + source.length);
    this.#own();
    this.#bytes.set(source, position);
  }

  resize(bytes: number): void {
    if (bytes < this.#size) {
      this.#own();
      this.#bytes.fill(0, bytes, this.#size);
    }
    if (bytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(bytes, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#isShared = false;
    }
    this.#size = bytes;
    this.#hash = undefined;
  }

  apply(change: Change): void {
    if (change.kind === "write") this.write(change.bytes, change.position);
    else this.resize(change.bytes);
  }

  /** A copy of one sector, zero beyond the end. */
  sector(number: number): Uint8Array {
    const bytes = new Uint8Array(sectorBytes);
    this.read(bytes, number * sectorBytes);
    return bytes;
  }

  copy(): Image {
    const copy = new Image();
    this.#isShared = copy.#isShared = true;
    copy.#bytes = this.#bytes;
    copy.#size = this.#size;
    copy.#hash = this.#hash;
    return copy;
  }

  /** 64 bits that are the same for equal bytes. */
  hash(): bigint {
    return (this.#hash ??= BigInt(Bun.hash(this.#bytes.subarray(0, this.#size))));
  }

  /** Before a byte changes. */
  #own(): void {
    this.#hash = undefined;
    if (!this.#isShared) return;
    this.#bytes = this.#bytes.slice();
    this.#isShared = false;
  }
}

/** Makes `change` in the copy of one sector. */
export function applyToSector(change: Change, sector: number, bytes: Uint8Array): void {
  const start = sector * sectorBytes;
  if (change.kind === "resize") {
    if (change.bytes < start + sectorBytes) bytes.fill(0, Math.max(0, change.bytes - start));
    return;
  }
  copyOverlap(change, sector, bytes, (from, to) =>
    change.bytes.subarray(from - change.position, to - change.position),
  );
}

/** Puts garbage where `change` writes in the copy of one sector: the bytes beside it are not the write's to spoil. */
export function spoilSector(change: Change, sector: number, bytes: Uint8Array, garbage: Uint8Array): void {
  assert(garbage.length === sectorBytes, "garbage comes in sectors");
  const start = sector * sectorBytes;
  copyOverlap(change, sector, bytes, (from, to) => garbage.subarray(from - start, to - start));
}

function copyOverlap(
  change: Change,
  sector: number,
  bytes: Uint8Array,
  source: (from: number, to: number) => Uint8Array,
): void {
  if (change.kind === "resize") return;
  const start = sector * sectorBytes;
  const from = Math.max(start, change.position);
  const to = Math.min(start + sectorBytes, change.position + change.bytes.length);
  if (from < to) bytes.set(source(from, to), from - start);
}
