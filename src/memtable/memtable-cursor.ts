import { compareKeys } from "./compare-keys.ts";
import type { EntryList } from "./entry-list.ts";
import type { OrderedView } from "./ordered-view.ts";

/**
 * Walks over a memtable's entries in the order of their keys, either way. Made once and used for many scans;
 * Memtable#cursor makes it.
 *
 * It stays right when the memtable is written to under way: what it says of an entry is then the newest record,
 * no key comes twice or out of order, every key that was there at the seek comes, and keys that are younger than
 * the seek may come or not.
 */
export class MemtableCursor {
  // Invariant: `newest` is -1, or the entry at `position` as long as the view has changed `changesSeen` times; and
  // `entry` is -1 together with it, or the newest version of it that is not younger than ageMax.
  /** What the reader sees at the cursor, tombstones too: an entry, or an older version of one; -1 beyond the last. */
  entry = -1;
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  readonly #view: OrderedView;
  readonly #seqBefore: number;
  #newest = -1;
  #ageMax = 0;
  #position = 0;
  #changesSeen = 0;
  #reverse = false;

  constructor(entries: EntryList, bytes: Buffer, view: OrderedView, seqBefore: number) {
    this.#entries = entries;
    this.#bytes = bytes;
    this.#view = view;
    this.#seqBefore = seqBefore;
  }

  /**
   * Goes to the first entry, or to the last to walk towards the first. Returns whether there is one. Keys that had no
   * version up to `versionMax` are passed over.
   */
  seekStart(reverse: boolean, versionMax = Number.MAX_SAFE_INTEGER): boolean {
    const view = this.#view;
    view.refresh();
    this.#reverse = reverse;
    this.#ageMax = versionMax - this.#seqBefore;
    return this.#stand(reverse ? view.before(view.end) : 0);
  }

  /**
   * Goes to the first entry that is not before the key, or, in reverse, to the last that is not behind it. Not
   * inclusive: never to the key itself. Returns whether there is one. The key need not be there, and its buffer is
   * not used after the call.
   */
  seek(
    key: Buffer,
    keyStart: number,
    keyEnd: number,
    reverse: boolean,
    inclusive: boolean,
    versionMax = Number.MAX_SAFE_INTEGER,
  ): boolean {
    const view = this.#view;
    view.refresh();
    this.#reverse = reverse;
    this.#ageMax = versionMax - this.#seqBefore;
    const bound = view.lowerBound(key, keyStart, keyEnd);
    const found = bound < view.end && this.#isKeyOf(view.entryAt(bound), key, keyStart, keyEnd);
    if (found && inclusive) return this.#stand(bound);
    if (reverse) return this.#stand(view.before(bound));
    return this.#stand(found ? view.after(bound) : bound);
  }

  /** Goes to the next entry in the direction of the seek. Returns whether there is one. */
  next(): boolean {
    if (this.#newest === -1) return false;
    const view = this.#view;
    if (this.#changesSeen !== view.changes) {
      const keyStart = this.#entries.keyStart(this.#newest);
      const keyEnd = keyStart + this.#entries.keyLength(this.#newest);
      this.#position = view.lowerBound(this.#bytes, keyStart, keyEnd);
    }
    return this.#stand(this.#following(this.#position));
  }

  #following(position: number): number {
    return this.#reverse ? this.#view.before(position) : this.#view.after(position);
  }

  #stand(from: number): boolean {
    const view = this.#view;
    this.#changesSeen = view.changes;
    for (let position = from; position >= 0 && position < view.end; position = this.#following(position)) {
      this.#newest = view.entryAt(position);
      this.entry = this.#visible(this.#newest);
      if (this.entry === -1) continue;
      this.#position = position;
      return true;
    }
    this.#newest = this.entry = -1;
    return false;
  }

  #visible(entry: number): number {
    let id = entry;
    while (id !== -1 && this.#entries.age(id) > this.#ageMax) id = this.#entries.older(id);
    return id;
  }

  #isKeyOf(entry: number, key: Buffer, keyStart: number, keyEnd: number): boolean {
    const start = this.#entries.keyStart(entry);
    const end = start + this.#entries.keyLength(entry);
    return compareKeys(this.#bytes, start, end, key, keyStart, keyEnd) === 0;
  }
}
