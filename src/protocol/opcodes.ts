/** The word that begins every connection; whoever speaks something else is told so and closed. */
export const protocolName = "holdfast";

/** The only version so far. How versions are agreed on, and what may change in one: README.md beside this file. */
export const protocolVersion = 1;

/** What a request asks for: the second element of its array. Numbers are never reused. */
export const opcode = {
  hello: 0,
  ping: 1,
  get: 2,
  getMany: 3,
  put: 4,
  delete: 5,
  batch: 6,
  scan: 7,
  stats: 8,
  checkpoint: 9,
  compact: 10,
  openSnapshot: 11,
  renewSnapshot: 12,
  closeSnapshot: 13,
} as const;

export type Opcode = (typeof opcode)[keyof typeof opcode];

/** The kinds of operation inside a batch: the first element of each operation's array. */
export const batchOperation = { put: 0, delete: 1 } as const;

/** Ids 1 … 2^32 - 1 are the client's to choose; 0 is the server's own voice, about the connection as a whole. */
export const connectionId = 0;
export const correlationIdMax = 0xffff_ffff;

/** `ifVersion` of a write that goes through whatever is there; on the wire it is nil, or left out. */
export const unconditional = -1;

/** The snapshot of a read that is to see the newest state; on the wire it is nil, or left out. */
export const newestState = 0;

/** The snapshot of a scan that wants one opened for its further pages; on the wire it is 0, which names none. */
export const snapshotWanted = -1;
