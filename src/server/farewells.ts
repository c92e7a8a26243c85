import type { Clock } from "../lib/clock.ts";
import { farewellIntervalMs } from "../lib/limits.ts";

/** Who was sent away, and may have to wait before it goes. */
export interface Leaver {
  /** Closes the connection now, with its last words if it has any. */
  leave(): void;
}

/**
 * Whoever is sent away may come again at once, and costs an accept, a session and its bytes each time: a thousand that
 * do nothing else keep the event loop from those who behave. So only so many a second leave at once. All others are
 * *detained*: nothing is read from them, nothing leaves, and they stay connected until their turn to go comes, in the
 * order in which they were sent away.
 *
 * Detained ones hold a place among the connections. So they are never more than a part of these: if one more comes, the
 * oldest goes.
 */
export class Farewells {
  readonly #clock: Pick<Clock, "monotonicMs" | "schedule">;
  readonly #perSecond: number;
  readonly #detainedMax: number;
  /** First in, first out; a set, so that whoever goes by itself is forgotten at once. */
  readonly #detained = new Set<Leaver>();
  /** So many may leave now; fractions grow with the time. */
  #free: number;
  #freeMs: number;
  #isTimerDue = false;
  #isOver = false;

  constructor(clock: Pick<Clock, "monotonicMs" | "schedule">, perSecond: number, detainedMax: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#detainedMax = detainedMax;
    this.#free = perSecond;
    this.#freeMs = clock.monotonicMs();
  }

  /** Those that wait until they may leave. */
  get waiting(): number {
    return this.#detained.size;
  }

  /** Whether it has to wait until `leave` is called. If not, it leaves by itself, now. */
  detains(leaver: Leaver): boolean {
    if (this.#isOver) return false;
    this.#look();
    if (this.#detained.size === 0 && this.#free >= 1) {
      this.#free--;
      return false;
    }
    this.#detained.add(leaver);
    if (this.#detained.size > this.#detainedMax) this.#release();
    this.#schedule();
    return true;
  }

  /** It is gone, whatever we wanted. */
  forget(leaver: Leaver): void {
    this.#detained.delete(leaver);
  }

  /** The server ends: everybody leaves at once, from now on. */
  end(): void {
    this.#isOver = true;
    while (this.#detained.size > 0) this.#release();
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const grown = this.#free + ((nowMs - this.#freeMs) / 1_000) * this.#perSecond;
    this.#free = Math.min(grown, this.#perSecond);
    this.#freeMs = nowMs;
  }

  #schedule(): void {
    if (this.#isTimerDue || this.#detained.size === 0) return;
    this.#isTimerDue = true;
    this.#clock.schedule(farewellIntervalMs, () => {
      this.#isTimerDue = false;
      this.#look();
      for (; this.#free >= 1 && this.#detained.size > 0; this.#free--) this.#release();
      this.#schedule();
    });
  }

  #release(): void {
    for (const leaver of this.#detained) {
      this.#detained.delete(leaver);
      leaver.leave();
      return;
    }
  }
}
