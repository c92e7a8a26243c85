import type { Clock } from "../lib/clock.ts";
import {
  greedyWriteBytesPerSecondMax,
  modestMemoryMs,
  rationDebtMsMax,
  rationLookMs,
  rationMemoryMs,
  sharedGroupBytesMax,
} from "../lib/limits.ts";

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
 * A modest writer is not heard of while it waits for a sync. So here modest ones are about for longer than a slow sync
 * takes: else one such sync let everybody write what they had, 24 MB at once in a trial with 256 KiB a second.
 *
 * Invariants:
 *  1. While modest ones are about they write no more than the limit makes of that time, two allowances and one request.
 *     What goes past it is paid back, but nobody waits for longer than `rationDebtMsMax` for a large request.
 *  2. While anybody waits one timer runs, which looks at `modestMemoryMs` at the latest: whoever waits does not depend on
 *     what others do, and waits for nothing once the modest ones have gone.
 *  3. They are called in the order in which they came to wait, so many at a time as can write until the next look.
 */
export class WriteAllowance {
  readonly #clock: Pick<Clock, "monotonicMs" | "schedule">;
  readonly #bytesPerMs: number;
  readonly #isLimited: boolean;
  readonly #wasModest: (sinceMs: number) => boolean;
  /** Below zero after a request that was larger than what was left. */
  #bytes = sharedGroupBytesMax;
  #isSpent = false;
  #filledMs: number;
  /** With how many bytes they wait; and those who were called, and found it spent before it was their turn. */
  readonly #waiting = new Map<Rationed, number>();
  readonly #passedOver = new Map<Rationed, number>();
  #isTimerSet = false;

  /** `wasModest`: whether modest sessions were about since then. */
  constructor(
    clock: Pick<Clock, "monotonicMs" | "schedule">,
    bytesPerSecondMax: number,
    wasModest: (sinceMs: number) => boolean,
  ) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecondMax / 1_000;
    this.#isLimited = bytesPerSecondMax < greedyWriteBytesPerSecondMax;
    this.#wasModest = wasModest;
    this.#filledMs = clock.monotonicMs();
  }

  /** Whether there is a limit, and anybody for whom it is kept. */
  isOn(nowMs: number): boolean {
    return this.#isLimited && this.#wasModest(nowMs - rationMemoryMs);
  }

  /** Whether greedy ones may write nothing now. */
  isSpent(nowMs: number): boolean {
    if (!this.#isSpent) return false;
    this.#fill(nowMs);
    return this.#isSpent && this.isOn(nowMs);
  }

  /** A greedy session wrote so much. */
  spend(bytes: number, nowMs: number): void {
    if (bytes === 0 || !this.isOn(nowMs)) return;
    this.#fill(nowMs);
    this.#bytes = Math.max(this.#bytes - bytes, -this.#bytesPerMs * rationDebtMsMax);
    this.#isSpent ||= this.#bytes <= 0;
  }

  /** Calls `session`, which holds `bytes` of requests, once, when it may write. */
  wait(session: Rationed, bytes: number, isPassedOver = false): void {
    if (this.#passedOver.has(session) || this.#waiting.has(session)) return;
    (isPassedOver ? this.#passedOver : this.#waiting).set(session, bytes);
    this.#setTimer();
  }

  /** It is not called any more. */
  forget(session: Rationed): void {
    this.#waiting.delete(session);
    this.#passedOver.delete(session);
  }

  #fill(nowMs: number): void {
    this.#bytes = Math.min(sharedGroupBytesMax, this.#bytes + (nowMs - this.#filledMs) * this.#bytesPerMs);
    this.#filledMs = nowMs;
    if (this.#bytes === sharedGroupBytesMax) this.#isSpent = false;
  }

  /** Those who were called write in their turns, which come soon. So nobody looks again at once. */
  #setTimer(): void {
    if (this.#isTimerSet) return;
    this.#isTimerSet = true;
    const fullMs = (sharedGroupBytesMax - this.#bytes) / this.#bytesPerMs;
    const delayMs = Math.max(rationLookMs, Math.min(fullMs, modestMemoryMs));
    this.#clock.schedule(delayMs, () => this.#look());
  }

  #look(): void {
    this.#isTimerSet = false;
    const nowMs = this.#clock.monotonicMs();
    const bytesMax = this.isOn(nowMs) ? Math.max(this.#bytes, rationLookMs * this.#bytesPerMs) : Infinity;
    if (!this.isSpent(nowMs)) {
      const bytesLeft = this.#call(this.#passedOver, bytesMax);
      this.#call(this.#waiting, bytesLeft);
    }
    if (this.#passedOver.size + this.#waiting.size > 0) this.#setTimer();
  }

  /** The first of those who wait, until they hold so many bytes. How many are left. */
  #call(queue: Map<Rationed, number>, bytesMax: number): number {
    let bytesLeft = bytesMax;
    // Whoever has to wait again comes behind these.
    let callsLeft = queue.size;
    for (const [session, bytes] of queue) {
      if (bytesLeft <= 0 || callsLeft-- === 0) break;
      bytesLeft -= bytes;
      queue.delete(session);
      session.goOn();
    }
    return bytesLeft;
  }
}
