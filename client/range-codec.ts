import { Buffer } from "node:buffer";
import { Packr, Unpackr } from "msgpackr";
import type { Codec } from "./codec.ts";
import { checkMsgpack, checkStorable } from "./msgpack-check.ts";
import { notPlain, readPlainValue } from "./plain-values.ts";
import { readText, type TextHead } from "./text-values.ts";

/**
 * A codec that reads its value from where it was received: no view and no copy, unless the value is bytes itself. And
 * one whose values may be text can have short ones written straight into a frame.
 */
export abstract class RangeCodec<V> implements Codec<V> {
  /** What stands in front of a value that is text: nothing, or the head of a msgpack str. */
  readonly textHead: TextHead | undefined = undefined;

  abstract encode(value: V): Uint8Array;
  abstract decodeRange(bytes: Buffer, start: number, end: number): V;

  decode(bytes: Uint8Array): V {
    return this.decodeRange(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
  }
}

/** Any codec as one that reads ranges: a caller's own gets a copy, and so never sees or keeps the socket's buffer. */
export function rangeCodec<V>(codec: Codec<V>): RangeCodec<V> {
  return codec instanceof RangeCodec ? codec : new CopyingCodec(codec);
}

class CopyingCodec<V> extends RangeCodec<V> {
  readonly #codec: Codec<V>;

  constructor(codec: Codec<V>) {
    super();
    this.#codec = codec;
  }

  encode(value: V): Uint8Array {
    const bytes = this.#codec.encode(value);
    if (!(bytes instanceof Uint8Array)) throw new TypeError("encode of the codec returned no Uint8Array");
    return bytes;
  }

  decodeRange(bytes: Buffer, start: number, end: number): V {
    return this.#codec.decode(new Uint8Array(bytes.subarray(start, end)));
  }
}

/**
 * msgpackr, confined: its extensions can build objects of many classes and define records that later bytes are read
 * by, so the bytes are checked to have none of that before it sees them, and values before it writes them.
 */
export class MsgpackCodec extends RangeCodec<unknown> {
  override readonly textHead = "msgpack";
  readonly #packr = new Packr({
    useRecords: false,
    variableMapSize: true,
    encodeUndefinedAsNil: true,
    ...{ skipValues: [undefined] },
  });
  readonly #unpackr = new Unpackr({
    useRecords: false,
    mapsAsObjects: true,
    structuredClone: false,
    copyBuffers: true,
    int64AsType: "bigint",
  });

  encode(value: unknown): Uint8Array {
    checkStorable(value);
    return this.#packr.pack(value);
  }

  decodeRange(bytes: Buffer, start: number, end: number): unknown {
    const plain = readPlainValue(bytes, start, end);
    if (plain !== notPlain) return plain;
    checkMsgpack(bytes, start, end);
    return this.#unpackr.unpack(bytes, { start, end });
  }
}

export class BytesCodec extends RangeCodec<Uint8Array> {
  encode(value: Uint8Array): Uint8Array {
    if (!(value instanceof Uint8Array)) throw new TypeError(`a Uint8Array is wanted, not a ${typeof value}`);
    return value;
  }

  decodeRange(bytes: Buffer, start: number, end: number): Uint8Array {
    return new Uint8Array(bytes.subarray(start, end));
  }
}

export class StringCodec extends RangeCodec<string> {
  override readonly textHead = "none";

  encode(value: string): Uint8Array {
    if (typeof value !== "string") throw new TypeError(`a string is wanted, not a ${typeof value}`);
    return Buffer.from(value);
  }

  decodeRange(bytes: Buffer, start: number, end: number): string {
    const text = readText(bytes, start, end);
    // What is no UTF-8 became this character, which may also have been stored. The strict decoder, slower, knows.
    return text.includes("\ufffd") ? utf8.decode(bytes.subarray(start, end)) : text;
  }
}

export class JsonCodec extends RangeCodec<unknown> {
  encode(value: unknown): Uint8Array {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError(`JSON has nothing for a ${typeof value}`);
    return Buffer.from(text);
  }

  decodeRange(bytes: Buffer, start: number, end: number): unknown {
    return JSON.parse(utf8.decode(bytes.subarray(start, end)));
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
