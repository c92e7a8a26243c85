import { Buffer } from "node:buffer";
import { InvalidArgumentError, LimitError } from "../src/lib/errors.ts";
import { keyBytesMax } from "../src/lib/limits.ts";
import { headBytesMax, writeBin, writeBinHead } from "../src/protocol/msgpack-writer.ts";
import { CodecError } from "./errors.ts";
import type { Key, KeyKind, KeyOf } from "./options.ts";

/** The keys of one view: text becomes UTF-8, a prefix is added, and on the way back both are undone. */
export class Keys<N extends KeyKind = KeyKind> {
  readonly prefix: Uint8Array;
  readonly kind: N;

  constructor(prefix: Uint8Array, kind: N) {
    this.prefix = prefix;
    this.kind = kind;
  }

  /** The same view one prefix further in. */
  within<M extends KeyKind>(prefix: Key, kind: M): Keys<M> {
    return new Keys(new Uint8Array(this.encode(prefix, keyBytesMax, 0)), kind);
  }

  /**
   * The bytes of a key: a view that is valid until the next call. A string becomes bytes in one scratch buffer for
   * all, because a buffer for each would cost as much as the rest of a call.
   */
  encode(key: Key, bytesMaxAnnounced: number, bytesMin = 1): Uint8Array {
    const { prefix } = this;
    // The format itself has no longer keys than the scratch buffer has room for, whatever a server announces.
    const bytesMax = Math.min(bytesMaxAnnounced, keyBytesMax);
    let length = prefix.length;
    let bytes: Uint8Array;
    if (typeof key === "string") {
      // A UTF-16 unit is a byte at least, so this refuses before a long text is encoded for nothing.
      if (length + key.length > bytesMax) throw keyTooLong(key, length + key.length, bytesMax);
      if (!key.isWellFormed())
        throw new InvalidArgumentError(
          `Cannot use the key ${showKey(key)}: it is no well-formed text; use a Uint8Array`,
        );
      if (length > 0) scratch.set(prefix);
      length += utf8.encodeInto(key, length > 0 ? scratch.subarray(length) : scratch).written;
      bytes = scratch.subarray(0, length);
    } else if (key instanceof Uint8Array) {
      length += key.length;
      if (length > bytesMax) throw keyTooLong(key, length, bytesMax);
      if (prefix.length === 0) {
        bytes = key;
      } else {
        scratch.set(prefix);
        scratch.set(key, prefix.length);
        bytes = scratch.subarray(0, length);
      }
    } else {
      throw new InvalidArgumentError(
        `Cannot use a key: it is a string or a Uint8Array, not ${key === null ? "null" : typeof key}`,
      );
    }
    if (length > bytesMax) throw keyTooLong(key, length, bytesMax);
    if (length < bytesMin)
      throw new InvalidArgumentError("Cannot use a key: it is empty; a key has 1 byte at least");
    return bytes;
  }

  /** Room for a key as a bin, head included; less only for a key that is refused when it is written. */
  binBytesMax(key: Key): number {
    const length =
      typeof key === "string" ? key.length * utf8BytesPerUnitMax : key instanceof Uint8Array ? key.length : 0;
    return headBytesMax + Math.min(this.prefix.length + length, keyBytesMax);
  }

  /** Writes a key straight into a frame, as a bin, and returns the offset behind it. */
  writeBin(bytes: Buffer, offset: number, key: Key, bytesMaxAnnounced: number): number {
    if (typeof key === "string" && key.length > 0 && key.length <= writtenByLoopMax) {
      const { prefix } = this;
      const length = prefix.length + key.length;
      if (length <= bytesMaxAnnounced && length <= keyBytesMax) {
        let target = writeBinHead(bytes, offset, length);
        for (let index = 0; index < prefix.length; index++) bytes[target++] = prefix[index]!;
        let units = 0;
        for (let index = 0; index < key.length; index++) {
          const unit = key.charCodeAt(index);
          units |= unit;
          bytes[target++] = unit;
        }
        if (units < 0x80) return target;
      }
    }
    return writeBin(bytes, offset, this.encode(key, bytesMaxAnnounced));
  }

  /** A key as this view shows it, from a range that begins with the view's prefix. */
  decode(bytes: Buffer, start: number, end: number): KeyOf<N> {
    const range = bytes.subarray(start + this.prefix.length, end);
    return (this.kind === "bytes" ? new Uint8Array(range) : decodeText(range)) as KeyOf<N>;
  }
}

/** A key for a message: short, quoted, or in hexadecimal. */
export function showKey(key: Key): string {
  if (typeof key === "string")
    return JSON.stringify(key.length > shownMax ? `${key.slice(0, shownMax)}…` : key);
  const hex = Buffer.from(key.subarray(0, shownMax / 2)).toString("hex");
  return `0x${hex}${key.length > shownMax / 2 ? "…" : ""}`;
}

const shownMax = 64;
const utf8BytesPerUnitMax = 3;

/**
 * Most keys are short and ASCII. Up to about this length a loop over their units is quicker than the call into native
 * code and the view that it wants: 16 of them take 21 ns against 42 (Bun 1.4.5).
 */
const writtenByLoopMax = 32;
const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A unit of UTF-16 takes 3 bytes of UTF-8 at most, and a prefix is a key, too. */
const scratch = Buffer.allocUnsafeSlow(4 * (keyBytesMax + 1));

function decodeText(range: Buffer): string {
  try {
    return strictUtf8.decode(range);
  } catch (cause) {
    throw new CodecError(
      `Cannot read the key ${showKey(range)}: it is no UTF-8; use a view with keys: "bytes"`,
      { cause },
    );
  }
}

function keyTooLong(key: Key, actual: number, limit: number): LimitError {
  return new LimitError(`Cannot use the key ${showKey(key)}: its bytes`, actual, limit);
}
