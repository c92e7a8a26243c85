/**
 * Turns the values of a view into bytes and back. `encode` and `decode` are called once per value; what they throw
 * reaches the caller as a CodecError. The bytes given to `decode` are a copy that is yours to keep, and the bytes
 * that `encode` returns are copied before the call returns.
 */
export interface Codec<V> {
  encode(value: V): Uint8Array;
  decode(bytes: Uint8Array): V;
}
