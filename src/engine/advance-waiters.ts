import { assert } from "../lib/assert.ts";
import type { AdvanceWaiter } from "./store.ts";

/** Who wants to hear once of the next advance. Two arrays take turns, so that a round makes no garbage. */
export class AdvanceWaiters {
  #waiting: AdvanceWaiter[] = [];
  #called: AdvanceWaiter[] = [];
  #isCalling = false;

  add(waiter: AdvanceWaiter): void {
    this.#waiting.push(waiter);
  }

  /** Whoever registers again while the round runs is called in the next one. */
  callAll(): void {
    assert(!this.#isCalling, "an advance is told to its end before the next one");
    this.#isCalling = true;
    const round = this.#waiting;
    this.#waiting = this.#called;
    this.#called = round;
    for (let index = 0; index < round.length; index++) round[index]!.advanced();
    round.length = 0;
    this.#isCalling = false;
  }
}
