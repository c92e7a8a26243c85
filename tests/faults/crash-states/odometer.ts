import { assert } from "../../../src/lib/assert.ts";

/**
 * Visits every sequence of choices that a program can be led through, each exactly once, without keeping any of them:
 * the program runs again for each sequence, asks `choose` whenever it needs an answer, and `next` prepares the one that
 * follows. What is asked may depend on the answers before, as long as equal answers lead to equal questions.
 *
 * With `deviationsMax` only those sequences are visited that answer 0 in all places but so many.
 */
export class Odometer {
  readonly #deviationsMax: number;
  #answers: number[] = [];
  #counts: number[] = [];
  #position = 0;

  constructor(deviationsMax = Infinity) {
    this.#deviationsMax = deviationsMax;
  }

  /** One of 0 .. count - 1. */
  choose(count: number): number {
    assert(count >= 1, "a choice has an answer");
    const position = this.#position++;
    const known = this.#answers[position];
    if (known !== undefined) {
      assert(
        this.#counts[position] === (this.#mayDeviate(position) ? count : 1),
        "equal answers, equal questions",
      );
      return known;
    }
    this.#answers.push(0);
    this.#counts.push(this.#mayDeviate(position) ? count : 1);
    return 0;
  }

  /** False: there is no further sequence. */
  next(): boolean {
    assert(
      this.#position === this.#answers.length,
      "a run asks as far as the sequence that it is led through",
    );
    this.#position = 0;
    while (this.#answers.length > 0) {
      const answer = this.#answers.pop()! + 1;
      const count = this.#counts.pop()!;
      if (answer === count) continue;
      this.#answers.push(answer);
      this.#counts.push(count);
      return true;
    }
    return false;
  }

  #mayDeviate(position: number): boolean {
    if (this.#deviationsMax === Infinity) return true;
    let deviations = 0;
    for (let before = 0; before < position; before++) if (this.#answers[before] !== 0) deviations++;
    return deviations < this.#deviationsMax;
  }
}
