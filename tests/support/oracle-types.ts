/** One put or delete. `tag` names the value that a put writes, and no two puts write the same. */
export interface Operation {
  readonly key: string;
  readonly type: "put" | "delete";
  /** 0 for a delete. */
  readonly tag: number;
  /** 0: only if there is no such entry; undefined: always. */
  readonly ifVersion?: number | undefined;
}

/** A put, a delete or a batch that was sent, and what is known of it by now. */
export interface Write {
  readonly connection: number;
  readonly operations: readonly Operation[];
  /** How many sequence numbers it takes: a batch has a COMMIT besides its operations. */
  readonly records: number;
  /** The newest seq that anybody knew of when it was sent: its own must be newer. */
  readonly floorSeq: number;
  readonly sentAt: number;
  /** Known by the acknowledgement, or because its value was seen. */
  version: number | undefined;
  isAcknowledged: boolean;
  /** It certainly did not happen. */
  isRefused: boolean;
}

/** An entry as a read showed it. */
export interface Seen {
  readonly version: number;
  readonly tag: number;
}

/** What was shown of several keys at the same instant. */
export interface Page {
  /** undefined: absent. */
  readonly entries: ReadonlyMap<string, Seen | undefined>;
  /** The seq up to which it shows everything; undefined: nobody said. */
  readonly seq: number | undefined;
}

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

export type Rule =
  /** Something acknowledged or seen is gone, and nothing that was in flight can have overwritten it. */
  | "lost-write"
  /** A part of an unacknowledged batch is there, and a part is not. */
  | "half-batch"
  /** A value that nobody wrote, or not there, or in an earlier life. */
  | "never-sent"
  /** It was said that this certainly did not happen. */
  | "refused-but-applied"
  /** A conflict was reported where there is none. */
  | "refused-wrongly"
  /** A write with ifVersion went through although the entry had another version. */
  | "condition-ignored"
  /** A read showed less than what was known before it began. */
  | "stale-read"
  /** An entry that was seen deleted is back. */
  | "resurrected"
  /** One answer shows a batch in parts, or a write without an earlier one, or another instant than it says. */
  | "torn-page"
  /** What a snapshot shows is not what it showed before. */
  | "snapshot-changed"
  /** A copy of the store does not have what was known before it was begun. */
  | "stale-copy"
  | "version-reused"
  | "version-changed"
  | "version-went-back"
  /** The store's newest seq is older than one that was given out. */
  | "seq-went-back"
  /** Requests of one connection were not executed in the order in which they were sent. */
  | "connection-out-of-order"
  /** Sequence numbers were consumed that no write explains. */
  | "seqs-unaccounted";
