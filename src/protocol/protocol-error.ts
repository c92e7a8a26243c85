import { HoldfastError } from "../lib/errors.ts";
import { connectionId } from "./opcodes.ts";
import { status, statusName, type ErrorStatus } from "./status.ts";

/**
 * A message that cannot be carried out as it came. It holds all that an error response needs, so that a session
 * answers every kind in the same way; only after a MalformedError it closes the connection as well.
 *
 * It says nothing of an outcome, because that depends on the side: a server that could not read a request has
 * certainly not applied it, a client that could not read the response knows nothing.
 */
export class ProtocolError extends HoldfastError {
  readonly status: ErrorStatus;
  readonly details: readonly number[];
  /** Whose message it was, as far as that could be read; else 0, the connection as a whole. */
  correlationId: number = connectionId;

  constructor(code: ErrorStatus, message: string, details: readonly number[] = []) {
    super(statusName(code), message);
    this.status = code;
    this.details = details;
  }
}

/**
 * The bytes are no message of this protocol, so nothing after them can be trusted to begin where a message
 * begins: the connection has to close.
 */
export class MalformedError extends ProtocolError {
  constructor(reason: string) {
    super(status.MALFORMED, `Cannot read the message: ${reason}; the connection closes`);
  }
}

/** A request that was understood as far as its refusal asks for: it is answered, and the connection goes on. */
export class RefusedError extends ProtocolError {}

/** The refusal of what is larger than was announced. Its details: the limit, and what it met. */
export function beyondLimit(what: string, actual: number, limit: number): RefusedError {
  const message = `Cannot carry out the request: ${what}: ${actual} is beyond the limit of ${limit}`;
  return new RefusedError(status.LIMIT_EXCEEDED, message, [limit, actual]);
}
