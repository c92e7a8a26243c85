/** What a write is answered with. */
export interface Written {
  /** The version that each touched entry now has, greater than all versions before it. */
  version: number;
}

export interface VersionedValue<V> {
  value: V;
  version: number;
}

/** What the server tells about itself. Keys come and go with its releases. */
export type ServerStats = Record<string, unknown>;
