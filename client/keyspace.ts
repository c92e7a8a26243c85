import type { Written } from "./answers.ts";
import { Batch } from "./batch.ts";
import { encoderOf, type Encoder, type Encoding } from "./encoder.ts";
import { deleteOperation, putOperation } from "./operations.ts";
import type { DeleteOptions, Key, KeyKind, KeyspaceOptions, PutOptions } from "./options.ts";
import { ReadonlyKeyspace } from "./readonly-keyspace.ts";
import { ifVersionOf } from "./settings.ts";
import { ownKey, type View } from "./view.ts";

/**
 * Entries under one prefix, with values of one type. The prefix is added to every key that goes out and taken off
 * every key that comes back. It is a view: making one costs nothing, and sends nothing.
 *
 * All calls made in one tick leave in one write, and the server carries them out in their order. Each promise settles:
 * by the answer, by the deadline, by the signal, or when the client is closed. Whatever is wrong with the arguments
 * rejects the promise, with an InvalidArgumentError, a LimitError, or a CodecError; nothing was sent then.
 */
export class Keyspace<V, N extends KeyKind = "string"> extends ReadonlyKeyspace<V, N> implements Encoding<V> {
  readonly #view: View<V, N>;

  /** @internal */
  constructor(view: View<V, N>) {
    super(view);
    this.#view = view;
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
      const prepared = view.prepareValue(key, value);
      const args = { view, key: ownKey(key), value: prepared, ifVersion };
      return view.pipeline.call(putOperation, args, options);
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
   * A view of the keys that begin with a prefix. Keyspaces nest: prefixes add up.
   *
   * @example const users = db.keyspace<User>("users/");
   */
  override keyspace<W = V>(prefix: Key): Keyspace<W, N>;
  override keyspace<W = V, M extends KeyKind = N>(
    prefix: Key,
    options: KeyspaceOptions<W, M>,
  ): Keyspace<W, M>;
  override keyspace(
    prefix: Key,
    options: KeyspaceOptions<unknown, KeyKind> = {},
  ): Keyspace<unknown, KeyKind> {
    return new Keyspace(this.#view.within(prefix, options));
  }

  /** For batches over several keyspaces. */
  get [encoderOf](): Encoder<V> {
    return this.#view;
  }
}
