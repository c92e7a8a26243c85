import type { Buffer } from "node:buffer";
import type { Replies, Store } from "../engine/store.ts";
import { assert } from "../lib/assert.ts";
import type { ByteWriter } from "../lib/byte-writer.ts";
import type { HoldfastError } from "../lib/errors.ts";
import { outputRoomMin, outputShareMax } from "../lib/limits.ts";
import type { HelloInfo } from "../protocol/hello.ts";
import { newestState } from "../protocol/opcodes.ts";
import type { PageEncoder } from "../protocol/page-encoder.ts";
import {
  encodeCheckpointed,
  encodeDone,
  encodeEntry,
  encodeError,
  encodeHelloReply,
  encodePong,
  encodeSnapshot,
  encodeStatsReply,
  encodeWritten,
} from "../protocol/response-encoder.ts";
import { readHead, ResponseHead } from "../protocol/response-decoder.ts";
import type { CheckpointAnswers } from "./checkpoint-replies.ts";
import { interruptionOf, refusalOf, type Refusal } from "./refusal.ts";
import type { ServerLimits } from "./server-limits.ts";
import type { Statistics } from "./statistics.ts";
import { WaitingResponses } from "./waiting-responses.ts";
import type { Wire } from "./wire.ts";
import type { WriterPool } from "./writer-pool.ts";

/** What the queues of a server share. */
export interface QueueHost {
  readonly store: Store;
  readonly pool: WriterPool;
  readonly statistics: Statistics;
  readonly limits: ServerLimits;
}

/**
 * The responses of one connection, from the store's answers to the bytes on the wire. It is the gate behind which
 * everything waits that a crash could still take back: a response whose `visibleAt` is beyond the store's
 * `ackableSeq` is kept apart (waiting-responses.ts), and `flush`, the one place where bytes reach a socket,
 * asserts that none got past.
 *
 * Answers are only collected here. The session says when a batch of them is complete (`flush`), so that there is
 * one system call per chunk read and per group made durable, not one per response.
 */
export class ResponseQueue implements Replies, CheckpointAnswers {
  /** Requests that were handed to the store and have no answer yet. */
  unanswered = 0;
  /** While the session works, it flushes when it is done; an answer at any other time has to call for it. */
  isCorked = false;
  /** Bytes that the wire took, ever. */
  bytesTaken = 0;
  /** The wire would have taken more than it was given at once. */
  isCut = false;

  // Invariant: ready.bytes[readySent .. ready.length) may leave now, because readyVisibleAt <= store.ackableSeq.
  #ready: ByteWriter | undefined;
  #readySent = 0;
  #readyVisibleAt = 0;
  #wireIsFull = false;
  #isClosed = false;
  /** What was last added to the total of all connections. */
  #outputBytesCounted = 0;
  #page: PageEncoder | undefined;

  readonly #wire: Wire;
  readonly #store: Store;
  readonly #pool: WriterPool;
  readonly #statistics: Statistics;
  readonly #limits: ServerLimits;
  readonly #waiting: WaitingResponses;
  readonly #answeredLate: () => void;

  constructor(wire: Wire, host: QueueHost, answeredLate: () => void) {
    this.#wire = wire;
    this.#store = host.store;
    this.#pool = host.pool;
    this.#statistics = host.statistics;
    this.#limits = host.limits;
    this.#answeredLate = answeredLate;
    this.#waiting = new WaitingResponses(host.pool);
  }

  /** Requests whose answer has not been given to the wire's side yet: the store has them, or durability is awaited. */
  get inFlight(): number {
    return this.unanswered + this.#waiting.count;
  }

  /** Bytes that the wire could not take yet. */
  get unsentBytes(): number {
    return this.#ready === undefined ? 0 : this.#ready.length - this.#readySent;
  }

  get outputBytes(): number {
    return this.unsentBytes + this.#waiting.length;
  }

  /** As many requests as the peer may have in flight are unanswered, or as much is unread as it may leave. */
  get isFull(): boolean {
    return this.inFlight >= this.#limits.inFlightRequestsMax || this.outputBytes >= this.#room;
  }

  /** Half of the room is free: less, and who was full would be full again at once. */
  get hasRoomAgain(): boolean {
    return this.inFlight * 2 <= this.#limits.inFlightRequestsMax && this.outputBytes * 2 <= this.#room;
  }

  /** What the peer may leave unread: the less, the less room there is for all. Whoever reads leaves nothing. */
  get #room(): number {
    const { outputBytesMax, outputBytesTotalMax } = this.#limits;
    const free = outputBytesTotalMax - this.#statistics.outputBytes;
    return Math.min(outputBytesMax, Math.max(outputBytesMax * outputRoomMin, free * outputShareMax));
  }

  get isWaiting(): boolean {
    return !this.#waiting.isEmpty;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  // --- Answers of the store ------------------------------------------------------------------------------

  entry(
    id: number,
    version: number,
    bytes: Buffer,
    valueStart: number,
    valueEnd: number,
    visibleAt: number,
  ): void {
    if (this.#answered()) encodeEntry(this.#writerFor(visibleAt), id, version, bytes, valueStart, valueEnd);
  }

  written(id: number, version: number, visibleAt: number): void {
    if (this.#answered()) encodeWritten(this.#writerFor(visibleAt), id, version);
  }

  pageEntry(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    version: number,
    valueBytes: Buffer,
    valueStart: number,
    valueEnd: number,
  ): void {
    this.#page ??= this.#pool.takePage();
    this.#page.add(keyBytes, keyStart, keyEnd, version, valueBytes, valueStart, valueEnd);
  }

  page(id: number, more: boolean, snapshotId: number, visibleAt: number): void {
    this.#page ??= this.#pool.takePage();
    if (this.#answered()) this.#page.finish(this.#writerFor(visibleAt), id, more, snapshotId);
    this.#dropPage();
  }

  snapshot(id: number, snapshotId: number, seq: number, leaseMs: number, visibleAt: number): void {
    assert(snapshotId !== newestState, "a snapshot has an id");
    if (this.#answered()) encodeSnapshot(this.#writerFor(visibleAt), id, snapshotId, seq, leaseMs);
  }

  done(id: number, _seq: number, visibleAt: number): void {
    if (this.#answered()) encodeDone(this.#writerFor(visibleAt), id);
  }

  checkpointed(id: number, seq: number, visibleAt: number): void {
    if (this.#answered()) encodeCheckpointed(this.#writerFor(visibleAt), id, seq);
  }

  refused(id: number, refusal: HoldfastError, visibleAt: number): void {
    this.#dropPage();
    if (this.#answered()) this.#encodeRefusal(this.#writerFor(visibleAt), id, refusal);
  }

  // --- Answers of the server, which depend on nothing ------------------------------------------------------

  pong(id: number): void {
    if (!this.#isClosed) encodePong(this.#readyWriter(), id);
  }

  hello(id: number, info: HelloInfo): void {
    if (!this.#isClosed) encodeHelloReply(this.#readyWriter(), id, info);
  }

  stats(id: number, map: Record<string, unknown>): void {
    if (!this.#isClosed) encodeStatsReply(this.#readyWriter(), id, map);
  }

  error(id: number, error: HoldfastError): void {
    if (!this.#isClosed) this.#encodeRefusal(this.#readyWriter(), id, error);
  }

  // --- The way out -----------------------------------------------------------------------------------------

  /** A chunk of the socket was read to its end: what is answered from now on may belong to a later group. */
  endChunk(): void {
    this.#waiting.endChunk();
  }

  /** Lets go of what has become durable. */
  release(): void {
    const seq = this.#waiting.releasableSeq(this.#store.ackableSeq);
    if (seq === 0) return;
    this.#ready = this.#waiting.release(seq, this.#ready);
    if (seq > this.#readyVisibleAt) this.#readyVisibleAt = seq;
  }

  /** Gives the wire all it takes, but no more than that at once. */
  flush(bytesMax = Infinity): void {
    const ready = this.#ready;
    this.isCut = false;
    if (ready !== undefined && !this.#wireIsFull) this.#send(ready, bytesMax);
  }

  /** Adds what has not left to the total of all connections. */
  countOutput(): void {
    const bytes = this.outputBytes;
    this.#statistics.outputBytes += bytes - this.#outputBytesCounted;
    this.#outputBytesCounted = bytes;
  }

  /** The wire, which was full, takes bytes again. */
  drained(): void {
    this.#wireIsFull = false;
  }

  /**
   * The store failed: what still waits will never be durable for sure, so none of it may leave. Each request in it
   * gets an answer of unknown outcome instead.
   */
  failWaiting(fault: HoldfastError): void {
    const waiting = this.#waiting.takeAll();
    if (waiting === undefined) return;
    const ready = this.#readyWriter();
    const interruption = interruptionOf(fault);
    forEachId(waiting, (id) => this.#encodeError(ready, id, interruption, fault.message));
    this.#pool.give(waiting);
  }

  /** Nothing more reaches the wire; answers that still come are dropped. */
  close(): void {
    this.#isClosed = true;
    const waiting = this.#waiting.takeAll();
    if (waiting !== undefined) this.#pool.give(waiting);
    this.#giveReady();
    this.#dropPage();
    this.countOutput();
  }

  #send(ready: ByteWriter, bytesMax: number): void {
    assert(
      this.#readyVisibleAt <= this.#store.ackableSeq,
      "no response leaves before everything that it depends on is durable",
    );
    const bytes = Math.min(ready.length - this.#readySent, bytesMax);
    const taken = this.#wire.write(ready.bytes, this.#readySent, bytes);
    if (taken < 0) {
      this.close();
      return;
    }
    this.bytesTaken += taken;
    this.#statistics.bytesOut += taken;
    this.#statistics.socketWrites++;
    this.#readySent += taken;
    if (this.#readySent === ready.length) {
      this.#giveReady();
      return;
    }
    this.isCut = taken === bytes;
    this.#wireIsFull = !this.isCut;
    // Moving what is left to the front each time would cost the square of it; when half is gone, it is linear.
    if (this.#readySent * 2 >= ready.length) {
      ready.consume(this.#readySent);
      this.#readySent = 0;
    }
  }

  /** Whether anybody can still be told. */
  #answered(): boolean {
    assert(this.unanswered > 0, "every request is answered once");
    this.unanswered--;
    if (this.#isClosed) return false;
    if (!this.isCorked) this.#answeredLate();
    return true;
  }

  #writerFor(visibleAt: number): ByteWriter {
    if (visibleAt > this.#store.ackableSeq) return this.#waiting.begin(visibleAt);
    if (visibleAt > this.#readyVisibleAt) this.#readyVisibleAt = visibleAt;
    return this.#readyWriter();
  }

  #readyWriter(): ByteWriter {
    return (this.#ready ??= this.#pool.take());
  }

  #giveReady(): void {
    if (this.#ready !== undefined) this.#pool.give(this.#ready);
    this.#ready = undefined;
    this.#readySent = 0;
    this.#readyVisibleAt = 0;
  }

  #dropPage(): void {
    if (this.#page !== undefined) this.#pool.givePage(this.#page);
    this.#page = undefined;
  }

  #encodeRefusal(writer: ByteWriter, id: number, error: HoldfastError): void {
    this.#encodeError(writer, id, refusalOf(error), error.message);
  }

  #encodeError(writer: ByteWriter, id: number, refusal: Refusal, message: string): void {
    this.#statistics.errorAnswered(refusal.status);
    encodeError(writer, id, refusal.status, message, refusal.outcome, refusal.details);
  }
}

/** The ids of whole responses. They are read back from our own frames, so that none need be kept beside them. */
function forEachId(responses: ByteWriter, action: (id: number) => void): void {
  const head = new ResponseHead();
  for (let start = 0; start < responses.length;) {
    const payload = start + framePrefixBytes;
    const end = payload + responses.bytes.readUInt32BE(start);
    readHead(responses.bytes, payload, end, head);
    action(head.correlationId);
    start = end;
  }
}

const framePrefixBytes = 4;
