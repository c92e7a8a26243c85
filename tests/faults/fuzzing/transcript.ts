/**
 * What a decoder understood, as a list that two decoders are compared in: numbers, ranges of the bytes, and
 * now and then a value (texts, maps). Used again for every frame, so that a comparison costs no object.
 */
export class Transcript {
  bytes: Buffer = Buffer.alloc(0);
  values: unknown[] = [];
  #numbers = new Float64Array(64);
  #count = 0;
  /** Of each number, whether it and the next one are a range. */
  #isRange = new Uint8Array(64);

  begin(bytes: Buffer): void {
    this.bytes = bytes;
    this.#count = 0;
    if (this.values.length > 0) this.values = [];
  }

  number(value: number): void {
    this.#add(value, 0);
  }

  flag(value: boolean): void {
    this.#add(value ? 1 : 0, 0);
  }

  /** Where a range without bytes lies means nothing. */
  range(start: number, end: number): void {
    this.#add(start === end ? 0 : start, 1);
    this.#add(start === end ? 0 : end, 0);
  }

  value(value: unknown): void {
    this.values.push(value);
  }

  /** Of the same bytes: ranges are equal if they lie at the same place. */
  equals(other: Transcript): boolean {
    if (this.#count !== other.#count || this.values.length !== other.values.length) return false;
    for (let at = 0; at < this.#count; at++) if (this.#numbers[at] !== other.#numbers[at]) return false;
    return this.values.length === 0 || Bun.deepEquals(this.values, other.values);
  }

  /** Of other bytes: ranges are equal if they hold the same. */
  saysTheSameAs(other: Transcript): boolean {
    if (this.#count !== other.#count || this.values.length !== other.values.length) return false;
    for (let at = 0; at < this.#count; at++) {
      if (this.#isRange[at] !== other.#isRange[at]) return false;
      if (this.#isRange[at] === 0) {
        if (this.#numbers[at] !== other.#numbers[at]) return false;
        continue;
      }
      const [start, otherStart] = [this.#numbers[at]!, other.#numbers[at]!];
      const length = this.#numbers[++at]! - start;
      if (other.#numbers[at]! - otherStart !== length) return false;
      if (!isSame(this.bytes, start, other.bytes, otherStart, length)) return false;
    }
    return this.values.length === 0 || Bun.deepEquals(this.values, other.values);
  }

  toString(): string {
    const numbers = [...this.#numbers.subarray(0, this.#count)].join(" ");
    return `${numbers} ${this.values.map((value) => Bun.inspect(value)).join(" ")}`.trim();
  }

  #add(value: number, isRange: number): void {
    if (this.#count === this.#numbers.length) {
      const [numbers, ranges] = [this.#numbers, this.#isRange];
      (this.#numbers = new Float64Array(2 * numbers.length)).set(numbers);
      (this.#isRange = new Uint8Array(2 * ranges.length)).set(ranges);
    }
    this.#isRange[this.#count] = isRange;
    this.#numbers[this.#count++] = value;
  }
}

function isSame(bytes: Buffer, start: number, other: Buffer, otherStart: number, length: number): boolean {
  if (length > 64) return bytes.compare(other, otherStart, otherStart + length, start, start + length) === 0;
  for (let at = 0; at < length; at++) if (bytes[start + at] !== other[otherStart + at]) return false;
  return true;
}
