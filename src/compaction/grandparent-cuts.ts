import { AscendingRanges } from "./ascending-ranges.ts";
import type { MergeJob } from "./job.ts";

/**
 * Ends a table before it overlaps too much of the level below its own: when it goes down some day, all of that is
 * written anew with it, in one job.
 */
export class GrandparentCuts {
  readonly #ranges: AscendingRanges;
  readonly #bytesMax: number;
  /** The bytes of all ranges before the one of this index. */
  readonly #bytesBefore: Float64Array;
  /** Ranges that ended before the open table began. */
  #passedBefore = 0;
  #passed = 0;

  constructor(grandparents: MergeJob["grandparents"], bytesMax: number) {
    this.#ranges = new AscendingRanges(grandparents);
    this.#bytesMax = bytesMax;
    this.#bytesBefore = new Float64Array(grandparents.length + 1);
    for (let index = 0; index < grandparents.length; index++) {
      this.#bytesBefore[index + 1] = this.#bytesBefore[index]! + grandparents[index]!.bytes;
    }
  }

  /** Whether the open table would reach too far with this key, which is greater than all before. */
  isDueBefore(key: Buffer, keyStart: number, keyEnd: number): boolean {
    this.#passed = this.#ranges.passed(key, keyStart, keyEnd);
    return this.#bytesBefore[this.#passed]! - this.#bytesBefore[this.#passedBefore]! > this.#bytesMax;
  }

  /** A new table begins with the key that was asked about last. */
  reset(): void {
    this.#passedBefore = this.#passed;
  }
}
