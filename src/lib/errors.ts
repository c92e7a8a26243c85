/**
 * The base of every error that Holdfast raises on purpose. `code` is stable: programs branch on it, never on the
 * message. The message says what could not be done, the state that forbids it, and the next step.
 */
export class HoldfastError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What an error says of the write that it ends: nothing happened for sure, or nobody can know. */
export type Outcome = "not-applied" | "unknown";

/**
 * The write may have happened, or may happen never: the connection, the deadline or the disk ended before its
 * acknowledgement. Read the key back, or send a write that may safely happen twice.
 */
export class UnknownOutcomeError extends HoldfastError {
  readonly outcome: Outcome = "unknown";

  constructor(message: string, options?: ErrorOptions) {
    super("UNKNOWN_OUTCOME", message, options);
  }
}

/** An argument that no store could accept: a bug of the caller, found before anything was sent or written. */
export class InvalidArgumentError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";

  constructor(message: string, options?: ErrorOptions) {
    super("INVALID_ARGUMENT", message, options);
  }
}

/** A published limit forbids it (limits.ts). Nothing was sent or written. */
export class LimitError extends HoldfastError {
  readonly outcome: Outcome = "not-applied";
  readonly limit: number;
  readonly actual: number;

  constructor(what: string, actual: number, limit: number, message?: string) {
    super("LIMIT_EXCEEDED", message ?? `${what}: ${actual} is beyond the limit of ${limit}`);
    this.limit = limit;
    this.actual = actual;
  }

  /** With a message that was put together elsewhere and names both numbers already. */
  static saying(message: string, actual: number, limit: number): LimitError {
    return new LimitError("", actual, limit, message);
  }
}
