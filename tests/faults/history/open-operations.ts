/** When an operation was called, and when it had been answered. */
export interface Span {
  readonly invoked: number;
  readonly returned: number;
}

/**
 * Which operations have their place already, and what that leaves room for: an operation may come next if no other one
 * without a place returned before it was called. Places are taken back in the reverse order, so that a search can try.
 */
export class OpenOperations {
  readonly #spans: readonly Span[];
  readonly #isPlaced: Uint8Array;
  /** Indices by the moment of the return. Everything before `#oldest` has its place. */
  readonly #byReturn: Int32Array;
  #oldest = 0;
  readonly #trail: number[] = [];

  constructor(spans: readonly Span[]) {
    this.#spans = spans;
    this.#isPlaced = new Uint8Array(spans.length);
    this.#byReturn = Int32Array.from(spans.keys()).sort((a, b) =>
      compare(spans[a]!.returned, spans[b]!.returned),
    );
  }

  get placedCount(): number {
    return this.#trail.length;
  }

  /** Whatever was called up to this moment may come next. */
  get earliestReturn(): number {
    const index = this.#byReturn[this.#oldest];
    return index === undefined ? Infinity : this.#spans[index]!.returned;
  }

  /** Of all that have no place the one that was answered first; undefined: there is none. */
  get mostUrgent(): number | undefined {
    return this.#byReturn[this.#oldest];
  }

  isPlaced(index: number): boolean {
    return this.#isPlaced[index] === 1;
  }

  mayBeNext({ invoked }: Span): boolean {
    return invoked < this.earliestReturn;
  }

  place(index: number): void {
    this.#isPlaced[index] = 1;
    this.#trail.push(index);
    while (this.#oldest < this.#byReturn.length && this.#isPlaced[this.#byReturn[this.#oldest]!] === 1)
      this.#oldest++;
  }

  mark(): PlacedMark {
    return { placedCount: this.#trail.length, oldest: this.#oldest };
  }

  /** Goes back to when the mark was taken. */
  takeBack(mark: PlacedMark): void {
    while (this.#trail.length > mark.placedCount) this.#isPlaced[this.#trail.pop()!] = 0;
    this.#oldest = mark.oldest;
  }
}

export interface PlacedMark {
  readonly placedCount: number;
  readonly oldest: number;
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
