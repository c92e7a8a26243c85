import { LatencyHistogram } from "./latency-histogram.ts";

/** A time in which the server answered nothing at all, as far as the generator saw. */
export interface Pause {
  /** When it began, since the run began. */
  atMs: number;
  pauseMs: number;
}

/**
 * What a run was like: how many answers, how long each took, and the longest time without any. Costs the same memory
 * for ever, apart from the first thousand long pauses, which are kept with their moments.
 */
export class AnswerMeter {
  readonly latencies = new LatencyHistogram();
  readonly pauses: Pause[] = [];
  pauseMsMax = 0;
  /** The longest time that the generator itself was busy between two looks at its sockets. */
  ownTurnMsMax = 0;
  startedAtMs: number;
  lastAnswerAtMs: number;

  constructor(nowMs = performance.now()) {
    this.startedAtMs = this.lastAnswerAtMs = nowMs;
  }

  get answers(): number {
    return this.latencies.count;
  }

  get elapsedMs(): number {
    return this.lastAnswerAtMs - this.startedAtMs;
  }

  get perSecond(): number {
    return (this.answers / this.elapsedMs) * 1000;
  }

  /** Answers came, at this moment. The time since those before them was a pause. */
  arrived(nowMs: number): void {
    const pauseMs = nowMs - this.lastAnswerAtMs;
    if (pauseMs > this.pauseMsMax) this.pauseMsMax = pauseMs;
    if (pauseMs >= pauseMsKept && this.pauses.length < pausesKept)
      this.pauses.push({ atMs: this.elapsedMs, pauseMs });
    this.lastAnswerAtMs = nowMs;
  }

  worked(turnMs: number): void {
    if (turnMs > this.ownTurnMsMax) this.ownTurnMsMax = turnMs;
  }

  /** Takes in the stretch of a run that came behind its own. */
  add(stretch: AnswerMeter): void {
    this.latencies.add(stretch.latencies);
    for (const { atMs, pauseMs } of stretch.pauses) {
      if (this.pauses.length === pausesKept) break;
      this.pauses.push({ atMs: stretch.startedAtMs + atMs - this.startedAtMs, pauseMs });
    }
    this.pauseMsMax = Math.max(this.pauseMsMax, stretch.pauseMsMax);
    this.ownTurnMsMax = Math.max(this.ownTurnMsMax, stretch.ownTurnMsMax);
    this.lastAnswerAtMs = stretch.lastAnswerAtMs;
  }

  /** Begins anew, behind a warm-up or at the next stretch. */
  restart(nowMs: number): void {
    this.latencies.clear();
    this.pauses.length = 0;
    this.pauseMsMax = this.ownTurnMsMax = 0;
    this.startedAtMs = this.lastAnswerAtMs = nowMs;
  }
}

/** Longer ones than this are bugs, wherever they come from. */
const pauseMsKept = 20;
const pausesKept = 1000;
