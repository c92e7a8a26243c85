import type { Clock, Timer } from "../lib/clock.ts";
import { sweepIntervalMs } from "../lib/limits.ts";
import type { Session } from "./session.ts";
import type { Statistics } from "./statistics.ts";

/** All sessions of a server, and the one timer that watches over them. It runs only while there are any. */
export class Connections implements Iterable<Session> {
  readonly #sessions = new Set<Session>();
  readonly #clock: Clock;
  readonly #statistics: Statistics;
  readonly #swept: () => void;
  #timer: Timer | undefined;
  #nextSweepMs = 0;
  #whenEmpty: (() => void)[] = [];

  /** `swept` is called after each sweep. */
  constructor(clock: Clock, statistics: Statistics, swept: () => void) {
    this.#clock = clock;
    this.#statistics = statistics;
    this.#swept = swept;
  }

  get count(): number {
    return this.#sessions.size;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#sessions.values();
  }

  add(session: Session): void {
    this.#sessions.add(session);
    if (this.#timer === undefined) this.#scheduleSweep();
  }

  delete(session: Session): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Resolves when there is none left, but after `delayMs` at the latest. */
  empty(delayMs: number): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(delayMs, resolve);
      this.#whenEmpty.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** The session with the most output that its peer has not taken. */
  greediest(): Session | undefined {
    let greediest: Session | undefined;
    for (const session of this.#sessions) {
      if (session.outgoing.outputBytes > (greediest?.outgoing.outputBytes ?? 0)) greediest = session;
    }
    return greediest;
  }

  /**
   * Of those that hold much input that they could not take, half of the average at least, the one whose request has
   * waited for the longest time to be whole: so it is one that was begun and left, and not a large one that comes fast.
   */
  heaviest(): Session | undefined {
    let holding = 0;
    for (const { incoming } of this.#sessions) if (incoming.bytesCounted > 0) holding++;
    const bytesMin = this.#statistics.inputBytes / holding / 2;
    let heaviest: Session | undefined;
    for (const session of this.#sessions) {
      const { bytesCounted, heldSinceMs } = session.incoming;
      if (bytesCounted === 0 || bytesCounted < bytesMin) continue;
      if (heaviest === undefined || heldSinceMs < heaviest.incoming.heldSinceMs) heaviest = session;
    }
    return heaviest;
  }

  inFlight(): number {
    let inFlight = 0;
    for (const session of this.#sessions) inFlight += session.outgoing.inFlight;
    return inFlight;
  }

  #scheduleSweep(): void {
    this.#nextSweepMs = this.#clock.monotonicMs() + sweepIntervalMs;
    this.#timer = this.#clock.schedule(sweepIntervalMs, () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#statistics.sweptLate(Math.max(0, nowMs - this.#nextSweepMs));
    this.#timer = undefined;
    for (const session of this.#sessions) session.sweep(nowMs);
    this.#swept();
    if (this.#sessions.size > 0) this.#scheduleSweep();
  }
}
