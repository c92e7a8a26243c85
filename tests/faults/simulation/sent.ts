import { Buffer } from "node:buffer";
import type { TestResponse } from "../../server/harness.ts";
import type { Ledger } from "./ledger.ts";
import type { Feature } from "./simulation-options.ts";

/** A request that was sent, and what its answer has to be. */
export interface Sent {
  readonly what: string;
  /** In which life of the server it was sent. */
  readonly life: number;
  readonly answered: (response: TestResponse) => void;
  /** Whether this refusal makes sense; if nothing is said, only those that any request may get do. */
  readonly refused?: (error: NonNullable<TestResponse["error"]>) => boolean;
}

/** What the world says of now. */
export interface WorkloadWorld {
  readonly ledger: Ledger;
  readonly keys: readonly string[];
  readonly valueBytesMax: number;
  readonly nowUs: () => number;
  readonly has: (feature: Feature) => boolean;
  readonly pageEntriesMax: number;
}

/** A refusal has to make sense, and to keep its word. */
export function checkRefusal(
  ledger: Ledger,
  id: number,
  sent: Sent,
  error: NonNullable<TestResponse["error"]>,
): void {
  const { code, message, outcome } = error;
  const isSensible = ledger.excuses.has(code) || sent.refused?.(error) === true;
  if (!isSensible)
    ledger.violate(`request ${id}, ${sent.what}, was refused for no reason: ${code}: ${message}`);
  if (outcome === "not-applied") ledger.refused(id, code);
}

/** Keys and values are latin-1 in the ledger, one character a byte. */
export const latin1 = (text: string) => Buffer.from(text, "latin1");
