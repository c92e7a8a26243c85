import { assert } from "../lib/assert.ts";
import type { CrashChoices, PendingSector, SectorSource } from "./crash-choices.ts";
import {
  applyToSector,
  type Change,
  Image,
  sectorBytes,
  sizeAfter,
  spoilSector,
  touchedRange,
} from "./memory-image.ts";

/** What the page cache shows after a sync has failed: what was written, what the disk has, or zeros. */
export type CacheAfterLoss = "new" | "old" | "hole";

/**
 * The bytes of one file, twice: as every reader sees them (cache) and as a power cut leaves them (disk). Between
 * the two lie the changes that no sync has covered yet, in order.
 *
 * Invariant: while nothing was lost, cache = disk + pending changes.
 */
export class MemoryContent {
  #cache: Image;
  #disk: Image;
  #pending: Change[] = [];
  /** Changes that left `pending`, so that a sync can say which of them it covers by their number. */
  #settledCount = 0;
  #lossCount = 0;

  constructor(disk = new Image()) {
    this.#disk = disk;
    this.#cache = disk.copy();
  }

  get size(): number {
    return this.#cache.size;
  }

  read(target: Uint8Array, position: number): number {
    return this.#cache.read(target, position);
  }

  write(source: Uint8Array, position: number): void {
    // Not slice(): that of a Buffer is a view, and the caller's later bytes would be synced.
    if (source.length > 0) this.#change({ kind: "write", position, bytes: new Uint8Array(source) });
  }

  truncate(bytes: number): void {
    this.#change({ kind: "resize", bytes });
  }

  /**
   * Captures what a sync covers that begins now. The answer ends that sync: it makes the captured changes durable,
   * or says false because some were lost meanwhile.
   */
  beginSync(): () => boolean {
    const captured = this.#settledCount + this.#pending.length;
    const losses = this.#lossCount;
    return () => {
      if (losses !== this.#lossCount) return false;
      this.#settle(captured - this.#settledCount);
      return true;
    };
  }

  /** A sync has failed: all pending changes count as clean from now on, though they never reached the disk. */
  loseUnsynced(cacheAfter: CacheAfterLoss): void {
    const sizeBefore = this.#cache.size;
    this.#settledCount += this.#pending.length;
    this.#pending = [];
    this.#lossCount++;
    if (cacheAfter !== "new") this.#cache = this.#disk.copy();
    // The size is no page: it stays dirty, and a later sync may make the file longer than what it holds.
    if (cacheAfter !== "old" && sizeBefore !== this.#disk.size)
      this.#change({ kind: "resize", bytes: sizeBefore });
  }

  /** The same content for another file system, what is pending included. */
  copy(): MemoryContent {
    const copy = new MemoryContent(this.#disk.copy());
    copy.#cache = this.#cache.copy();
    copy.#pending = [...this.#pending];
    return copy;
  }

  /** What is left if the power goes before anything pending was written. */
  afterLosingAll(): MemoryContent {
    return new MemoryContent(this.#disk.copy());
  }

  /** What may be left if the power goes now. `staleSources`: files whose sectors may turn up in this one. */
  afterPowerCut(choices: CrashChoices, staleSources: readonly SectorSource[]): MemoryContent {
    const after = this.#disk.copy();
    if (this.#pending.length === 0) return new MemoryContent(after);
    const file = choices.file(this.#sizesSinceSync());
    for (const [number, changes] of this.#changesBySector()) {
      after.write(file.sector(this.#pendingSector(number, changes, staleSources)), number * sectorBytes);
    }
    after.resize(file.size());
    return new MemoryContent(after);
  }

  /** What blocks may still hold that no file has any more. */
  afterForgetting(): MemoryContent {
    return new MemoryContent(this.#cache.copy());
  }

  /** A copy of one sector of the file as it is now. */
  sector(number: number): Uint8Array {
    return this.#cache.sector(number);
  }

  /** The same for equal bytes. */
  hash(): bigint {
    return this.#cache.hash();
  }

  #change(change: Change): void {
    this.#cache.apply(change);
    this.#pending.push(change);
  }

  /** A sync that began later but ended earlier may have settled them already. */
  #settle(count: number): void {
    if (count <= 0) return;
    assert(count <= this.#pending.length, "a sync covers only changes that were made");
    for (const change of this.#pending.splice(0, count)) this.#disk.apply(change);
    this.#settledCount += count;
  }

  #changesBySector(): Map<number, Change[]> {
    const bySector = new Map<number, Change[]>();
    let size = this.#disk.size;
    for (const change of this.#pending) {
      const [start, end] = touchedRange(change, size);
      for (let sector = Math.floor(start / sectorBytes); sector * sectorBytes < end; sector++) {
        const changes = bySector.get(sector);
        if (changes === undefined) bySector.set(sector, [change]);
        else changes.push(change);
      }
      size = sizeAfter(change, size);
    }
    return bySector;
  }

  #pendingSector(
    number: number,
    changes: readonly Change[],
    staleSources: readonly SectorSource[],
  ): PendingSector {
    return {
      number,
      changeCount: changes.length,
      after: (count) => {
        const bytes = this.#disk.sector(number);
        for (const change of changes.slice(0, count)) applyToSector(change, number, bytes);
        return bytes;
      },
      spoil: (bytes, garbage) => {
        for (const change of changes) spoilSector(change, number, bytes, garbage);
      },
      staleSources,
    };
  }

  #sizesSinceSync(): number[] {
    const sizes = [this.#disk.size];
    for (const change of this.#pending) sizes.push(sizeAfter(change, sizes.at(-1)!));
    return sizes;
  }
}
