import { HoldfastError } from "../../../src/lib/errors.ts";
import { isSystemError } from "../../../src/offline/store-report.ts";

/** Something that no fault of a disk excuses. */
export class Violation extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Violation";
  }
}

/** Whoever is refused is told so by one of our errors: never by a bug of ours. */
export function assertOurs(error: unknown, what: string): asserts error is HoldfastError {
  if (error instanceof Violation) throw error;
  if (error instanceof HoldfastError && error.code !== "ASSERTION_FAILED") return;
  throw new Violation(`${what} ended with ${(error as Error)?.stack ?? String(error)}`, error);
}

/** A start or an end may also hand on what the system said, as it is. */
export function assertTold(error: unknown, what: string): void {
  if (!isSystemError(error)) assertOurs(error, what);
}
