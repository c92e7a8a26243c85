import type { Key } from "./options.ts";

/** How a keyspace turns what its callers write into bytes: all that a batch over several keyspaces needs of them. */
export interface Encoder<V> {
  /** Valid until the next key is encoded, by whatever keyspace. */
  encodeKey(key: Key): Uint8Array;
  /** The key is for messages. */
  encodeValue(key: Key, value: V): Uint8Array;
}

/** Where a keyspace shows its encoder: a symbol, because only a batch has a use for it. */
export const encoderOf: unique symbol = Symbol("encoder");

export interface Encoding<V> {
  readonly [encoderOf]: Encoder<V>;
}
