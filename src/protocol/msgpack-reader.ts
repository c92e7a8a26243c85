import { Buffer } from "node:buffer";
import { MalformedError } from "./protocol-error.ts";

/**
 * Reads one message, element by element, as its schema asks for them. There is no "read whatever comes": depth
 * and arity are the schema's, every length and count is checked against the bytes that are left before anything
 * is made or repeated because of it, and `finish` insists that the message ends where its bytes end.
 *
 * The subset: nil, bool, unsigned integers of any width up to 2^53 - 1, bin, str and array of any width; and, for
 * the maps of info-map.ts only, map and float 64. Negative integers, float 32 and extensions are never read.
 */
export class MsgpackReader {
  // Invariant: start <= offset <= end <= bytes.length, and everything below `offset` was understood.
  bytes: Buffer = nothing;
  offset = 0;
  private start = 0;
  private end = 0;

  /** Begins to read the message in bytes[start, end), at `offset`. Errors count from `start`. */
  open(bytes: Buffer, start: number, end: number, offset = start): void {
    this.bytes = bytes;
    this.start = start;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** How many elements follow. Each takes a byte at least, so no count can exceed the bytes that are left. */
  array(): number {
    const head = this.head("an array");
    let count: number;
    if (head >= 0x90 && head <= 0x9f) count = head & 0x0f;
    else if (head === 0xdc) count = this.number(2);
    else if (head === 0xdd) count = this.number(4);
    else this.unexpected("an array");
    if (count > this.end - this.offset) this.fail(`an array of ${count} elements does not fit`);
    return count;
  }

  /** How many pairs of a key and a value follow. */
  map(): number {
    const head = this.head("a map");
    let count: number;
    if (head >= 0x80 && head <= 0x8f) count = head & 0x0f;
    else if (head === 0xde) count = this.number(2);
    else if (head === 0xdf) count = this.number(4);
    else this.unexpected("a map");
    if (count * 2 > this.end - this.offset) this.fail(`a map of ${count} pairs does not fit`);
    return count;
  }

  uint(): number {
    const { offset } = this;
    if (offset < this.end) {
      const head = this.bytes[offset]!;
      if (head < 0x80) {
        this.offset = offset + 1;
        return head;
      }
    }
    return this.wideUint();
  }

  /** A uint, or `none` for nil. */
  uintOr(none: number): number {
    return this.nil() ? none : this.uint();
  }

  boolean(): boolean {
    const head = this.head("a bool");
    if (head !== 0xc2 && head !== 0xc3) this.unexpected("a bool");
    return head === 0xc3;
  }

  /** Passes over a bin and returns where its bytes begin; they end at `offset`. */
  bin(): number {
    const head = this.head("a bin");
    let length: number;
    if (head === 0xc4) length = this.number(1);
    else if (head === 0xc5) length = this.number(2);
    else if (head === 0xc6) length = this.number(4);
    else this.unexpected("a bin");
    return this.range(length, "a bin");
  }

  /** The bytes of a bin, for what outlives the frame. */
  binCopy(): Uint8Array {
    const start = this.bin();
    return new Uint8Array(this.bytes.subarray(start, this.offset));
  }

  /** Passes over a str and returns where its bytes begin; they end at `offset`. */
  str(): number {
    const head = this.head("a str");
    let length: number;
    if (head >= 0xa0 && head <= 0xbf) length = head & 0x1f;
    else if (head === 0xd9) length = this.number(1);
    else if (head === 0xda) length = this.number(2);
    else if (head === 0xdb) length = this.number(4);
    else this.unexpected("a str");
    return this.range(length, "a str");
  }

  text(): string {
    return this.utf8(this.str());
  }

  /** The text from `start` up to where the reader is. Ill-formed UTF-8 is refused: replaced characters make two texts equal. */
  utf8(start: number): string {
    try {
      return utf8.decode(this.bytes.subarray(start, this.offset));
    } catch {
      return this.fail("a str is not well-formed UTF-8");
    }
  }

  /** Passes over nil, if that is what comes next. */
  nil(): boolean {
    if (this.offset >= this.end || this.bytes[this.offset] !== 0xc0) return false;
    this.offset++;
    return true;
  }

  float(): number {
    const head = this.head("a float");
    if (head !== 0xcb) this.unexpected("a float");
    const start = this.range(8, "a float");
    return this.bytes.readDoubleBE(start);
  }

  /** What comes next: for values whose kind is the sender's choice. */
  kind(): ElementKind {
    const head = this.offset < this.end ? this.bytes[this.offset]! : this.head("a value");
    if (head < 0x80 || (head >= 0xcc && head <= 0xcf)) return "uint";
    if (head < 0x90 || head === 0xde || head === 0xdf) return "map";
    if (head < 0xa0 || head === 0xdc || head === 0xdd) return "array";
    if (head < 0xc0 || (head >= 0xd9 && head <= 0xdb)) return "str";
    if (head === 0xc0) return "nil";
    if (head === 0xc2 || head === 0xc3) return "bool";
    if (head >= 0xc4 && head <= 0xc6) return "bin";
    if (head === 0xcb) return "float";
    this.offset++;
    return this.unexpected("a value");
  }

  /** The message must be used up: what follows it inside its frame would be read by one side and not by the other. */
  finish(): void {
    if (this.offset !== this.end) this.fail("the frame goes on behind the end of the message");
  }

  fail(reason: string): never {
    throw new MalformedError(`${reason} (byte ${this.offset - this.start} of ${this.end - this.start})`);
  }

  private wideUint(): number {
    const head = this.head("an unsigned integer");
    if (head === 0xcc) return this.number(1);
    if (head === 0xcd) return this.number(2);
    if (head === 0xce) return this.number(4);
    if (head !== 0xcf) this.unexpected("an unsigned integer");
    const high = this.number(4);
    if (high > 0x1f_ffff) this.fail("an integer is beyond 2^53 - 1");
    return high * 0x1_0000_0000 + this.number(4);
  }

  private head(expected: string): number {
    if (this.offset >= this.end) this.fail(`the message ends where ${expected} belongs`);
    return this.bytes[this.offset++]!;
  }

  private number(byteCount: number): number {
    const { bytes, offset } = this;
    if (byteCount > this.end - offset) this.fail("the message ends inside a length or an integer");
    this.offset = offset + byteCount;
    if (byteCount === 1) return bytes[offset]!;
    if (byteCount === 2) return (bytes[offset]! << 8) | bytes[offset + 1]!;
    return (
      bytes[offset]! * 0x100_0000 +
      ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!)
    );
  }

  private range(length: number, what: string): number {
    const { offset } = this;
    if (length > this.end - offset) this.fail(`${what} of ${length} bytes does not fit`);
    this.offset = offset + length;
    return offset;
  }

  private unexpected(expected: string): never {
    this.offset--;
    return this.fail(
      `${expected} belongs where 0x${this.bytes[this.offset]!.toString(16).padStart(2, "0")} stands`,
    );
  }
}

export type ElementKind = "nil" | "bool" | "uint" | "float" | "str" | "bin" | "array" | "map";

const nothing = Buffer.alloc(0);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
