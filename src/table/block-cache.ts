import { assert } from "../lib/assert.ts";
import { cacheBytesLimit } from "../lib/limits.ts";
import { BlockBuffer } from "./block-buffer.ts";
import { SparseIndex } from "./sparse-index.ts";
import { blockBytesMax } from "./table-format.ts";

/** What a table knows of its blocks in the cache. Made by BlockCache#register. */
export interface CachedTable {
  readonly id: number;
  /** For each block where it lies in the cache, or notCached: the cache keeps it up to date. */
  readonly places: Int32Array;
}

/** A place is the number of a slot, and in the low bits the length of the block less one. */
const slotShift = 12;
const lengthMask = (1 << slotShift) - 1;

export const notCached = -1;

export function slotOf(place: number): number {
  return place >>> slotShift;
}

/** Where in the bytes of the cache the block of a place begins. */
export function placeStart(place: number): number {
  return place & ~lengthMask;
}

/** Where it ends. */
export function placeEnd(place: number): number {
  return place + 1;
}

const noOwner = -1;

/** Blocks that fit into no slot are single entries; the room for one of this size is kept for the next. */
const asideBytesKept = 256 * 1024;

/**
 * Blocks of all open tables, read and verified, in one buffer of 4096-byte slots. Which one makes room for the next
 * is decided by a CLOCK: a block that was looked up since the hand last came by is passed over once.
 *
 * The directory is an Int32Array for each table. It costs four bytes a block, a thousandth of the data, and a look-up
 * is one read. In an open-addressing hash table it would be three, of memory that is likely in no cache of the
 * processor: at 60 to 100 ns each they would cost more than the search in the block.
 */
export class BlockCache {
  // Invariant: an owned slot holds a verified block of a registered table, whose place names the slot; every other
  // place is notCached.
  /** The slots, one behind the other. */
  readonly bytes: Buffer;
  /** For blocks that fit into no slot. What is there lasts until the next one is read. */
  readonly aside = new BlockBuffer(asideBytesKept);
  /** Of the blocks that were looked up more than once, by slot. */
  readonly sparse: SparseIndex;
  /** Look-ups for single keys. Those of scans are not counted: they say nothing of how well the cache is chosen. */
  hits = 0;
  misses = 0;
  readonly #slotCount: number;
  /** For each slot the id of its table, or noOwner, and the block. */
  readonly #owners: Int32Array;
  readonly #wasUsed: Uint8Array;
  readonly #tables = new Map<number, CachedTable>();
  #hand = 0;
  #lastTableId = 0;

  /** Takes no more than `bytesMax` for blocks, and 3 % of that to find them; with less than 4096 it keeps none. */
  constructor(bytesMax: number) {
    assert(bytesMax >= 0 && bytesMax <= cacheBytesLimit, "the cache stays below its limit");
    this.#slotCount = Math.floor(bytesMax / blockBytesMax);
    this.bytes = Buffer.allocUnsafeSlow(this.#slotCount * blockBytesMax);
    this.#owners = new Int32Array(2 * this.#slotCount).fill(noOwner);
    this.#wasUsed = new Uint8Array(this.#slotCount);
    this.sparse = new SparseIndex(this.#slotCount);
  }

  get memoryBytes(): number {
    const slots = this.bytes.length + this.#owners.byteLength + this.#wasUsed.byteLength;
    return slots + this.sparse.memoryBytes + this.aside.bytes.length;
  }

  register(blockCount: number): CachedTable {
    const id = ++this.#lastTableId;
    assert(id < 2 ** 31, "table ids are never used again, and have 31 bits");
    const table = { id, places: new Int32Array(blockCount).fill(notCached) };
    this.#tables.set(id, table);
    return table;
  }

  /** The table is closed: its blocks are the first to make room for others. */
  forget(table: CachedTable): void {
    assert(this.#tables.delete(table.id), "a table is forgotten once");
    for (const place of table.places) {
      if (place !== notCached) this.#free(place >>> slotShift);
    }
    table.places.fill(notCached);
  }

  /** The place of a block, or notCached. */
  find(table: CachedTable, block: number): number {
    const place = table.places[block]!;
    if (place === notCached) this.misses++;
    else {
      this.hits++;
      this.#wasUsed[place >>> slotShift] = 1;
    }
    return place;
  }

  /** The same for a scan: it takes what is there, and is no reason to keep it. */
  peek(table: CachedTable, block: number): number {
    return table.places[block]!;
  }

  /**
   * Where in `bytes` there is room for a block, after what was there has been forgotten; or -1, if there are no slots.
   * The caller reads the block, verifies it, and then calls `keep`.
   */
  makeRoom(): number {
    const slotCount = this.#slotCount;
    if (slotCount === 0) return -1;
    let slot = this.#hand;
    while (this.#wasUsed[slot] === 1) {
      this.#wasUsed[slot] = 0;
      slot = slot + 1 === slotCount ? 0 : slot + 1;
    }
    this.#hand = slot + 1 === slotCount ? 0 : slot + 1;
    const owner = this.#owners[2 * slot]!;
    if (owner !== noOwner) {
      this.#tables.get(owner)!.places[this.#owners[2 * slot + 1]!] = notCached;
      this.#free(slot);
    }
    return slot << slotShift;
  }

  /**
   * A verified block of `length` bytes lies where makeRoom said. It stays for one round of the hand, and for another
   * each time that it was looked up meanwhile.
   */
  keep(table: CachedTable, block: number, start: number, length: number): void {
    assert(length > 0 && length <= blockBytesMax, "a block in a slot fits into it");
    const slot = start >>> slotShift;
    this.sparse.forget(slot);
    table.places[block] = start | (length - 1);
    this.#owners[2 * slot] = table.id;
    this.#owners[2 * slot + 1] = block;
  }

  assertInvariants(): void {
    assert(this.#hand >= 0 && this.#hand <= Math.max(0, this.#slotCount - 1), "the hand points at a slot");
    let owned = 0;
    for (let slot = 0; slot < this.#slotCount; slot++) {
      const owner = this.#owners[2 * slot]!;
      if (owner === noOwner) assert(this.#wasUsed[slot] === 0, "a free slot is not passed over");
      else {
        owned++;
        const place = this.#tables.get(owner)?.places[this.#owners[2 * slot + 1]!];
        assert(place !== undefined && place >>> slotShift === slot, "the table of a block knows its slot");
      }
    }
    let placed = 0;
    for (const { places } of this.#tables.values()) {
      placed += places.filter((place) => place !== notCached).length;
    }
    assert(placed === owned, "a table knows no slot that it does not own");
  }

  #free(slot: number): void {
    this.#owners[2 * slot] = noOwner;
    this.#owners[2 * slot + 1] = noOwner;
    this.#wasUsed[slot] = 0;
  }
}
