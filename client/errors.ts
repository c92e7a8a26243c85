import { HoldfastError, type Outcome } from "../src/lib/errors.ts";

/**
 * The errors of the client that the library does not have yet. Each has a stable `code`, and `outcome` says what
 * it means for a write: `not-applied` is certain, so that the write may safely be sent again.
 */

/** The server cannot be reached, or the connection ended. `cause` holds what the operating system said. */
export class ConnectionError extends HoldfastError {
  readonly outcome: Outcome;

  constructor(message: string, options?: ErrorOptions & { outcome?: Outcome }) {
    super("CONNECTION_FAILED", message, options);
    this.outcome = options?.outcome ?? "not-applied";
  }
}

/** Where a call was when its time was up: without a connection, waiting for its turn, or with the server. */
export type TimeoutPhase = "connect" | "queue" | "server";

/**
 * The deadline of a call passed. A write that was sent by then ends as an UnknownOutcomeError, with this as its cause.
 */
export class TimeoutError extends HoldfastError {
  readonly outcome: Outcome;
  readonly phase: TimeoutPhase;
  /** The call's time in milliseconds, all phases together. */
  readonly timeoutMs: number;

  constructor(
    what: string,
    phase: TimeoutPhase,
    timeoutMs: number,
    options?: ErrorOptions & { outcome?: Outcome },
  ) {
    super("TIMEOUT", `Cannot ${what}: ${phaseTexts[phase]} for ${timeoutMs} ms`, options);
    this.outcome = options?.outcome ?? "not-applied";
    this.phase = phase;
    this.timeoutMs = timeoutMs;
  }
}

const phaseTexts = {
  connect: "there was no connection to the server",
  queue: "it waited for its turn to be sent",
  server: "the server did not answer",
};

/**
 * The signal of a call was aborted. Its name is that of the platform's own, `AbortError`; `cause` is the signal's reason.
 */
export class AbortError extends HoldfastError {
  readonly outcome: Outcome;

  constructor(what: string, reason: unknown, outcome: Outcome = "not-applied") {
    super("ABORTED", `Cannot ${what}: its signal was aborted`, { cause: reason });
    this.name = "AbortError";
    this.outcome = outcome;
  }
}

/** The client was closed: before the call, or before its answer came. */
export class ClosedError extends HoldfastError {
  readonly outcome: Outcome;

  constructor(message: string, outcome: Outcome = "not-applied") {
    super("CLOSED", message);
    this.outcome = outcome;
  }
}

/** Too much waits to be sent already. Wait for some of the calls that were made, or raise `queueBytesMax`. */
export class QueueFullError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";
  /** The bound that was met, in bytes or in calls: the message says which. */
  readonly limit: number;
  readonly actual: number;

  constructor(what: string, unit: string, actual: number, limit: number) {
    super(
      "QUEUE_FULL",
      `Cannot ${what}: ${actual} ${unit} wait to be sent and ${limit} is the limit; await earlier calls first`,
    );
    this.limit = limit;
    this.actual = actual;
  }
}

/** A write's condition did not hold: the entry has another version than `ifVersion`. Nothing was written. */
export class ConflictError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";
  /** The version that the entry has instead; 0: there is no such entry. */
  readonly actualVersion: number;
  /** Which operation of the batch it was, from 0; 0 for a single write. */
  readonly operationIndex: number;

  constructor(what: string, actualVersion: number, operationIndex: number) {
    const state = actualVersion === 0 ? "the entry does not exist" : `the entry has version ${actualVersion}`;
    super("CONFLICT", `Cannot ${what}: ${state}; read it again and decide anew`);
    this.actualVersion = actualVersion;
    this.operationIndex = operationIndex;
  }
}

/** The server has the snapshot no more: its lease ran out, or the server was restarted. What it showed is gone. */
export class SnapshotExpiredError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(what: string) {
    super(
      "SNAPSHOT_EXPIRED",
      `Cannot ${what}: the snapshot is gone, because its lease ran out or the server was restarted; ` +
        "open another one, or begin the scan anew",
    );
  }
}

/** The server refused for a reason of its own: `code` is the stable name of `status`, as the protocol lists them. */
export class ServerError extends HoldfastError {
  readonly outcome: Outcome;
  /** The number of the status on the wire. */
  readonly status: number;

  constructor(code: string, status: number, message: string, outcome: Outcome) {
    super(code, message);
    this.outcome = outcome;
    this.status = status;
  }
}

/** What came from the server is not the protocol: another kind of server, or a bug. The connection was dropped. */
export class ProtocolError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(message: string, options?: ErrorOptions) {
    super("PROTOCOL_VIOLATED", message, options);
  }
}

/** A key or a value cannot be turned into bytes, or bytes not back: most often they were written with another codec. */
export class CodecError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(message: string, options?: ErrorOptions) {
    super("CODEC_FAILED", message, options);
  }
}
