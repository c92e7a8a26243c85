import * as limits from "../../../src/lib/limits.ts";
import type { RequestLimits } from "../../../src/protocol/request.ts";
import { status } from "../../../src/protocol/status.ts";
import { kind, Tape } from "./tape.ts";
import type { Transcript } from "./transcript.ts";

/**
 * Goes over a tape element by element, as a message's shape asks for them: the second half of the naive
 * decoder. Whatever is not as asked for ends the reading by throwing the status that README.md of the
 * protocol gives it.
 */
export class NaiveReading {
  readonly tape = new Tape();
  readonly limits: RequestLimits;
  bytes: Buffer = Buffer.alloc(0);
  end = 0;
  at = 0;

  constructor(requestLimits: RequestLimits = limits) {
    this.limits = requestLimits;
  }

  open(bytes: Buffer, start: number, end: number): void {
    this.bytes = bytes;
    this.end = end;
    this.at = 0;
    this.tape.read(bytes, start, end);
  }

  array(): number {
    return this.#countAt(this.#expect(kind.array), 1);
  }

  uint(): number {
    const number = this.tape.numbers[this.#expect(kind.uint)]!;
    if (number > Number.MAX_SAFE_INTEGER) throw refusals[status.MALFORMED];
    return number;
  }

  positive(): number {
    const number = this.uint();
    if (number === 0) throw refusals[status.INVALID_ARGUMENT];
    return number;
  }

  bool(): boolean {
    return this.tape.numbers[this.#expect(kind.bool)]! === 1;
  }

  /** The element's place on the tape. */
  bin(): number {
    return this.#expect(kind.bin);
  }

  str(): number {
    return this.#expect(kind.str);
  }

  text(): string {
    return this.textAt(this.str());
  }

  /** Bytes that are no UTF-8 become others when they are read and written again. */
  textAt(at: number): string {
    const utf8 = this.bytes.subarray(this.tape.starts[at], this.tape.ends[at]);
    const text = utf8.toString("utf8");
    if (!Buffer.from(text).equals(utf8)) throw refusals[status.MALFORMED];
    return text;
  }

  copyAt(at: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(this.tape.starts[at], this.tape.ends[at]));
  }

  length(at: number): number {
    return this.tape.ends[at]! - this.tape.starts[at]!;
  }

  isNil(): boolean {
    if (this.tape.kinds[this.at] !== kind.nil || this.at >= this.tape.count) return false;
    this.at++;
    return true;
  }

  next(): number {
    return this.at < this.tape.count ? this.tape.kinds[this.at]! : kind.broken;
  }

  map(): number {
    return this.#countAt(this.#expect(kind.map), 2);
  }

  float(): number {
    return this.bytes.readDoubleBE(this.tape.starts[this.#expect(kind.float)]!);
  }

  range(at: number, into: Transcript): void {
    into.range(this.tape.starts[at]!, this.tape.ends[at]!);
  }

  finish(): void {
    if (this.at !== this.tape.count || this.tape.hasMore) throw refusals[status.MALFORMED];
  }

  fail(): never {
    throw refusals[status.MALFORMED];
  }

  /**
   * Each element takes a byte at least. A count that can't be true is refused before anything is repeated for
   * it.
   */
  #countAt(at: number, elementsEach: number): number {
    const count = this.tape.numbers[at]!;
    if (count * elementsEach > this.end - this.tape.ends[at]!) throw refusals[status.MALFORMED];
    return count;
  }

  #expect(what: number): number {
    if (this.at >= this.tape.count || this.tape.kinds[this.at] !== what) throw refusals[status.MALFORMED];
    return this.at++;
  }
}

/**
 * Thrown by the naive decoder. Made once: what is thrown a hundred thousand times a second must not carry a
 * stack.
 */
export class Refusal {
  readonly status: number;

  constructor(code: number) {
    this.status = code;
  }
}

export const refusals: readonly Refusal[] = Array.from({ length: 17 }, (_, code) => new Refusal(code));
