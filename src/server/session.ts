import type { Buffer } from "node:buffer";
import type { AdvanceWaiter } from "../engine/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { HoldfastError } from "../lib/errors.ts";
import { sharedSendBytesMax, turnInputBytesMax, turnOutputBytesMax } from "../lib/limits.ts";
import { connectionId } from "../protocol/opcodes.ts";
import { Appetite } from "./appetite.ts";
import { Deadlines } from "./deadlines.ts";
import type { Leaver } from "./farewells.ts";
import { Intake, type IntakeHost } from "./intake.ts";
import { ResponseQueue, type QueueHost } from "./response-queue.ts";
import type { TurnEnd, TurnEnder } from "./turn-end.ts";
import { noBytes, type Turns, type TurnTaker } from "./turns.ts";
import type { Wire } from "./wire.ts";
import type { Rationed } from "./write-allowance.ts";

/** What the sessions of a server share, and whom they tell of their end. */
export interface SessionHost extends IntakeHost, QueueHost {
  readonly clock: Clock;
  readonly turnEnd: TurnEnd;
  readonly turns: Turns;
  /** Keeps the input and the output of all connections together within their limits. */
  relieve(): void;
  /** A peer is sent away for what it did, or left undone. Whether it has to wait until it may leave. */
  sendAway(session: Session, error: HoldfastError): boolean;
  /** The connection is gone, and so is the session. */
  sessionClosed(session: Session): void;
  /** Our own code failed, or the store's: nothing that it might acknowledge now can be trusted. */
  failed(error: unknown): void;
}

/**
 * One connection, as a machine: bytes in, bytes out, no socket inside. Requests come in through the intake
 * (intake.ts), responses leave through the queue (response-queue.ts); the session decides when either may go on.
 *
 *             the first is a hello
 *   accepted ──────> open ─────────────────> finishing ───────────────────> lingering ──────────> closed
 *                        malformed frame,     nothing more is taken, what     we said goodbye,
 *                        no hello, a missed   was begun is answered           input is dropped
 *                        deadline, the peer's
 *                        end, a drain, a fault
 *
 *   any state ── the wire closed, a peer that takes nothing, too much output in total ──────────> closed
 *
 * Whoever is sent away may first be *detained* (farewells.ts): the wire is paused, and no byte leaves until it may go.
 * While it is open, a session may be *stalled*: as many requests as the peer may have in flight are unanswered, as
 * many bytes as it may leave unread wait for it, or its next request is a write, and the store is congested or the
 * allowance spent (write-allowance.ts). It takes no request then, and the wire is paused, until half of that room is
 * free again, and its write may go on: whoever only reads never waits for writes. Whoever asks for much beside others
 * may have to *wait for its turn* (turns.ts): it takes no request until it is called.
 *
 * Invariants:
 *  1. Requests are handed to the store in the order in which they came, each exactly once, none while stalled.
 *  2. Nothing leaves before the store's ackableSeq covers it (asserted where bytes reach the wire).
 *  3. Whatever a peer sends, only its own connection ends. Whatever our code or the store throws ends the server.
 *  4. What a connection holds is bounded: one frame, a chunk or two behind it, and output up to outputBytesMax
 *     plus the one answer that went past it.
 *  5. The wire is paused if and only if the session is detained, or is open, and stalled, or waits for its turn and has
 *     received more than turnInputBytesMax that it did not take.
 *  6. While something waits, it is called: by the one awaitAdvance that is registered, its turn, or the allowance.
 */
export class Session implements AdvanceWaiter, Rationed, TurnEnder, TurnTaker, Leaver {
  readonly #host: SessionHost;
  readonly #wire: Wire;
  readonly #queue: ResponseQueue;
  readonly #intake: Intake;
  readonly #deadlines: Deadlines;
  readonly #appetite: Appetite;
  #state: "open" | "finishing" | "lingering" | "closed" = "open";
  #isStalled = false;
  #isRationed = false;
  #isPaused = false;
  #awaitsAdvance = false;
  #awaitsPoll = false;
  #awaitsTurnEnd = false;
  #awaitsTurn = false;
  /** It had its turn, and nothing of it: a write had to wait. */
  #isPassedOver = false;
  /** While it has its turn: until when. */
  #turnEndMs: number | undefined;
  #peerEnded = false;
  /** It was sent away, and waits until it may leave: nothing is read from it, and nothing leaves. */
  #isDetained = false;
  #fault: HoldfastError | undefined;
  #lingersSinceMs = 0;

  constructor(wire: Wire, host: SessionHost) {
    this.#host = host;
    this.#wire = wire;
    this.#queue = new ResponseQueue(wire, host, () => this.#workAfterPoll());
    this.#intake = new Intake(host, this.#queue);
    this.#appetite = new Appetite(host.clock, host.turns.demand, this.#intake, this.#queue);
    this.#deadlines = new Deadlines(host.limits, host.clock.monotonicMs(), this.#intake, this.#queue);
  }

  // --- What the wire and the store tell --------------------------------------------------------------------

  receive(chunk: Buffer): void {
    this.#host.statistics.bytesIn += chunk.length;
    if (this.#state !== "open") return;
    this.#work(chunk);
  }

  /** The wire, which was full, takes bytes again. */
  drained(): void {
    this.#queue.drained();
    this.goOn();
  }

  /** The peer sends nothing more. What it sent is still answered. */
  ended(): void {
    this.#peerEnded = true;
    if (this.#state === "lingering") this.#wire.end();
    else this.#work();
  }

  /** The wire is gone. */
  closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#queue.close();
    this.#countInput();
    this.#host.sessionClosed(this);
  }

  /** The store's ackableSeq advanced. */
  advanced(): void {
    this.#awaitsAdvance = false;
    this.goOn();
  }

  /**
   * What it waited for has come. A thousand that flood have a thousand answers to send then, and modest ones must not
   * wait for all of them: so these go on in their turns.
   */
  goOn(): void {
    if (this.#state !== "open" || !this.#host.turns.isShared(this.#appetite.wasGreedy)) return this.#work();
    this.#queue.isCut ||= this.#queue.unsentBytes > 0;
    this.#awaitTurn();
  }

  /** It waited for its turn, and may work until then. */
  takeTurn(endMs: number): void {
    this.#awaitsTurn = false;
    this.#turnEndMs = endMs;
    this.#work();
    this.#turnEndMs = undefined;
  }

  /** All that could be read in this turn was read. */
  turnEnded(): void {
    this.#awaitsTurnEnd = false;
    if (this.#state === "lingering" || this.#state === "closed") return;
    try {
      this.#queue.release();
      this.#flush();
    } catch (error) {
      this.#host.failed(error);
    }
  }

  // --- What the server tells -------------------------------------------------------------------------------

  sweep(nowMs: number): void {
    if (this.#state === "closed" || this.#isDetained) return;
    if (this.#state === "lingering") {
      if (nowMs - this.#lingersSinceMs > this.#host.limits.lingerDeadlineMs) this.#wire.end();
      return;
    }
    const isOurs = this.#isStalled || this.#awaitsTurn || this.#state !== "open";
    const missed = this.#deadlines.sweep(nowMs, isOurs ? 0 : this.#intake.bufferedBytes, this.#isRationed);
    if (missed === undefined) return;
    if (missed.isDeaf) this.evict(missed.error);
    else if (this.#state === "open") {
      this.#sendAway(missed.error);
      this.finish(missed.error);
    }
  }

  /** Says what is the matter with the connection as a whole, and goes on. */
  notify(error: HoldfastError): void {
    if (this.#state !== "open" || this.isGreeting) return;
    this.#queue.error(connectionId, error);
    this.#work();
  }

  /** Takes nothing more, says why if there is a reason, and closes when everything that was begun is answered. */
  finish(error?: HoldfastError): void {
    if (this.#state !== "open") return;
    if (error !== undefined) this.#queue.error(connectionId, error);
    this.#state = "finishing";
    this.#work();
  }

  /** The store failed. What waits is answered as unknown; what the store refuses in this very turn still gets out. */
  storeFailed(fault: HoldfastError): void {
    this.#fault = fault;
    if (this.#state === "open") this.#state = "finishing";
    this.#workAfterPoll();
  }

  /** Lets go of all that is kept for the peer, for what it did, and closes as soon as it may leave. */
  evict(error: HoldfastError): void {
    if (this.#state === "closed") return;
    if (!this.#isDetained) this.#sendAway(error);
    this.#drop();
    if (!this.#isDetained) this.#wire.terminate();
  }

  /** It was sent away, and waits no longer. */
  leave(): void {
    this.#isDetained = false;
    if (this.#state === "closed") return;
    if (this.#queue.isClosed) this.#wire.terminate();
    else this.#work();
  }

  /** Closes at once, with all that was not taken yet. */
  terminate(): void {
    if (this.#state === "closed") return;
    this.#drop();
    this.#wire.terminate();
  }

  /** Whether the hello is still to come. */
  get isGreeting(): boolean {
    return this.#intake.isGreeting;
  }

  get incoming(): Pick<Intake, "bytesCounted" | "clientName" | "heldSinceMs" | "requestsTaken"> {
    return this.#intake;
  }

  get outgoing(): Pick<ResponseQueue, "inFlight" | "outputBytes"> {
    return this.#queue;
  }

  // --- The work --------------------------------------------------------------------------------------------

  /**
   * Does all there is to do now: lets go what became durable, takes requests while there is room for their
   * answers, gives the wire everything at once. Every event ends here, so that none can forget a step.
   */
  #work(chunk?: Buffer): void {
    if (this.#state === "lingering" || this.#state === "closed") return;
    try {
      const queue = this.#queue;
      if (chunk !== undefined) this.#intake.push(chunk);
      queue.isCorked = true;
      if (this.#fault !== undefined) queue.failWaiting(this.#fault);
      queue.release();
      if (this.#state === "open") this.#takeRequests();
      queue.release();
      queue.isCorked = false;
      // Others were read in this turn too, and all answers leave at its end; but large ones need not pile up.
      const mayWait = chunk !== undefined && this.#state === "open" && queue.unsentBytes < turnOutputBytesMax;
      if (!mayWait || queue.unsentBytes === 0) return this.#flush();
      if (!this.#awaitsTurnEnd) this.#host.turnEnd.add(this);
      this.#awaitsTurnEnd = true;
      this.#count();
    } catch (error) {
      this.#host.failed(error);
    }
  }

  #flush(): void {
    const queue = this.#queue;
    const isLarge = queue.unsentBytes > sharedSendBytesMax && this.#host.turns.isShared(true);
    // What was cut off leaves in its turns, a piece in each, and not with the next chunk that happens to come.
    const mustStay = this.#isDetained || (queue.isCut && this.#awaitsTurn && this.#turnEndMs === undefined);
    if (!mustStay) queue.flush(isLarge ? sharedSendBytesMax : Infinity);
    this.#settle();
  }

  #takeRequests(): void {
    if (this.#turnEndMs !== undefined) this.#isPassedOver = this.#intake.holdsWrite;
    if (this.#isStalled && !this.#hasRoomAgain()) return;
    const { clock, isDraining, store, turns } = this.#host;
    if (this.#awaitsTurn && !isDraining) return;
    const nowMs = clock.monotonicMs();
    const isGreedy = this.#appetite.isGreedy(nowMs, this.#intake.holdsWrite);
    // Strangers that come and go by the thousand must not keep those who stay from their turns.
    const isShared = isGreedy || this.isGreeting;
    const endMs = isDraining ? Infinity : (this.#turnEndMs ?? turns.admit(isShared, nowMs));
    if (endMs === undefined) return this.#awaitTurn();
    this.#intake.pendingBytesMax = turns.pendingBytesMax(isGreedy, nowMs);
    const { pendingBytes } = store;
    this.#takeUntil(endMs);
    if (isGreedy) turns.wrote(store.pendingBytes - pendingBytes, nowMs);
    const isCut = this.#awaitsTurn || (this.#isStalled && this.#intake.bufferedBytes > 0);
    if (!this.#appetite.count(isCut)) return;
    this.#isPassedOver = false;
    if (!isGreedy && !isCut) turns.servedModest(nowMs);
  }

  /** Takes requests while there is room for their answers, and time. */
  #takeUntil(endMs: number): void {
    const intake = this.#intake;
    const { isDraining } = this.#host;
    let isOver: boolean;
    do {
      this.#isStalled = this.#queue.isFull && !isDraining;
      isOver = this.#appetite.hasEaten(endMs, this.#queue.outputBytes);
    } while (!this.#isStalled && !isOver && intake.take());
    if (intake.holdsWrite) this.#isStalled = true;
    else if (isOver && !this.#isStalled && intake.bufferedBytes > 0) this.#awaitTurn();
    this.#queue.endChunk();
    if (intake.fatal !== undefined) this.#sendAway(intake.fatal);
    const isDone = this.#peerEnded && !this.#isStalled && (isDraining || !this.#awaitsTurn);
    if (intake.fatal !== undefined || isDone) this.#state = "finishing";
  }

  /** While the server drains there is always room: what is taken is refused, and better that than dropped. */
  #hasRoomAgain(): boolean {
    const { clock, isDraining, turns } = this.#host;
    if (isDraining) return true;
    this.#intake.pendingBytesMax = turns.pendingBytesMax(this.#appetite.wasGreedy, clock.monotonicMs());
    return this.#queue.hasRoomAgain && !this.#intake.isHeld;
  }

  /** Sees to it that somebody calls again while anything is left to do, and ends what is done. */
  #settle(): void {
    this.#count();
    const queue = this.#queue;
    if (this.#isDetained) return;
    // The wire refused our bytes: it is gone, whether or not it has said so yet.
    if (queue.isClosed) return this.terminate();
    const isHeldBack = this.#state === "open" && this.#isStalled;
    this.#pause(isHeldBack || (this.#awaitsTurn && this.#intake.bufferedBytes > turnInputBytesMax));
    // In a turn of its own: a peer that reads as fast as we answer must not keep all others waiting.
    if (queue.isCut || (isHeldBack && this.#hasRoomAgain())) this.#awaitTurn();
    const { bufferedBytes, pendingBytesMax } = this.#intake;
    const isHeld = isHeldBack && this.#intake.isHeld;
    this.#isRationed = isHeld && pendingBytesMax === noBytes;
    if (this.#isRationed) this.#host.turns.ration(this, bufferedBytes, this.#isPassedOver);
    if ((queue.isWaiting || (isHeld && !this.#isRationed)) && !this.#awaitsAdvance) {
      this.#awaitsAdvance = true;
      this.#host.store.awaitAdvance(this);
    }
    const isAnswered = queue.unanswered === 0 || this.#fault !== undefined;
    if (this.#state === "finishing" && queue.outputBytes === 0 && isAnswered) this.#sayGoodbye();
  }

  /** Before others are read, or their bytes would come on top of what nobody has counted. */
  #count(): void {
    this.#countInput();
    this.#queue.countOutput();
    this.#host.relieve();
  }

  /** Once nothing is taken any more, what was received is let go. */
  #countInput(): void {
    if (this.#state !== "open") this.#intake.close();
    this.#intake.count(this.#host.clock);
  }

  #sendAway(error: HoldfastError): void {
    this.#isDetained = this.#host.sendAway(this, error);
    if (this.#isDetained) this.#pause(true);
  }

  #drop(): void {
    this.#state = "finishing";
    this.#queue.close();
    this.#countInput();
  }

  #awaitTurn(): void {
    if (this.#awaitsTurn) return;
    this.#awaitsTurn = true;
    this.#host.turns.add(this, this.#appetite.wasGreedy, this.#isPassedOver);
  }

  #pause(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#wire.pause();
    else this.#wire.resume();
  }

  #workAfterPoll(): void {
    if (this.#awaitsPoll) return;
    this.#awaitsPoll = true;
    this.#host.clock.afterPoll(() => {
      this.#awaitsPoll = false;
      this.#work();
    });
  }

  #sayGoodbye(): void {
    // What a failed store still answers has no way out any more, and must not end the connection before its time.
    this.#queue.close();
    this.#state = "lingering";
    this.#lingersSinceMs = this.#host.clock.monotonicMs();
    // A reset, for input that nobody read, would overtake our last answers: so the peer is left to close first.
    if (this.#peerEnded) this.#wire.end();
    else this.#wire.shutdown();
  }
}
