import { assert } from "../lib/assert.ts";

/**
 * Promises that wait for sequence numbers to become acknowledgeable, in the order of their numbers: a queue in
 * arrays that are reused, since at full speed there are a million of them a second.
 */
export class WaitingSeqs {
  // Invariant: seqs ascend from #first on; the arrays are equally long.
  #seqs: number[] = [];
  #resolves: ((seq: number) => void)[] = [];
  #rejects: ((reason: unknown) => void)[] = [];
  #first = 0;

  add(seq: number): Promise<number> {
    assert(this.#seqs.length === this.#first || seq > this.#seqs.at(-1)!, "waiting seqs ascend");
    return new Promise((resolve, reject) => {
      this.#seqs.push(seq);
      this.#resolves.push(resolve);
      this.#rejects.push(reject);
    });
  }

  resolveThrough(ackableSeq: number): void {
    while (this.#first < this.#seqs.length && this.#seqs[this.#first]! <= ackableSeq) {
      this.#resolves[this.#first]!(this.#seqs[this.#first]!);
      this.#first++;
    }
    this.#forgetSettled();
  }

  rejectAll(reason: unknown): void {
    const rejects = this.#rejects.slice(this.#first);
    this.#first = this.#seqs.length;
    this.#forgetSettled();
    for (const reject of rejects) reject(reason);
  }

  #forgetSettled(): void {
    if (this.#first < this.#seqs.length && this.#first < 4096) return;
    this.#seqs.splice(0, this.#first);
    this.#resolves.splice(0, this.#first);
    this.#rejects.splice(0, this.#first);
    this.#first = 0;
  }
}
