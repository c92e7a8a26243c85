import { InvalidArgumentError, LimitError, UnknownOutcomeError } from "../src/lib/errors.ts";
import type { DecodedError } from "../src/protocol/response-decoder.ts";
import { status } from "../src/protocol/status.ts";
import { ConflictError, ServerError, SnapshotExpiredError } from "./errors.ts";
import type { AnyOperation } from "./operation.ts";

/** The error for a request that the server refused, or whose outcome it does not know. */
export function errorOfRefusal(operation: AnyOperation, args: unknown, refusal: DecodedError): Error {
  const { details, message } = refusal;
  const what = operation.describe(args);
  const saying = `Cannot ${what}, says the server: ${message}`;
  if (refusal.outcome === "not-applied" || !operation.isWrite) {
    switch (refusal.status) {
      case status.CONFLICT: {
        const operationIndex = details[1] ?? 0;
        return new ConflictError(operation.describe(args, operationIndex), details[0] ?? 0, operationIndex);
      }
      case status.LIMIT_EXCEEDED:
        return LimitError.saying(saying, details[1] ?? 0, details[0] ?? 0);
      case status.INVALID_ARGUMENT:
        return new InvalidArgumentError(saying);
      case status.SNAPSHOT_EXPIRED:
        return new SnapshotExpiredError(what);
    }
  }
  const error = new ServerError(refusal.code, refusal.status, saying, refusal.outcome);
  return refusal.outcome === "unknown" && operation.isWrite ? unknownOutcome(what, error) : error;
}

/** The error for a write that was sent, and then its answer did not come. */
export function unknownOutcome(what: string, cause: Error): UnknownOutcomeError {
  return new UnknownOutcomeError(
    `Cannot tell whether this happened: ${what}; read it back, or write again what may be written twice`,
    { cause },
  );
}
