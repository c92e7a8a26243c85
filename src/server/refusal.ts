import { ConflictError } from "../engine/errors.ts";
import { LimitError, type HoldfastError } from "../lib/errors.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { outcome, status, statusNamed, type ErrorStatus, type OutcomeCode } from "../protocol/status.ts";

/** An error as the wire says it. */
export interface Refusal {
  readonly status: ErrorStatus;
  readonly outcome: OutcomeCode;
  readonly details: readonly number[];
}

/** What an error of the store, or of the protocol, is called on the wire. Its `code` is the name of a status. */
export function refusalOf(error: HoldfastError): Refusal {
  return {
    status: statusNamed(error.code) ?? status.INTERNAL,
    outcome: isOutcomeUnknown(error) ? outcome.unknown : outcome.notApplied,
    details: detailsOf(error),
  };
}

/**
 * An error that says nothing of the outcome is a refusal, before which nothing happened. Only a failed disk may
 * have kept what it was given.
 */
function isOutcomeUnknown(error: HoldfastError): boolean {
  if ("outcome" in error) return error.outcome === "unknown";
  return error.code === "STORAGE_FAULT";
}

function detailsOf(error: HoldfastError): readonly number[] {
  if (error instanceof ProtocolError) return error.details;
  if (error instanceof LimitError) return [error.limit, error.actual];
  if (error instanceof ConflictError) return [error.actualVersion, error.operationIndex];
  return [];
}
