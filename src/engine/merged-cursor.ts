import { compareKeys } from "../memtable/compare-keys.ts";
import type { MemtableCursor } from "../memtable/memtable-cursor.ts";
import type { Memtable } from "../memtable/memtable.ts";

/** Where a walk begins: behind or before everything, at a key, or next to it. */
export interface SeekBound {
  key: Buffer;
  inclusive: boolean;
}

/**
 * Walks over several memtables as over one: in the order of the keys, each key once, with its newest entry,
 * tombstones too. A heap of one cursor a memtable; of equal keys the newest memtable's comes first, and the others
 * are passed over.
 */
export class MergedCursor {
  /** The memtable and entry at the cursor, once `next` has said true. */
  memtable: Memtable | undefined;
  entry = -1;
  readonly #reverse: boolean;
  // A binary heap: no source comes after its children (2i + 1, 2i + 2) in the order of the walk.
  readonly #heap: Source[] = [];

  /** `tables` from the oldest to the newest; `from` undefined: from the very first, or in reverse the last, key. */
  constructor(tables: readonly Memtable[], from: SeekBound | undefined, reverse: boolean) {
    this.#reverse = reverse;
    for (let age = 0; age < tables.length; age++) {
      const memtable = tables[age]!;
      const cursor = memtable.cursor();
      const found =
        from === undefined
          ? cursor.seekStart(reverse)
          : cursor.seek(from.key, 0, from.key.length, reverse, from.inclusive);
      if (found) this.#heap.push({ memtable, cursor, age });
    }
    for (let index = (this.#heap.length >> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  /** Goes to the next key; false after the last. */
  next(): boolean {
    const { memtable, entry } = this;
    if (memtable !== undefined) {
      const { bytes } = memtable;
      const keyStart = memtable.keyStart(entry);
      const keyEnd = memtable.keyEnd(entry);
      while (this.#heap.length > 0 && this.#firstHasKey(bytes, keyStart, keyEnd)) this.#advanceFirst();
    }
    const first = this.#heap[0];
    this.memtable = first?.memtable;
    this.entry = first?.cursor.entry ?? -1;
    return first !== undefined;
  }

  #firstHasKey(bytes: Buffer, keyStart: number, keyEnd: number): boolean {
    const { memtable, cursor } = this.#heap[0]!;
    const start = memtable.keyStart(cursor.entry);
    const end = memtable.keyEnd(cursor.entry);
    return compareKeys(memtable.bytes, start, end, bytes, keyStart, keyEnd) === 0;
  }

  #advanceFirst(): void {
    if (!this.#heap[0]!.cursor.next()) {
      const last = this.#heap.pop()!;
      if (this.#heap.length === 0) return;
      this.#heap[0] = last;
    }
    this.#sink(0);
  }

  #sink(index: number): void {
    const heap = this.#heap;
    for (;;) {
      let first = index;
      const left = 2 * index + 1;
      if (left < heap.length && this.#isBefore(heap[left]!, heap[first]!)) first = left;
      if (left + 1 < heap.length && this.#isBefore(heap[left + 1]!, heap[first]!)) first = left + 1;
      if (first === index) return;
      const source = heap[index]!;
      heap[index] = heap[first]!;
      heap[first] = source;
      index = first;
    }
  }

  #isBefore(a: Source, b: Source): boolean {
    const order = compareKeys(
      a.memtable.bytes,
      a.memtable.keyStart(a.cursor.entry),
      a.memtable.keyEnd(a.cursor.entry),
      b.memtable.bytes,
      b.memtable.keyStart(b.cursor.entry),
      b.memtable.keyEnd(b.cursor.entry),
    );
    if (order === 0) return a.age > b.age;
    return this.#reverse ? order > 0 : order < 0;
  }
}

interface Source {
  memtable: Memtable;
  cursor: MemtableCursor;
  age: number;
}
