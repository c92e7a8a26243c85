import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import {
  greedyMsMax,
  greedyWriteBytesPerSecondMax,
  modestMemoryMs,
  modestMsMax,
  modestVisitsMin,
  passMsMax,
  pendingBytesMax,
  sharedGroupBytesMax,
  turnMsMax,
} from "../lib/limits.ts";
import { Demand } from "./demand.ts";
import type { TurnEnd } from "./turn-end.ts";
import { TurnQueue } from "./turn-queue.ts";
import { WriteAllowance, type Rationed } from "./write-allowance.ts";

/** Less than anything that waits to be written: who may have no more than this waiting may write nothing. */
export const noBytes = -1;

/** Who has requests to be taken, and waits until it is its turn. */
export interface TurnTaker {
  /** Works until then; if anything is left it waits for another turn. */
  takeTurn(endMs: number): void;
}

/**
 * Shares the event loop among the sessions. Whoever asks for little is *modest*, and is served as soon as its bytes
 * are read. All others are *greedy* (demand.ts): they share one budget a pass of the event loop, and whoever finds it
 * used up stands in a queue, from which the next passes serve them in turn. A modest one that asks for much at once
 * gets the rest of it before them.
 *
 *   a pass:   sockets are read ──────────────────────────> answers leave ──> the queue ──> the next pass
 *             modest ones: at once                         (turn-end.ts)     as far as the
 *             greedy ones: at once while the queue is                        budget goes
 *             empty and the budget is not used up, else
 *             into the queue
 *
 * While modest ones come and go, the budget is `greedyMsMax`: however many are greedy, a modest one waits for about
 * that. While there are none, it is `passMsMax`, long enough for groups and answers to be large. The pass between two
 * budgets looks for sockets that are ready and sleeps for none, so no time is lost but what the look costs.
 *
 * When the queue is long and a modest one came, the queue waits for one pass more, and never for two in a row: so the
 * modest one's write is on its way to the disk before the greedy ones go on. And in each of their passes one greedy
 * session is served at least, whatever the modest ones have left of the budget: so these never starve.
 *
 * What greedy ones write costs modest ones more than time of the event loop: write-allowance.ts can limit that, too.
 *
 * Invariants:
 *  1. Whoever waits gets its turn, once a call of `add`, and in their order: modest ones before greedy ones, and of these
 *     first whoever was passed over.
 *  2. In a pass those who wait work for no longer than the budget, and one or two looks at the clock (appetite.ts).
 *  3. While anybody waits, exactly one call of `#endPass` is due.
 */
export class Turns {
  readonly demand: Demand;
  readonly #clock: Pick<Clock, "monotonicMs" | "afterPoll" | "schedule">;
  readonly #turnEnd: TurnEnd;
  readonly #greedy = new TurnQueue<TurnTaker>();
  /** They asked for more at once than is done at once, and are called before the greedy ones. */
  readonly #modest = new TurnQueue<TurnTaker>();
  /** Greedy ones whose last turn was for nothing, because others had filled the group: called before the others. */
  readonly #passedOver = new TurnQueue<TurnTaker>();
  readonly #allowance: WriteAllowance;
  /** When the first greedy session of this pass was let in; undefined: none was. */
  #passMs: number | undefined;
  #isEndDue = false;
  /** When modest sessions were last served, the oldest of these visits next to be forgotten. */
  readonly #visitsMs: number[] = new Array<number>(modestVisitsMin).fill(-Infinity);
  #visits = 0;
  /** Whether one was served in this pass. */
  #modestCame = false;
  #isCrowded = false;
  #hasYielded = false;

  constructor(
    clock: Pick<Clock, "monotonicMs" | "afterPoll" | "schedule">,
    turnEnd: TurnEnd,
    writeBytesPerSecondMax = greedyWriteBytesPerSecondMax,
  ) {
    this.demand = new Demand(clock.monotonicMs());
    this.#clock = clock;
    this.#turnEnd = turnEnd;
    this.#allowance = new WriteAllowance(clock, writeBytesPerSecondMax, (sinceMs) =>
      this.#wasModest(sinceMs),
    );
  }

  /** Sessions that wait for their turn. */
  get waiting(): number {
    return this.#modest.length + this.#passedOver.length + this.#greedy.length;
  }

  /** Until when a session, whose bytes were just read, may work; undefined: it has to wait for its turn. */
  admit(isGreedy: boolean, nowMs: number): number | undefined {
    if (!isGreedy) return nowMs + (this.#hasModest(nowMs) ? modestMsMax : turnMsMax);
    if (this.waiting > 0) return undefined;
    if (this.#passMs === undefined) {
      this.#passMs = nowMs;
      this.#scheduleEnd();
    }
    const endMs = this.#passMs + this.#budgetMs(nowMs);
    return nowMs < endMs ? Math.min(endMs, nowMs + turnMsMax) : undefined;
  }

  /** Whether whoever is greedy has to let modest ones go first, also with what it is answered. */
  isShared(isGreedy: boolean): boolean {
    return isGreedy && this.#hasModest(this.#clock.monotonicMs());
  }

  /**
   * Whoever is greedy adds nothing to a large group of the log while there are modest ones, who would wait for it; and
   * nothing at all once the allowance of all greedy ones is spent.
   */
  pendingBytesMax(isGreedy: boolean, nowMs: number): number {
    if (!isGreedy) return pendingBytesMax;
    if (this.#allowance.isSpent(nowMs)) return noBytes;
    return this.#hasModest(nowMs) || this.#allowance.isOn(nowMs) ? sharedGroupBytesMax : pendingBytesMax;
  }

  /** A greedy session wrote so much in its turn. */
  wrote(bytes: number, nowMs: number): void {
    this.#allowance.spend(bytes, nowMs);
  }

  /** A greedy session whose write is held, among `bytes` of requests, waits for the allowance: that calls it. */
  ration(session: Rationed, bytes: number, isPassedOver: boolean): void {
    this.#allowance.wait(session, bytes, isPassedOver);
  }

  /** A session is gone. */
  forget(session: Rationed): void {
    this.#allowance.forget(session);
  }

  /** A modest session got all that it had asked for. */
  servedModest(nowMs: number): void {
    this.#visitsMs[this.#visits++ % modestVisitsMin] = nowMs;
    this.#modestCame = true;
  }

  /** Calls `takeTurn` once, when it is its turn. */
  add(taker: TurnTaker, isGreedy: boolean, isPassedOver = false): void {
    const queue = isPassedOver ? this.#passedOver : this.#greedy;
    (isGreedy ? queue : this.#modest).push(taker);
    this.#scheduleEnd();
  }

  #hasModest(nowMs: number): boolean {
    return this.#wasModest(nowMs - modestMemoryMs);
  }

  /** Whether so many modest sessions as matter were served since then. */
  #wasModest(sinceMs: number): boolean {
    return this.#visitsMs[this.#visits % modestVisitsMin]! > sinceMs;
  }

  #budgetMs(nowMs: number): number {
    return this.#hasModest(nowMs) ? greedyMsMax : passMsMax;
  }

  #scheduleEnd(): void {
    if (this.#isEndDue) return;
    this.#isEndDue = true;
    this.#clock.afterPoll(() => this.#endPass());
  }

  #endPass(): void {
    assert(this.#isEndDue, "a pass ends once");
    this.#isEndDue = false;
    this.#passMs = undefined;
    const mustYield = this.#isCrowded && this.#modestCame && !this.#hasYielded;
    this.#hasYielded = mustYield;
    this.#modestCame = false;
    if (this.waiting === 0) return;
    // What the modest ones were answered does not wait for what the greedy ones asked.
    this.#turnEnd.end();
    const nowMs = this.#clock.monotonicMs();
    const endMs = nowMs + this.#budgetMs(nowMs);
    const [passedOverCount, greedyCount] = [this.#passedOver.length, this.#greedy.length];
    this.#serve(this.#modest, this.#modest.length, endMs);
    // One of each even where all is used up before them, or they would wait for as long as that goes on.
    if (!mustYield) {
      this.#serve(this.#passedOver, passedOverCount, endMs, 1);
      this.#serve(this.#greedy, greedyCount, endMs, 1);
    }
    this.#isCrowded = this.#passedOver.length + this.#greedy.length > 0;
    if (this.waiting > 0) this.#scheduleEnd();
  }

  /**
   * The first so many of those who wait, until the budget is used up, but `countMin` at least; whoever comes again
   * meanwhile is served in a later pass.
   */
  #serve(queue: TurnQueue<TurnTaker>, waiting: number, endMs: number, countMin = 0): void {
    let nowMs = this.#clock.monotonicMs();
    for (let count = 0; count < waiting && (nowMs < endMs || count < countMin); count++) {
      queue.shift().takeTurn(Math.min(endMs, nowMs + turnMsMax));
      nowMs = this.#clock.monotonicMs();
    }
  }
}
