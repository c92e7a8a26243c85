import { ConflictError } from "../engine/errors.ts";
import type { HoldfastError } from "../lib/errors.ts";
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

/** The same for a request that had been begun when the error came: nobody can know what became of it. */
export function interruptionOf(error: HoldfastError): Refusal {
  return { ...refusalOf(error), outcome: outcome.unknown };
}

/** An error that says nothing of the outcome is a refusal, before which nothing happened. */
function isOutcomeUnknown(error: HoldfastError): boolean {
  return "outcome" in error && error.outcome === "unknown";
}

function detailsOf(error: HoldfastError): readonly number[] {
  if (error instanceof ProtocolError) return error.details;
  if (error instanceof ConflictError) return [error.actualVersion, error.operationIndex];
  if (isOfLimit(error)) return [error.limit, error.actual];
  return [];
}

/** Whatever its class: a request beyond a limit, or a store that is full. */
function isOfLimit(error: HoldfastError): error is HoldfastError & { limit: number; actual: number } {
  if (!("limit" in error && "actual" in error)) return false;
  return Number.isSafeInteger(error.limit) && Number.isSafeInteger(error.actual);
}
