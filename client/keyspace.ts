import type { VersionedValue, Written } from "./answers.ts";
import { Batch } from "./batch.ts";
import type { Codec } from "./codec.ts";
import { encoderOf, type Encoder, type Encoding } from "./encoder.ts";
import { getMany } from "./get-many.ts";
import type { Operation } from "./operation.ts";
import { deleteOperation, getEntryOperation, getOperation, putOperation } from "./operations.ts";
import type { CallOptions, DeleteOptions, Key, KeyKind, PutOptions } from "./options.ts";
import { rangeCodec } from "./range-codec.ts";
import { Scan, type ScanOptions } from "./scan.ts";
import { ifVersionOf } from "./settings.ts";
import { ownKey, View } from "./view.ts";

/** What a keyspace can be told that its parent does otherwise. */
export interface KeyspaceOptions<V, N extends KeyKind> {
  /** How its values become bytes. Default: as in the keyspace around it. */
  codec?: Codec<V> | undefined;
  /** How the keys of its scans come back. Default: as in the keyspace around it. */
  keys?: N | undefined;
}

/**
 * Entries under one prefix, with values of one type. The prefix is added to every key that goes out and taken off
 * every key that comes back. It is a view: making one costs nothing, and sends nothing.
 *
 * All calls made in one tick leave in one write, and the server carries them out in their order. Each promise settles:
 * by the answer, by the deadline, by the signal, or when the client is closed. Whatever is wrong with the arguments
 * rejects the promise, with an InvalidArgumentError, a LimitError, or a CodecError; nothing was sent then.
 */
export class Keyspace<V, N extends KeyKind = "string"> implements Encoding<V> {
  readonly #view: View<V, N>;

  /** @internal */
  constructor(view: View<V, N>) {
    this.#view = view;
  }

  /** The value of a key, or undefined if there is no such key. */
  get(key: Key, options?: CallOptions): Promise<V | undefined> {
    const view = this.#view;
    return view.pipeline.call(
      getOperation as Operation<unknown, V | undefined>,
      { view, key: ownKey(key) },
      options,
    );
  }

  /** The value and the version of a key, or undefined if there is no such key. */
  getEntry(key: Key, options?: CallOptions): Promise<VersionedValue<V> | undefined> {
    const view = this.#view;
    const operation = getEntryOperation as Operation<unknown, VersionedValue<V> | undefined>;
    return view.pipeline.call(operation, { view, key: ownKey(key) }, options);
  }

  /**
   * The values of many keys, in their order; undefined where there is no such key. Many keys or large values take
   * several requests, between which others may write.
   */
  getMany(keys: readonly Key[], options?: CallOptions): Promise<(V | undefined)[]> {
    return getMany(this.#view, keys, options);
  }

  /**
   * Stores a value. Resolves once it is durable, as far as `db.syncMode` promises.
   *
   * Rejects with a ConflictError when the condition does not hold; with an UnknownOutcomeError when it was sent and no
   * answer came, so that it may have happened or not. Every other error means that it certainly did not happen.
   */
  put(key: Key, value: V, options?: PutOptions): Promise<Written> {
    const view = this.#view;
    try {
      const ifVersion = ifVersionOf(options);
      const bytes = view.encodeValue(key, value);
      return view.pipeline.call(putOperation, { view, key: ownKey(key), value: bytes, ifVersion }, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Deletes a key, which need not exist, and answers the version of the deletion. Rejects as `put` does. */
  delete(key: Key, options?: DeleteOptions): Promise<Written> {
    const view = this.#view;
    try {
      return view.pipeline.call(
        deleteOperation,
        { view, key: ownKey(key), ifVersion: ifVersionOf(options) },
        options,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Begins a batch: puts and deletes that happen all or not at all. */
  batch(): Batch<V> {
    return new Batch(this.#view.pipeline, this.#view);
  }

  /**
   * The entries of a range, in the order of their keys' bytes.
   *
   * @example for await (const { key, value } of users.scan({ start: "m", limit: 100 })) console.log(key, value);
   */
  scan(options: ScanOptions = {}): Scan<V, N> {
    return new Scan(this.#view, options);
  }

  /**
   * A view of the keys that begin with a prefix. Keyspaces nest: prefixes add up.
   *
   * @example const users = db.keyspace<User>("users/");
   */
  keyspace<W = V>(prefix: Key): Keyspace<W, N>;
  keyspace<W = V, M extends KeyKind = N>(prefix: Key, options: KeyspaceOptions<W, M>): Keyspace<W, M>;
  keyspace(prefix: Key, options: KeyspaceOptions<unknown, KeyKind> = {}): Keyspace<unknown, KeyKind> {
    const { pipeline, keys, codec } = this.#view;
    const own = options.codec === undefined ? codec : rangeCodec(options.codec);
    return new Keyspace(new View(pipeline, keys.within(prefix, options.keys ?? keys.kind), own));
  }

  /** For batches over several keyspaces. */
  get [encoderOf](): Encoder<V> {
    return this.#view;
  }
}
