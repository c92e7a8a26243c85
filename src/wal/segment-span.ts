/** A segment as far as it may be shown: a sealed one whole, the active one up to where it may be acknowledged. */
export interface SegmentSpan {
  number: number;
  firstSeq: number;
  /** Less than firstSeq where there is no record. */
  lastSeq: number;
  bytes: number;
}
