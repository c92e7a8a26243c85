import type { SegmentFile } from "./segment-file.ts";
import type { SegmentSpan } from "./segment-span.ts";

/** What recovery hands over to the log writer. */
export interface LogStart {
  storeId: Uint8Array;
  segment: SegmentFile;
  sealed: SegmentSpan[];
  floorSeq: number;
  vouchedFor: boolean;
  /** Throws unless the directory that was opened is still the one at its path. */
  assertInPlace: () => void;
}
