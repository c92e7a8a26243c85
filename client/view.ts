import type { Buffer } from "node:buffer";
import { InvalidArgumentError, LimitError } from "../src/lib/errors.ts";
import type { HelloLimits } from "../src/protocol/hello.ts";
import { newestState } from "../src/protocol/opcodes.ts";
import type { Encoder } from "./encoder.ts";
import { ClosedError, CodecError } from "./errors.ts";
import { showKey, type Keys } from "./keys.ts";
import type { Operation } from "./operation.ts";
import type { CallOptions, Key, KeyKind, KeyspaceOptions } from "./options.ts";
import type { Pipeline } from "./pipeline.ts";
import { rangeCodec, type RangeCodec } from "./range-codec.ts";
import type { SnapshotLease } from "./snapshot-lease.ts";
import { straightTextUnitsMax, textValueBytesMax } from "./text-values.ts";

/** How one keyspace sees the store: what its keys and values are as bytes, and which state of it is read. */
export class View<V, N extends KeyKind = KeyKind> implements Encoder<V> {
  readonly pipeline: Pipeline;
  readonly keys: Keys<N>;
  readonly codec: RangeCodec<V>;
  /** The snapshot that is read; without one, the newest state. */
  readonly #lease: SnapshotLease | undefined;

  constructor(pipeline: Pipeline, keys: Keys<N>, codec: RangeCodec<V>, lease?: SnapshotLease) {
    this.pipeline = pipeline;
    this.keys = keys;
    this.codec = codec;
    this.#lease = lease;
  }

  /** The same view of a snapshot. */
  at(lease: SnapshotLease): View<V, N> {
    return new View(this.pipeline, this.keys, this.codec, lease);
  }

  /** A view of the keys behind a prefix, and otherwise the same. */
  within(prefix: Key, options: KeyspaceOptions<unknown, KeyKind>): View<unknown, KeyKind> {
    const { pipeline, keys } = this;
    const codec = options.codec === undefined ? this.codec : rangeCodec(options.codec);
    return new View<unknown, KeyKind>(
      pipeline,
      keys.within(prefix, options.keys ?? keys.kind),
      codec as RangeCodec<unknown>,
      this.#lease,
    );
  }

  get snapshotId(): number {
    return this.#lease?.id ?? newestState;
  }

  /** Makes a call that reads this view. */
  read<Args, Answer>(
    operation: Operation<Args, Answer>,
    args: Args,
    options: CallOptions | undefined,
  ): Promise<Answer> {
    if (this.#lease?.isClosed === true)
      return Promise.reject(
        new ClosedError(`Cannot ${operation.describe(args)}: the snapshot was closed; open another`),
      );
    return this.pipeline.call(operation, args, options);
  }

  get limits(): HelloLimits {
    return this.pipeline.limits!;
  }

  encodeKey(key: Key): Uint8Array {
    return this.keys.encode(key, this.limits.keyBytesMax);
  }

  /** A value as a call takes it along: short text as it is, because it is written straight into the frame later. */
  prepareValue(key: Key, value: V): Uint8Array | string {
    if (
      typeof value === "string" &&
      this.codec.textHead !== undefined &&
      value.length <= straightTextUnitsMax &&
      textValueBytesMax(value) <= this.limits.valueBytesMax
    )
      return value;
    return this.encodeValue(key, value);
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
