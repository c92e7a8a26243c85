/** So many waits for memory overlap; twice as many gained nothing more. */
export const stagedMax = 32;

const fields = 5;

/** Writes that are still to be indexed, oldest first: the arguments of calls, in the order of the calls. */
export class StagedWrites {
  count = 0;
  readonly #fields = new Int32Array(stagedMax * fields);

  /** `age` takes all 32 bits. */
  add(hash: number, keyStart: number, keyLength: number, valueLength: number, age: number): void {
    const at = this.count * fields;
    const all = this.#fields;
    all[at] = hash;
    all[at + 1] = keyStart;
    all[at + 2] = keyLength;
    all[at + 3] = valueLength;
    all[at + 4] = age;
    this.count++;
  }

  hash(index: number): number {
    return this.#fields[index * fields]!;
  }

  keyStart(index: number): number {
    return this.#fields[index * fields + 1]!;
  }

  keyLength(index: number): number {
    return this.#fields[index * fields + 2]!;
  }

  /** Negative for a tombstone, which has no value. */
  valueLength(index: number): number {
    return this.#fields[index * fields + 3]!;
  }

  age(index: number): number {
    return this.#fields[index * fields + 4]! >>> 0;
  }
}
