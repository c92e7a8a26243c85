/**
 * Does something once, at the end of the tick in which it was requested. Answers wake their callers one promise
 * after the other, and these make their next calls some microtasks later: so the end of the tick is where, between two
 * turns of the microtask queue, no further request came. A macrotask would be the simpler end, and cost every call its
 * latency.
 */
export class EndOfTick {
  readonly #action: () => void;
  #isScheduled = false;
  #requests = 0;
  #requestsSeen = 0;
  #hops = 0;

  constructor(action: () => void) {
    this.#action = action;
  }

  request(): void {
    this.#requests++;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#requestsSeen = this.#requests;
    this.#hops = 0;
    queueMicrotask(this.#actOrHop);
  }

  readonly #actOrHop = (): void => {
    if (this.#requests !== this.#requestsSeen && this.#hops < hopsMax) {
      this.#requestsSeen = this.#requests;
      this.#hops++;
      queueMicrotask(this.#actOrHop);
      return;
    }
    this.#isScheduled = false;
    this.#action();
  };
}

/** Callers that go on calling within microtasks for ever must be sent as well. */
const hopsMax = 16;
