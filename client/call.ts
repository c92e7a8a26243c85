import { assert } from "../src/lib/assert.ts";
import { callSlotsMax } from "../src/lib/limits.ts";
import type { AnyOperation } from "./operation.ts";

/**
 * Where a call is. `queued`: nothing of it was sent. `sent`: some of it may have been. `forgotten`: its promise is
 * settled, but the server's answer, or the queue, still holds its slot. Only `queued` and `sent` have a promise.
 */
export type CallState = "free" | "queued" | "sent" | "forgotten";

/** Where a call waits. */
export interface CallQueue {
  remove(call: Call): void;
}

/** A slot for one call at a time, used again and again: a call costs its promise and no other lasting object. */
export class Call {
  readonly index: number;
  /** The correlation id: which slot, and which use of it, so that an answer never reaches another use. */
  id = 0;
  state: CallState = "free";
  operation: AnyOperation = none;
  args: unknown = undefined;
  /** The order of the calls, in which reads are sent again. */
  order = 0;
  timeoutMs = 0;
  deadlineMs = 0;
  signal: AbortSignal | undefined = undefined;
  /** While queued: where, and from which offset to which. */
  queue: CallQueue | undefined = undefined;
  frameStart = 0;
  frameEnd = 0;
  resolve: (answer: unknown) => void = unsettled;
  reject: (error: unknown) => void = unsettled;

  /** What the signal calls; made once for all uses of the slot. */
  readonly #onAbort: () => void;
  #generation = 0;

  constructor(index: number, aborted: (call: Call) => void) {
    this.index = index;
    this.#onAbort = () => aborted(this);
  }

  begin(operation: AnyOperation, args: unknown): void {
    assert(this.state === "free", "a slot has one call at a time");
    this.operation = operation;
    this.args = args;
    this.id = this.#generation * slotsPerGeneration + this.index;
  }

  listen(signal: AbortSignal): void {
    this.signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Lets go of everything but the slot itself, because the promise is being settled. */
  forget(): void {
    if (this.signal !== undefined) {
      this.signal.removeEventListener("abort", this.#onAbort);
      this.signal = undefined;
    }
    this.args = undefined;
    this.resolve = this.reject = unsettled;
    this.state = "forgotten";
  }

  free(): void {
    this.state = "free";
    this.args = undefined;
    this.#generation = (this.#generation + 1) % generations;
  }
}

/** All slots, and which of them are free. */
export class CallTable {
  // Invariant: slots[i].index === i + 1, and `freeSlots` holds exactly those whose state is "free".
  readonly slots: Call[] = [];
  readonly #freeSlots: Call[] = [];
  readonly #aborted: (call: Call) => void;

  constructor(aborted: (call: Call) => void) {
    this.#aborted = aborted;
  }

  /** A free slot, or undefined when there are as many calls as ids can tell apart. */
  take(): Call | undefined {
    const free = this.#freeSlots.pop();
    if (free !== undefined || this.slots.length === callSlotsMax) return free;
    const call = new Call(this.slots.length + 1, this.#aborted);
    this.slots.push(call);
    return call;
  }

  /** The call that has this correlation id now. */
  find(id: number): Call | undefined {
    const call = this.slots[(id % slotsPerGeneration) - 1];
    return call?.id === id && call.state !== "free" ? call : undefined;
  }

  release(call: Call): void {
    call.free();
    this.#freeSlots.push(call);
  }
}

const slotsPerGeneration = 2 ** 20;
const generations = 2 ** 12;

const none: AnyOperation = {
  isWrite: false,
  encode: () => assert(false, "a free slot is not sent"),
  decode: () => assert(false, "a free slot is not answered"),
  describe: () => "call",
};

function unsettled(): void {
  assert(false, "a promise is settled once");
}
