import type { Clock } from "../lib/clock.ts";
import { greedyWriteBytesPerSecondMax, modestMemoryMs, sharedGroupBytesMax } from "../lib/limits.ts";

/** Who has a write that has to wait until there is something of the allowance again. */
export interface Rationed {
  /** There is, or nobody minds any more. */
  goOn(): void;
}

/**
 * What greedy sessions may write together while modest ones are about: so many bytes a second, if the operator has set
 * a limit (`greedyWriteBytesPerSecondMax`). A modest one's write waits for the group in flight, and on the same disk for
 * the flushes and merges that follow it; no order of turns can spare it these, only less to write.
 *
 *            writes take from it                       time passes
 *     full ────────────────────────> ... ──> spent ──────────────────> full
 *                                              their writes wait, in a queue
 *
 * It is as large as one group that they may fill, and once it is spent it is given out again only when it is full: so
 * modest ones meet a whole group now and then, and not a small one at each of their own syncs.
 *
 * Invariants:
 *  1. In any time they write no more than the limit makes of it, two allowances and one request: what goes past the
 *     allowance is paid back.
 *  2. While anybody waits one timer runs, which looks at `modestMemoryMs` at the latest: whoever waits does not depend on
 *     what others do, and waits for nothing once the modest ones have gone.
 *  3. They are called in the order in which they came to wait, no more at a time than can write.
 */
export class WriteAllowance {
  readonly #clock: Pick<Clock, "monotonicMs" | "schedule">;
  readonly #bytesPerSecondMax: number;
  readonly #isLimited: boolean;
  readonly #hasModest: (nowMs: number) => boolean;
  /** Below zero after a request that was larger than what was left. */
  #bytes = sharedGroupBytesMax;
  #isSpent = false;
  #filledMs: number;
  /** With how many bytes they wait; and those who were called, and found it spent before it was their turn. */
  readonly #waiting = new Map<Rationed, number>();
  readonly #passedOver = new Map<Rationed, number>();
  #isTimerSet = false;

  constructor(
    clock: Pick<Clock, "monotonicMs" | "schedule">,
    bytesPerSecondMax: number,
    hasModest: (nowMs: number) => boolean,
  ) {
    this.#clock = clock;
    this.#bytesPerSecondMax = bytesPerSecondMax;
    this.#isLimited = bytesPerSecondMax < greedyWriteBytesPerSecondMax;
    this.#hasModest = hasModest;
    this.#filledMs = clock.monotonicMs();
  }

  /** Whether greedy ones may write nothing now. */
  isSpent(nowMs: number): boolean {
    if (!this.#isSpent) return false;
    this.#fill(nowMs);
    return this.#isSpent && this.#hasModest(nowMs);
  }

  /** A greedy session wrote so much. */
  spend(bytes: number, nowMs: number): void {
    if (!this.#isLimited || !this.#hasModest(nowMs)) return;
    this.#fill(nowMs);
    this.#bytes -= bytes;
    this.#isSpent ||= this.#bytes <= 0;
  }

  /** Calls `session`, which holds `bytes` of requests, once, when it may write. */
  wait(session: Rationed, bytes: number, isPassedOver = false): void {
    if (this.#passedOver.has(session) || this.#waiting.has(session)) return;
    (isPassedOver ? this.#passedOver : this.#waiting).set(session, bytes);
    this.#setTimer();
  }

  #fill(nowMs: number): void {
    const bytes = this.#bytes + ((nowMs - this.#filledMs) / 1_000) * this.#bytesPerSecondMax;
    this.#bytes = Math.min(sharedGroupBytesMax, bytes);
    this.#filledMs = nowMs;
    if (this.#bytes === sharedGroupBytesMax) this.#isSpent = false;
  }

  #setTimer(): void {
    if (this.#isTimerSet) return;
    this.#isTimerSet = true;
    const fullMs = ((sharedGroupBytesMax - this.#bytes) / this.#bytesPerSecondMax) * 1_000;
    this.#clock.schedule(Math.max(1, Math.min(fullMs, modestMemoryMs)), () => this.#look());
  }

  #look(): void {
    this.#isTimerSet = false;
    const nowMs = this.#clock.monotonicMs();
    if (!this.isSpent(nowMs)) this.#call(this.#hasModest(nowMs) ? this.#bytes : Infinity);
    if (this.#passedOver.size + this.#waiting.size > 0) this.#setTimer();
  }

  /** The first of those who wait, until they hold so many bytes. */
  #call(bytesMax: number): void {
    let bytes = 0;
    for (const queue of [this.#passedOver, this.#waiting]) {
      // Whoever has to wait again is not among these.
      for (const [session, held] of [...queue]) {
        if (bytes >= bytesMax) return;
        bytes += held;
        queue.delete(session);
        session.goOn();
      }
    }
  }
}
