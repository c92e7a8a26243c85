import { commitOrder } from "./commit-order.ts";
import type { History } from "./history.ts";
import { type HistoryViolation, ViolationFound } from "./history-violation.ts";
import { Placement } from "./placement.ts";

/**
 * Whether one sequential store could have given every answer of a history: whether all operations can be put in an
 * order in which each comes between its call and its return, and each answer is right. The store is the whole map, so a
 * batch and a page are one operation each. Its sequence numbers only rise, and a write takes at least one for each of
 * its records. A write without an answer happened once or never, before its life ended; whatever was answered, or seen,
 * did happen, and crashes change nothing in that.
 *
 * For any store this is a search through all orders (exhaustive-search.ts does that). But ours says which order it was:
 * answers name versions (commit-order.ts), so that what is left to be found is where reads fit in, which takes no
 * search, and what became of writes that nobody ever heard of, of which there are few (placement.ts).
 *
 * Returns undefined if there is such an order, else what stands against it.
 */
export function violationIn(history: History): HistoryViolation | undefined {
  try {
    return new Placement(commitOrder(history.operations)).violation();
  } catch (error) {
    if (error instanceof ViolationFound) return error.violation;
    throw error;
  }
}
