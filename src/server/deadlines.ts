import type { ServerLimits } from "./server-limits.ts";

/** What a peer was too slow at. */
export interface MissedDeadline {
  readonly reason: string;
  readonly limit: number;
  readonly actual: number;
  /** It takes nothing, so nothing can be told to it either. */
  readonly isDeaf: boolean;
}

/** What a session shows of itself when its deadlines are looked at. Counters only ever grow. */
export interface Progress {
  readonly isGreeting: boolean;
  /** Requests taken, ever. */
  readonly requestsTaken: number;
  /** Requests that wait for an answer of ours. */
  readonly inFlight: number;
  /** Bytes of the frame that is unfinished; 0 when there is none, or when it is us who don't read. */
  readonly unfinishedBytes: number;
  /** Bytes of output that the peer took, ever, and those that it still has to take. */
  readonly bytesTaken: number;
  readonly unsentBytes: number;
}

/**
 * The deadlines of one connection. They are not timers: one sweep a second looks at all connections and compares
 * their counters with those of the sweep before, so a request costs nothing here, not even a look at the clock.
 * A deadline is noticed a sweep or two late, never early.
 */
export class Deadlines {
  readonly #limits: ServerLimits;
  readonly #connectedMs: number;
  #requestsTaken = 0;
  #busyMs: number;
  #frameMs = 0;
  #frameIsUnfinished = false;
  #frameBytesAtFirst = 0;
  #bytesTaken = 0;
  #takenMs: number;

  constructor(limits: ServerLimits, nowMs: number) {
    this.#limits = limits;
    this.#connectedMs = nowMs;
    this.#busyMs = nowMs;
    this.#takenMs = nowMs;
  }

  /** The deadline that this peer has missed, if it has. */
  sweep(nowMs: number, progress: Progress): MissedDeadline | undefined {
    const hasRequested = progress.requestsTaken !== this.#requestsTaken;
    this.#requestsTaken = progress.requestsTaken;
    return (
      this.#checkOutput(nowMs, progress) ??
      this.#checkHello(nowMs, progress) ??
      this.#checkFrame(nowMs, progress, hasRequested) ??
      this.#checkIdle(nowMs, progress, hasRequested)
    );
  }

  #checkOutput(nowMs: number, progress: Progress): MissedDeadline | undefined {
    const hasTaken = progress.bytesTaken !== this.#bytesTaken;
    this.#bytesTaken = progress.bytesTaken;
    if (hasTaken || progress.unsentBytes === 0) {
      this.#takenMs = nowMs;
      return undefined;
    }
    const limit = this.#limits.outputDeadlineMs;
    return missed("it took nothing of its answers for", nowMs - this.#takenMs, limit, true);
  }

  #checkHello(nowMs: number, progress: Progress): MissedDeadline | undefined {
    if (!progress.isGreeting) return undefined;
    return missed("it said no hello for", nowMs - this.#connectedMs, this.#limits.helloDeadlineMs);
  }

  #checkFrame(nowMs: number, progress: Progress, hasRequested: boolean): MissedDeadline | undefined {
    const { unfinishedBytes } = progress;
    if (unfinishedBytes === 0 || hasRequested || !this.#frameIsUnfinished) {
      this.#frameIsUnfinished = unfinishedBytes > 0;
      this.#frameMs = nowMs;
      this.#frameBytesAtFirst = unfinishedBytes;
      return undefined;
    }
    const elapsedMs = nowMs - this.#frameMs;
    if (elapsedMs > this.#limits.frameGraceMs) {
      const limit = this.#limits.frameBytesPerSecondMin;
      const actual = Math.floor(((unfinishedBytes - this.#frameBytesAtFirst) * 1000) / elapsedMs);
      const reason = `its frame came at ${actual} bytes a second, and ${limit} are the least`;
      if (actual < limit) return { reason, limit, actual, isDeaf: false };
    }
    return missed("its frame was unfinished for", elapsedMs, this.#limits.frameDeadlineMs);
  }

  /** Whoever waits for an answer, takes one, or sends a frame is not idle, however long that takes. */
  #checkIdle(nowMs: number, progress: Progress, hasRequested: boolean): MissedDeadline | undefined {
    if (hasRequested || progress.inFlight + progress.unsentBytes + progress.unfinishedBytes > 0) {
      this.#busyMs = nowMs;
    }
    return missed("it asked for nothing for", nowMs - this.#busyMs, this.#limits.idleDeadlineMs);
  }
}

function missed(what: string, elapsedMs: number, limit: number, isDeaf = false): MissedDeadline | undefined {
  if (elapsedMs <= limit) return undefined;
  const actual = Math.round(elapsedMs);
  return { reason: `${what} ${actual} ms, and ${limit} are the most`, limit, actual, isDeaf };
}
