/** Why no store that keeps its promise can have answered so. */
export interface HistoryViolation {
  readonly rule: HistoryRule;
  readonly detail: string;
  /** The operations to look at. */
  readonly ids: readonly number[];
}

export type HistoryRule =
  /** A value that nobody wrote under this key. */
  | "never-written"
  /** A value shows although it was said that its write certainly did not happen. */
  | "refused-but-applied"
  /** One write with two versions, or two writes with one. */
  | "version-unclear"
  /** A conflict was reported where the condition holds, or where there is none. */
  | "refused-wrongly"
  /** Two reads of one snapshot differ. */
  | "snapshot-changed"
  /** There is no order of all operations in which every answer is right. */
  | "no-order";

/** Thrown where a history is prepared, and caught where it is checked. */
export class ViolationFound extends Error {
  readonly violation: HistoryViolation;

  constructor(rule: HistoryRule, detail: string, ids: readonly number[]) {
    super(`${rule}: ${detail}`);
    this.violation = { rule, detail, ids };
  }
}
