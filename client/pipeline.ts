import type { Buffer } from "node:buffer";
import { assert } from "../src/lib/assert.ts";
import type { Clock } from "../src/lib/clock.ts";
import { callSlotsMax, sendSliceBytesMax } from "../src/lib/limits.ts";
import type { HelloLimits } from "../src/protocol/hello.ts";
import { MalformedError } from "../src/protocol/protocol-error.ts";
import { decodeError, type ResponseHead } from "../src/protocol/response-decoder.ts";
import { status } from "../src/protocol/status.ts";
import { CallDeadlines } from "./call-deadlines.ts";
import { errorOfRefusal, unknownOutcome } from "./call-errors.ts";
import { CallTable, type Call } from "./call.ts";
import type { ConnectionMachine } from "./connection-machine.ts";
import { EndOfTick } from "./end-of-tick.ts";
import { AbortError, ClosedError, QueueFullError, TimeoutError } from "./errors.ts";
import type { AnyOperation, Operation } from "./operation.ts";
import type { CallOptions } from "./options.ts";
import { RequestQueue } from "./request-queue.ts";
import { checkDuration } from "./settings.ts";

/**
 * All calls of a client, from the moment they are made to the moment their promise settles, over as many connections
 * as that takes. The rules:
 *
 * 1. A call that was not sent waits for a connection, as long as its deadline allows.
 * 2. A read that was sent is sent again on the next connection. A write that was sent is not: its outcome is unknown.
 * 3. A call is sent from the moment its bytes are given to the socket, whether or not they left.
 * 4. Every promise settles once: by an answer, a deadline, a signal, or the end of the client.
 */
export class Pipeline {
  readonly clock: Clock;
  /** As announced by the server that was connected last. */
  limits: HelloLimits | undefined;
  /** Why there is no connection, while there is none. */
  connectionFailure: Error | undefined;

  // Invariants: #open calls have a promise. #inFlight calls were sent on #connection and not answered, settled or not.
  // Calls wait in #again, which were sent on an earlier connection and go first, and in #queue.
  readonly #table: CallTable;
  readonly #queue: RequestQueue;
  readonly #again: RequestQueue;
  readonly #deadlines: CallDeadlines;
  readonly #timeoutMs: number;
  readonly #queueBytesMax: number;
  readonly #serverIsSilent: () => void;
  #connection: ConnectionMachine | undefined;
  #inFlightMax = 0;
  #inFlight = 0;
  #open = 0;
  #order = 0;
  #isClosed = false;
  readonly #endOfTick = new EndOfTick(() => {
    this.#deadlines.begin();
    this.flush();
  });
  #drained: () => void = () => {};

  constructor(clock: Clock, timeoutMs: number, queueBytesMax: number, serverIsSilent: () => void) {
    this.clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#queueBytesMax = queueBytesMax;
    this.#serverIsSilent = serverIsSilent;
    this.#table = new CallTable((call) => this.#aborted(call));
    this.#queue = new RequestQueue(this.#table);
    this.#again = new RequestQueue(this.#table);
    this.#deadlines = new CallDeadlines(clock, this.#table.slots, (call) => this.#expired(call));
  }

  /** Makes a call. Whatever is wrong with it rejects the promise; nothing is thrown. */
  call<Args, Answer>(
    operation: Operation<Args, Answer>,
    args: Args,
    options: CallOptions | undefined,
  ): Promise<Answer> {
    try {
      const call = this.#enqueue(operation as AnyOperation, args, options);
      const promise = new Promise<unknown>(captureSettlers);
      call.resolve = newResolve;
      call.reject = newReject;
      this.#open++;
      this.#endOfTick.request();
      if (this.#queue.frameBytes >= sendSliceBytesMax) this.flush();
      return promise as Promise<Answer>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The time of a call with these options, for those that are made of several. */
  timeoutOf(options: CallOptions | undefined): number {
    return options?.timeoutMs === undefined ? this.#timeoutMs : checkDuration("timeoutMs", options.timeoutMs);
  }

  /** Sends what waits on this connection from now on. */
  attach(connection: ConnectionMachine, limits: HelloLimits): void {
    assert(this.#connection === undefined && this.#inFlight === 0, "there is one connection at a time");
    this.#connection = connection;
    this.limits = limits;
    this.connectionFailure = undefined;
    // One request is left for the connection's own pings.
    this.#inFlightMax = Math.max(1, limits.inFlightRequestsMax - 1);
    this.flush();
  }

  /** The connection is gone: what was sent on it ends, or waits for the next one. */
  detach(failure: Error): void {
    this.connectionFailure = failure;
    this.#connection = undefined;
    this.#inFlight = 0;
    const reads = this.#again.clear();
    for (const call of this.#table.slots) {
      if (call.queue !== undefined) continue;
      if (call.state === "forgotten") this.#table.release(call);
      else if (call.state === "sent" && !call.operation.isWrite) reads.push(call);
      else if (call.state === "sent") {
        this.#reject(call, unknownOutcome(describe(call), failure));
        this.#table.release(call);
      }
    }
    for (const call of reads.sort((left, right) => left.order - right.order)) this.#sendAgain(call);
  }

  /** A response came. Throws what makes the connection unusable. */
  answered(bytes: Buffer, head: ResponseHead): void {
    const call = this.#table.find(head.correlationId);
    if (call === undefined || call.queue !== undefined)
      throw new MalformedError(`the response ${head.correlationId} answers no request`);
    this.#inFlight--;
    if (call.state === "forgotten") {
      this.#table.release(call);
    } else if (head.status !== status.OK) {
      this.#refused(call, bytes, head);
    } else {
      this.#decode(call, bytes, head);
    }
  }

  /** Sends what waits, as far as the connection takes it and the server's limit allows. */
  flush(): void {
    while (this.#connection?.canSend === true) {
      const queue = this.#again.isEmpty ? this.#queue : this.#again;
      const room = this.#inFlightMax - this.#inFlight;
      if (room <= 0 || queue.isEmpty) return;
      this.#inFlight += queue.take(room, sendSliceBytesMax);
      this.#connection.send(queue.bytes, queue.sliceStart, queue.sliceEnd);
      queue.taken();
    }
  }

  /** Ends the calls that were not sent, because waiting is no use. */
  rejectWaiting(error: (what: string) => Error): void {
    for (const call of this.#table.slots) {
      if (call.state === "queued") this.#reject(call, error(describe(call)));
    }
  }

  /** Takes no more calls. Resolves when none is open, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.clock.schedule(timeoutMs, resolve, true);
      this.#drained = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Ends all calls. */
  close(): void {
    this.#isClosed = true;
    const reason = "the client was closed before the answer";
    this.rejectWaiting((what) => new ClosedError(`Cannot ${what}: ${reason}`));
    for (const call of this.#table.slots) {
      if (call.state !== "sent") continue;
      const { isWrite } = call.operation;
      const error = new ClosedError(
        `Cannot ${describe(call)}: ${reason}`,
        isWrite ? "unknown" : "not-applied",
      );
      this.#reject(call, isWrite ? unknownOutcome(describe(call), error) : error);
    }
    this.#deadlines.stop();
    this.#connection = undefined;
    assert(this.#open === 0, "every promise settles");
  }

  #enqueue(operation: AnyOperation, args: unknown, options: CallOptions | undefined): Call {
    if (this.#isClosed) throw new ClosedError(`Cannot ${operation.describe(args)}: the client is closed`);
    const signal = options?.signal;
    if (signal?.aborted) throw new AbortError(operation.describe(args), signal.reason);
    const timeoutMs = this.timeoutOf(options);
    const waitingBytes = this.#queue.waitingBytes;
    if (waitingBytes > this.#queueBytesMax)
      throw new QueueFullError(operation.describe(args), "bytes", waitingBytes, this.#queueBytesMax);

    const call = this.#table.take();
    if (call === undefined)
      throw new QueueFullError(operation.describe(args), "calls", callSlotsMax, callSlotsMax);
    call.begin(operation, args);
    try {
      this.#queue.append(call, this.limits!.frameBytesMax);
    } catch (error) {
      this.#table.release(call);
      throw error;
    }
    call.order = this.#order++;
    call.timeoutMs = timeoutMs;
    this.#deadlines.add(call);
    if (signal !== undefined) call.listen(signal);
    return call;
  }

  #decode(call: Call, bytes: Buffer, head: ResponseHead): void {
    let answer: unknown;
    try {
      answer = call.operation.decode(bytes, head, call.args);
    } catch (error) {
      // The bytes may say anything, then: this call ends, or is sent again, with the connection.
      if (error instanceof MalformedError) throw error;
      this.#reject(call, error);
      this.#table.release(call);
      return;
    }
    const { resolve } = call;
    this.#forget(call);
    this.#table.release(call);
    resolve(answer);
  }

  #refused(call: Call, bytes: Buffer, head: ResponseHead): void {
    const refusal = decodeError(bytes, head);
    if (refusal.status === status.SHUTTING_DOWN) {
      this.#connection?.stopSending();
      if (!call.operation.isWrite) {
        this.#sendAgain(call);
        return;
      }
    }
    this.#reject(call, errorOfRefusal(call.operation, call.args, refusal));
    this.#table.release(call);
  }

  /** Queues a read that was sent before, in front of all calls that were not. */
  #sendAgain(call: Call): void {
    try {
      this.#again.append(call, this.limits!.frameBytesMax);
    } catch (error) {
      this.#reject(call, error);
      this.#table.release(call);
    }
  }

  #expired(call: Call): void {
    const { connectionFailure } = this;
    const isSent = call.state === "sent";
    const phase = isSent ? "server" : this.#connection === undefined ? "connect" : "queue";
    const isUnknown = isSent && call.operation.isWrite;
    const error = new TimeoutError(describe(call), phase, call.timeoutMs, {
      outcome: isUnknown ? "unknown" : "not-applied",
      ...(phase === "connect" && { cause: connectionFailure }),
    });
    this.#reject(call, isUnknown ? unknownOutcome(describe(call), error) : error);
    if (isSent) this.#serverIsSilent();
  }

  #aborted(call: Call): void {
    const isUnknown = call.state === "sent" && call.operation.isWrite;
    const error = new AbortError(describe(call), call.signal?.reason, isUnknown ? "unknown" : "not-applied");
    this.#reject(call, isUnknown ? unknownOutcome(describe(call), error) : error);
  }

  /** Rejects a call's promise. The slot stays taken while the queue or the server still has the call. */
  #reject(call: Call, error: unknown): void {
    const { reject, queue } = call;
    this.#forget(call);
    queue?.remove(call);
    reject(error);
  }

  #forget(call: Call): void {
    call.forget();
    this.#open--;
    if (this.#open === 0 && this.#isClosed) this.#drained();
  }
}

let newResolve: (answer: unknown) => void;
let newReject: (error: unknown) => void;

/** One executor for all promises: a closure for each would be one more object for each call. */
function captureSettlers(resolve: (answer: unknown) => void, reject: (error: unknown) => void): void {
  newResolve = resolve;
  newReject = reject;
}

function describe(call: Call): string {
  return call.operation.describe(call.args);
}
