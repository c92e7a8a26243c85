import type { VersionedValue } from "./answers.ts";
import { getMany } from "./get-many.ts";
import type { Operation } from "./operation.ts";
import { getEntryOperation, getOperation } from "./operations.ts";
import type { CallOptions, Key, KeyKind, KeyspaceOptions } from "./options.ts";
import { EntryScan, type KeyScan, type KeyScanOptions, type Scan, type ScanOptions } from "./scan.ts";
import { ownKey, type View } from "./view.ts";

/** What can be read under one prefix: all of a snapshot's keyspace, and one half of any other. */
export class ReadonlyKeyspace<V, N extends KeyKind = "string"> {
  readonly #view: View<V, N>;

  /** @internal */
  constructor(view: View<V, N>) {
    this.#view = view;
  }

  /** The value of a key, or undefined if there is no such key. */
  get(key: Key, options?: CallOptions): Promise<V | undefined> {
    const view = this.#view;
    return view.read(getOperation as Operation<unknown, V | undefined>, { view, key: ownKey(key) }, options);
  }

  /** The value and the version of a key, or undefined if there is no such key. */
  getEntry(key: Key, options?: CallOptions): Promise<VersionedValue<V> | undefined> {
    const view = this.#view;
    const operation = getEntryOperation as Operation<unknown, VersionedValue<V> | undefined>;
    return view.read(operation, { view, key: ownKey(key) }, options);
  }

  /**
   * The values of many keys, in their order; undefined where there is no such key. Many keys or large values take
   * several requests, between which others may write, except in a snapshot.
   */
  getMany(keys: readonly Key[], options?: CallOptions): Promise<(V | undefined)[]> {
    return getMany(this.#view, keys, options);
  }

  /**
   * The entries of a range, in the order of their keys' bytes, as they were at one moment. With `keysOnly` their values
   * are left out, and are not sent either.
   *
   * @example for await (const { key, value } of users.scan({ start: "m", limit: 100 })) console.log(key, value);
   */
  scan(options: KeyScanOptions): KeyScan<N>;
  scan(options?: ScanOptions): Scan<V, N>;
  scan(options: ScanOptions | KeyScanOptions = {}): Scan<V, N> | KeyScan<N> {
    return new EntryScan(this.#view, options);
  }

  /**
   * A view of the keys that begin with a prefix. Keyspaces nest: prefixes add up.
   *
   * @example const users = snapshot.keyspace<User>("users/");
   */
  keyspace<W = V>(prefix: Key): ReadonlyKeyspace<W, N>;
  keyspace<W = V, M extends KeyKind = N>(prefix: Key, options: KeyspaceOptions<W, M>): ReadonlyKeyspace<W, M>;
  keyspace(prefix: Key, options: KeyspaceOptions<unknown, KeyKind> = {}): ReadonlyKeyspace<unknown, KeyKind> {
    return new ReadonlyKeyspace(this.#view.within(prefix, options));
  }
}
