/** What a write is answered with. */
export interface Written {
  /** The version that each touched entry now has, greater than all versions before it. */
  version: number;
}

export interface VersionedValue<V> {
  value: V;
  version: number;
}

/** What a checkpoint is answered with. */
export interface Checkpoint {
  /** Everything up to this version was moved out of the log, into tables. 0: nothing was ever written. */
  seq: number;
}

/** What the server tells about itself. Keys come and go with its releases. */
export type ServerStats = Record<string, unknown>;
