import { ProtocolError } from "../protocol/protocol-error.ts";
import { status } from "../protocol/status.ts";
import type { ServerLimits } from "./server-limits.ts";

/** What a peer was too slow at, as it is told. */
export interface MissedDeadline {
  readonly error: ProtocolError;
  /** It takes nothing, so nothing can be told to it either. */
  readonly isDeaf: boolean;
}

/** What is looked at of a session's way in (intake.ts). Counters only ever grow. */
export interface Incoming {
  readonly isGreeting: boolean;
  /** Requests taken, ever. */
  readonly requestsTaken: number;
}

/** And of its way out (response-queue.ts). */
export interface Outgoing {
  /** Requests that wait for an answer of ours. */
  readonly inFlight: number;
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
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #requestsTaken = 0;
  #busyMs: number;
  #frameMs = 0;
  #writeMs: number;
  #frameIsUnfinished = false;
  #frameBytesAtFirst = 0;
  #bytesTaken = 0;
  #takenMs: number;

  constructor(limits: ServerLimits, nowMs: number, incoming: Incoming, outgoing: Outgoing) {
    this.#limits = limits;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#connectedMs = nowMs;
    this.#busyMs = nowMs;
    this.#takenMs = nowMs;
    this.#writeMs = nowMs;
  }

  /**
   * The deadline that this peer has missed, if it has. `unfinishedBytes`: of the frame that is unfinished; 0 when there is
   * none, or when it is us who don't read. `isRationed`: it has a write that waits for the allowance of greedy ones.
   */
  sweep(nowMs: number, unfinishedBytes: number, isRationed: boolean): MissedDeadline | undefined {
    const { requestsTaken } = this.#incoming;
    const hasRequested = requestsTaken !== this.#requestsTaken;
    this.#requestsTaken = requestsTaken;
    return (
      this.#checkOutput(nowMs) ??
      this.#checkHello(nowMs) ??
      this.#checkFrame(nowMs, unfinishedBytes, hasRequested) ??
      this.#checkWrite(nowMs, isRationed && !hasRequested) ??
      this.#checkIdle(nowMs, unfinishedBytes, hasRequested)
    );
  }

  #checkOutput(nowMs: number): MissedDeadline | undefined {
    const { bytesTaken, unsentBytes } = this.#outgoing;
    const hasTaken = bytesTaken !== this.#bytesTaken;
    this.#bytesTaken = bytesTaken;
    if (hasTaken || unsentBytes === 0) {
      this.#takenMs = nowMs;
      return undefined;
    }
    const limit = this.#limits.outputDeadlineMs;
    return late("it took nothing of its answers for", nowMs - this.#takenMs, limit, true);
  }

  #checkHello(nowMs: number): MissedDeadline | undefined {
    if (!this.#incoming.isGreeting) return undefined;
    return late("it said no hello for", nowMs - this.#connectedMs, this.#limits.helloDeadlineMs);
  }

  #checkFrame(nowMs: number, unfinishedBytes: number, hasRequested: boolean): MissedDeadline | undefined {
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
      if (actual < limit) return missed(reason, limit, actual, false);
    }
    return late("its frame was unfinished for", elapsedMs, this.#limits.frameDeadlineMs);
  }

  /**
   * Others came before it for so long that its caller has given up; and a peer that is gone is not noticed while it is
   * not read from. So what it has sent is let go.
   */
  #checkWrite(nowMs: number, isWaiting: boolean): MissedDeadline | undefined {
    if (!isWaiting) this.#writeMs = nowMs;
    return late(
      "to share what busy clients may write, its next write waited for",
      nowMs - this.#writeMs,
      this.#limits.heldWriteDeadlineMs,
    );
  }

  /** Whoever waits for an answer, takes one, or sends a frame is not idle, however long that takes. */
  #checkIdle(nowMs: number, unfinishedBytes: number, hasRequested: boolean): MissedDeadline | undefined {
    const { inFlight, unsentBytes } = this.#outgoing;
    if (hasRequested || inFlight + unsentBytes + unfinishedBytes > 0) this.#busyMs = nowMs;
    return late("it asked for nothing for", nowMs - this.#busyMs, this.#limits.idleDeadlineMs);
  }
}

function late(what: string, elapsedMs: number, limit: number, isDeaf = false): MissedDeadline | undefined {
  if (elapsedMs <= limit) return undefined;
  const actual = Math.round(elapsedMs);
  return missed(`${what} ${actual} ms, and ${limit} are the most`, limit, actual, isDeaf);
}

function missed(reason: string, limit: number, actual: number, isDeaf: boolean): MissedDeadline {
  const message = `Cannot keep the connection: ${reason}; connect again`;
  return { error: new ProtocolError(status.LIMIT_EXCEEDED, message, [limit, actual]), isDeaf };
}
