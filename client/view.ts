import type { Buffer } from "node:buffer";
import { InvalidArgumentError, LimitError } from "../src/lib/errors.ts";
import type { HelloLimits } from "../src/protocol/hello.ts";
import type { Encoder } from "./encoder.ts";
import { CodecError } from "./errors.ts";
import { showKey, type Keys } from "./keys.ts";
import type { Key, KeyKind } from "./options.ts";
import type { Pipeline } from "./pipeline.ts";
import type { RangeCodec } from "./range-codec.ts";

/** How one keyspace sees the store: what its keys and values are as bytes. */
export class View<V, N extends KeyKind = KeyKind> implements Encoder<V> {
  readonly pipeline: Pipeline;
  readonly keys: Keys<N>;
  readonly codec: RangeCodec<V>;

  constructor(pipeline: Pipeline, keys: Keys<N>, codec: RangeCodec<V>) {
    this.pipeline = pipeline;
    this.keys = keys;
    this.codec = codec;
  }

  get limits(): HelloLimits {
    return this.pipeline.limits!;
  }

  encodeKey(key: Key): Uint8Array {
    return this.keys.encode(key, this.limits.keyBytesMax);
  }

  encodeValue(key: Key, value: V): Uint8Array {
    // Checked for every codec: a value that is read as undefined would be no value.
    if (value === undefined)
      throw new InvalidArgumentError(
        `Cannot put ${showKey(key)}: the value is undefined, which stands for "no such key"; delete the key, or store null`,
      );
    let bytes: Uint8Array;
    try {
      bytes = this.codec.encode(value);
    } catch (cause) {
      throw new CodecError(`Cannot encode the value of ${showKey(key)}: ${messageOf(cause)}`, { cause });
    }
    const { valueBytesMax } = this.limits;
    if (bytes.length > valueBytesMax)
      throw new LimitError(`Cannot put ${showKey(key)}: its value's bytes`, bytes.length, valueBytesMax);
    return bytes;
  }

  decodeValue(key: Key, bytes: Buffer, start: number, end: number): V {
    try {
      return this.codec.decodeRange(bytes, start, end);
    } catch (cause) {
      throw new CodecError(
        `Cannot decode the value of ${showKey(key)}: ${messageOf(cause)}; read it with the codec that wrote it`,
        { cause },
      );
    }
  }
}

/** A key that the caller cannot change any more. */
export function ownKey(key: Key): Key {
  return key instanceof Uint8Array ? new Uint8Array(key) : key;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
