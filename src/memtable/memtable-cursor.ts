import { compareKeys } from "./compare-keys.ts";
import type { EntryList } from "./entry-list.ts";
import type { OrderedView } from "./ordered-view.ts";

/**
 * Walks over a memtable's keys in their order, either way, and shows of each the newest version up to the one asked
 * for; keys that have none are passed over. Made once and used for many scans; Memtable#cursor makes it.
 *
 * It stays right when the memtable is written to under way: no key comes twice or out of order, every key that was
 * there at the seek comes, and keys that are younger than the seek may come or not. What it shows at once after a
 * write is the record that was there or the one that took its place, until the cursor is moved.
 */
export class MemtableCursor {
  // Invariant: `entry` is -1, or the visible version of the entry at `position` as long as the view has changed
  // `changesSeen` times.
  /** What is seen of the key at the cursor, tombstones too, an entry or an older version; -1 beyond the last. */
  entry = -1;
  readonly #entries: EntryList;
  readonly #bytes: Buffer;
  readonly #view: OrderedView;
  readonly #seqBefore: number;
  readonly #settle: () => void;
  #ageMax = 0;
  #position = 0;
  #changesSeen = 0;
  #reverse = false;

  /** `settle` has the memtable index what was written to it. */
  constructor(entries: EntryList, bytes: Buffer, view: OrderedView, seqBefore: number, settle: () => void) {
    this.#settle = settle;
    this.#entries = entries;
    this.#bytes = bytes;
    this.#view = view;
    this.#seqBefore = seqBefore;
  }

  /** Goes to the first key, or to the last to walk towards the first. Returns whether there is one. */
  seekStart(reverse: boolean, versionMax = Number.MAX_SAFE_INTEGER): boolean {
    const view = this.#view;
    this.#settle();
    view.refresh();
    this.#reverse = reverse;
    this.#ageMax = versionMax - this.#seqBefore;
    return this.#stand(reverse ? view.before(view.end) : view.first());
  }

  /**
   * Goes to the first key that is not before this one, or, in reverse, to the last that is not behind it. Not
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
    this.#settle();
    view.refresh();
    this.#reverse = reverse;
    this.#ageMax = versionMax - this.#seqBefore;
    const bound = view.lowerBound(key, keyStart, keyEnd);
    const found = bound < view.end && this.#isKeyOf(view.entryAt(bound), key, keyStart, keyEnd);
    if (found && inclusive) return this.#stand(bound);
    if (reverse) return this.#stand(view.before(bound));
    return this.#stand(found ? view.after(bound) : bound);
  }

  /** Goes to the next key in the direction of the seek. Returns whether there is one. */
  next(): boolean {
    if (this.entry === -1) return false;
    const view = this.#view;
    if (this.#changesSeen !== view.changes) {
      const keyStart = this.#entries.keyStart(this.entry);
      this.#position = view.lowerBound(this.#bytes, keyStart, keyStart + this.#entries.keyLength(this.entry));
    }
    return this.#stand(this.#following(this.#position));
  }

  /** Stands at the position, or at the next one where something is visible. */
  #stand(from: number): boolean {
    const view = this.#view;
    let position = from;
    this.entry = -1;
    while (position >= 0 && position < view.end) {
      this.entry = this.#entries.visible(view.entryAt(position), this.#ageMax);
      if (this.entry !== -1) break;
      position = this.#following(position);
    }
    this.#position = position;
    this.#changesSeen = view.changes;
    return this.entry !== -1;
  }

  #following(position: number): number {
    return this.#reverse ? this.#view.before(position) : this.#view.after(position);
  }

  #isKeyOf(entry: number, key: Buffer, keyStart: number, keyEnd: number): boolean {
    const start = this.#entries.keyStart(entry);
    const end = start + this.#entries.keyLength(entry);
    return compareKeys(this.#bytes, start, end, key, keyStart, keyEnd) === 0;
  }
}
