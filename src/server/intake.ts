import { Buffer } from "node:buffer";
import type { Store } from "../engine/store.ts";
import type { Clock } from "../lib/clock.ts";
import { HoldfastError } from "../lib/errors.ts";
import { bytesPerEffort, pendingBytesMax } from "../lib/limits.ts";
import { FrameDecoder } from "../protocol/frame-decoder.ts";
import type { HelloInfo, HelloRequest } from "../protocol/hello.ts";
import { connectionId, opcode, unconditional } from "../protocol/opcodes.ts";
import { peekOpcode } from "../protocol/peek-opcode.ts";
import { ProtocolError, RefusedError } from "../protocol/protocol-error.ts";
import type { RequestDecoder } from "../protocol/request.ts";
import { status } from "../protocol/status.ts";
import { dispatch } from "./dispatcher.ts";
import type { ResponseQueue } from "./response-queue.ts";
import type { ServerLimits } from "./server-limits.ts";
import type { Statistics } from "./statistics.ts";

/** What the intakes of a server share. */
export interface IntakeHost {
  readonly store: Store;
  readonly limits: ServerLimits;
  readonly statistics: Statistics;
  readonly hello: HelloInfo;
  /** One for all: a request is decoded and handed to the store within one call. */
  readonly request: RequestDecoder;
  /** No request is begun any more; those that were are answered. */
  readonly isDraining: boolean;
  /** The answer to stats. */
  stats(): Record<string, unknown>;
}

/**
 * The way in of one connection: cuts the peer's bytes into requests, and has each of them carried out or refused.
 * The session says when the next may be taken.
 *
 * A refusal is an answer, and the connection goes on. It ends, with the reason as its last word, when the bytes
 * make no sense, because nothing behind them can be trusted to be where a frame begins; and when a stranger's
 * first request is anything but a hello that we can serve.
 */
export class Intake {
  /** Nothing but a hello is accepted, and no frame larger than one. */
  isGreeting = true;
  /** What the peer calls itself. */
  clientName = "";
  requestsTaken = 0;
  /** The next request, as far as it came, is a write that has to wait, for the store or for an allowance. */
  holdsWrite = false;
  /** Its writes have to wait while more than this waits to be written; `noBytes` (turns.ts): whatever waits. */
  pendingBytesMax = pendingBytesMax;
  /** What the requests so far cost, roughly, in puts: a page or a batch may be as much work as a hundred small ones. */
  effort = 0;
  /** Why the connection has to end; no more is taken then. */
  fatal: HoldfastError | undefined;
  /** What was last added to the total of all connections. */
  bytesCounted = 0;
  /** Since when the request at its head waits to be whole, or to be taken. */
  heldSinceMs = 0;
  #takenWhenHeld = -1;

  readonly #host: IntakeHost;
  readonly #queue: ResponseQueue;
  readonly #frames: FrameDecoder;
  /** The frame that the decoder found is still to be taken. */
  #hasFrame = false;

  constructor(host: IntakeHost, queue: ResponseQueue) {
    this.#host = host;
    this.#queue = queue;
    this.#frames = new FrameDecoder(host.limits.helloFrameBytesMax, true);
  }

  /** Bytes that were received and not taken. */
  get bufferedBytes(): number {
    const frames = this.#frames;
    return frames.bufferedBytes + (this.#hasFrame ? frames.end - frames.start : 0);
  }

  /** Nothing more is taken. What was received is let go. */
  close(): void {
    this.#hasFrame = false;
    this.#frames.close();
  }

  /** Adds what was received and not taken to the total of all connections. */
  count(clock: Pick<Clock, "monotonicMs">): void {
    const bytes = this.bufferedBytes;
    if (bytes === this.bytesCounted) return;
    const isAnother = this.bytesCounted === 0 || this.requestsTaken !== this.#takenWhenHeld;
    this.#host.statistics.inputBytes += bytes - this.bytesCounted;
    this.bytesCounted = bytes;
    if (bytes === 0 || !isAnother) return;
    this.heldSinceMs = clock.monotonicMs();
    this.#takenWhenHeld = this.requestsTaken;
  }

  /** The chunk is kept until its last frame was taken, and then freed. */
  push(chunk: Buffer): void {
    this.#frames.push(chunk);
  }

  /**
   * Takes one request. False when there is none that is whole, when the connection has to end, or when the next is a
   * write and has to wait; whatever stands behind it waits with it.
   */
  take(): boolean {
    const { request } = this.#host;
    const frames = this.#frames;
    let hasFrame = this.#hasFrame;
    try {
      hasFrame ||= frames.next();
    } catch (error) {
      return this.#refuse(connectionId, error);
    }
    if (this.isHeldBack || this.holdsWrite) this.#lookAhead(hasFrame);
    if (!hasFrame || this.holdsWrite) return false;
    this.requestsTaken++;
    try {
      request.decode(frames.bytes, frames.start, frames.end);
      this.#assertServed(request);
    } catch (error) {
      // Whatever else is wrong with a stranger's request: it should have been a hello.
      const isStrange = this.isGreeting && request.opcode !== opcode.hello && error instanceof RefusedError;
      return this.#refuse(request.correlationId, isStrange ? helloRequired() : error);
    }
    this.effort += effortOf(request) + (frames.end - frames.start) / bytesPerEffort;
    this.#carryOut(request);
    return true;
  }

  /** Writes have to wait; but not those of strangers or during a drain, which are refused. */
  get isHeldBack(): boolean {
    const { isDraining, store } = this.#host;
    return store.pendingBytes > this.pendingBytesMax && !isDraining && !this.isGreeting;
  }

  /** Its write still has to wait. */
  get isHeld(): boolean {
    return this.holdsWrite && this.isHeldBack;
  }

  /** Holds the next request if it has to wait. One that is not whole, too: its rest would only take memory. */
  #lookAhead(hasFrame: boolean): void {
    const { bytes, start, end } = this.#frames;
    const unfinished = hasFrame ? nothing : this.#frames.unfinished();
    const next = hasFrame ? peekOpcode(bytes, start, end) : peekOpcode(unfinished, 0, unfinished.length);
    this.holdsWrite = this.isHeldBack && isWrite(next);
    this.#hasFrame = hasFrame && this.holdsWrite;
  }

  /** Throws what forbids this request, here and now. */
  #assertServed(request: RequestDecoder): void {
    if (this.#host.isDraining) throw shuttingDown();
    if (request.opcode === opcode.hello) this.#assertHelloServed(request.hello!);
    else if (this.isGreeting) throw helloRequired();

    // The formats hold these so that they need not change when the features come. Until then they are refused: an
    // entry that never expires though it was told to, or a resend that is applied twice, is worse than an error.
    if (request.expiresAtMs !== 0) throw unserved(carryOut, "entries do not expire", "expiresAtMs");
    if (request.requestNumber !== 0) throw unserved(carryOut, "there are no sessions", "the request number");
  }

  #assertHelloServed(hello: HelloRequest): void {
    if (!this.isGreeting) throw helloRepeated();
    if (hello.credentials !== undefined)
      throw unserved(sayHello, "there is no authentication", "the credentials");
    if (hello.session !== undefined) throw unserved(sayHello, "there are no sessions", "the session");
  }

  #carryOut(request: RequestDecoder): void {
    const { statistics, store } = this.#host;
    const id = request.correlationId;
    statistics.requests[request.opcode]!++;
    switch (request.opcode) {
      case opcode.hello:
        this.isGreeting = false;
        this.clientName = request.hello!.clientName ?? "";
        this.#frames.frameBytesMax = this.#host.limits.frameBytesMax;
        this.#queue.hello(id, this.#host.hello);
        return;
      case opcode.ping:
        this.#queue.pong(id);
        return;
      case opcode.stats:
        this.#queue.stats(id, this.#host.stats());
        return;
      default:
        this.#queue.unanswered++;
        dispatch(request, store, this.#queue);
    }
  }

  /** Answers what can't be carried out. Whether the connection goes on. */
  #refuse(id: number, error: unknown): boolean {
    this.effort += effortOfRefusal;
    const reason = error instanceof ProtocolError ? error : undecodable(error);
    this.#queue.error(id, reason);
    if (reason instanceof RefusedError && !this.isGreeting) return true;
    this.fatal = reason;
    return false;
  }
}

/** Also the notice to a connection as a whole, so it speaks of no request. */
export function shuttingDown(): RefusedError {
  const message = "Cannot take any more requests: the server is shutting down; connect again later";
  return new RefusedError(status.SHUTTING_DOWN, message);
}

function helloRequired(): RefusedError {
  const message = `${carryOut}: there was no hello before it; connect again and begin with one`;
  return new RefusedError(status.HELLO_REQUIRED, message);
}

function helloRepeated(): RefusedError {
  const message = `${sayHello}: it was said before on this connection; send other requests, or connect again`;
  return new RefusedError(status.INVALID_ARGUMENT, message);
}

function unserved(task: string, state: string, field: string): RefusedError {
  return new RefusedError(
    status.UNSUPPORTED,
    `${task}: ${state} in this version of the server; leave out ${field}`,
  );
}

const carryOut = "Cannot carry out the request";
const sayHello = "Cannot say hello";

/** A bug of ours in the decoders concerns this connection only: they carry nothing from one request to the next. */
function undecodable(cause: unknown): HoldfastError {
  const message = "Cannot read the message: the server has a bug; the connection closes";
  return new HoldfastError("INTERNAL", message, { cause });
}

function isWrite(code: number): boolean {
  return code === opcode.put || code === opcode.delete || code === opcode.batch;
}

/** Whoever has to know what is there may have to read a block for it, and one from the disk may take 0.1 ms. */
function effortOf(request: RequestDecoder): number {
  switch (request.opcode) {
    case opcode.scan:
    case opcode.getMany:
    case opcode.batch:
    case opcode.stats:
      return 64;
    case opcode.checkpoint:
    case opcode.compact:
    case opcode.hello:
      return 16;
    case opcode.get:
      return 4;
    default:
      return request.ifVersion === unconditional ? 1 : 4;
  }
}

/** An error is thrown, and its message written. */
const effortOfRefusal = 16;

const nothing = Buffer.alloc(0);
