import { assert } from "../lib/assert.ts";
import { type Random, randomBelow, randomBytes } from "../lib/random.ts";
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

  /** What may be left if the power goes now. `stale` gives a sector of what files hold, or held once. */
  afterPowerCut(random: Random, stale: () => Uint8Array): MemoryContent {
    const after = this.#disk.copy();
    if (this.#pending.length === 0) return new MemoryContent(after);
    // How bad it is is drawn first: sectors drawn alike would make the nearly whole and the nearly lost file rare.
    const survivePercent = [0, 10, 50, 90, 100][randomBelow(random, 5)]!;
    const garbagePercent = [0, 0, 10, 50][randomBelow(random, 4)]!;
    for (const [sector, changes] of this.#changesBySector()) {
      const survives = randomBelow(random, 100) < survivePercent;
      const kept = survives ? changes.length : randomBelow(random, changes.length);
      const bytes = this.#disk.sector(sector);
      for (const change of changes.slice(0, kept)) applyToSector(change, sector, bytes);
      if (randomBelow(random, 100) < garbagePercent) {
        const garbage = randomBelow(random, 2) === 0 ? stale() : randomBytes(random, sectorBytes);
        for (const change of changes) spoilSector(change, sector, bytes, garbage);
      }
      after.write(bytes, sector * sectorBytes);
    }
    after.resize(this.#sizeAfterPowerCut(random));
    return new MemoryContent(after);
  }

  /** Any sector of the file as it is now. */
  someSector(random: Random): Uint8Array {
    return this.#cache.sector(randomBelow(random, Math.max(1, Math.ceil(this.#cache.size / sectorBytes))));
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

  /** Any size that the file had since it was synced, and any on the way where it grew. */
  #sizeAfterPowerCut(random: Random): number {
    const kept = randomBelow(random, this.#pending.length + 1);
    let size = this.#disk.size;
    let before = size;
    for (const change of this.#pending.slice(0, kept)) {
      before = size;
      size = sizeAfter(change, size);
    }
    if (size <= before || randomBelow(random, 2) === 0) return size;
    return before + randomBelow(random, size - before);
  }
}
