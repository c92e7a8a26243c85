import type { Codec } from "./codec.ts";
import { BytesCodec, JsonCodec, MsgpackCodec, StringCodec } from "./range-codec.ts";

const msgpackCodec = new MsgpackCodec();
const jsonCodec = new JsonCodec();

/**
 * How values become bytes. Both sides of a key must agree on it: the store keeps bytes and does not know.
 *
 * @example const users = db.keyspace("users/", { codec: codecs.json<User>() });
 */
export const codecs: {
  /**
   * The default: null, booleans, numbers, bigints of 64 bits, strings, Uint8Array, Date, arrays and plain objects.
   * What would come back as something else (Map, Set, Error, Promise, other typed arrays, functions, symbols) is
   * refused. Properties that are undefined are left out; undefined in an array becomes null. An instance of a class
   * comes back as a plain object. Other languages read it as plain msgpack.
   */
  readonly msgpack: <T = unknown>() => Codec<T>;
  /** The bytes themselves. What is read is a copy of its own. */
  readonly bytes: Codec<Uint8Array>;
  /** Text as UTF-8. Bytes that are no UTF-8 are refused when they are read. */
  readonly string: Codec<string>;
  /** What JSON.stringify and JSON.parse make of it. */
  readonly json: <T = unknown>() => Codec<T>;
} = {
  msgpack: <T>() => msgpackCodec as unknown as Codec<T>,
  bytes: new BytesCodec(),
  string: new StringCodec(),
  json: <T>() => jsonCodec as unknown as Codec<T>,
};
