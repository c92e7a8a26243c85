/**
 * How a request ended: the second element of a response's array. The table in README.md says of each what it
 * means, what to do, and whether the connection goes on. Numbers are never reused: 15 was STORE_FULL, from when a
 * store was held in memory as a whole.
 */
export const status = {
  OK: 0,
  MALFORMED: 1,
  UNKNOWN_OPCODE: 2,
  UNSUPPORTED: 3,
  INVALID_ARGUMENT: 4,
  LIMIT_EXCEEDED: 5,
  CONFLICT: 6,
  DISK_FULL: 7,
  STORAGE_FAULT: 8,
  SHUTTING_DOWN: 9,
  UNAUTHENTICATED: 10,
  HELLO_REQUIRED: 11,
  VERSION_UNSUPPORTED: 12,
  OVERLOADED: 13,
  INTERNAL: 14,
  SNAPSHOT_EXPIRED: 16,
} as const;

export type StatusName = keyof typeof status;
export type StatusCode = (typeof status)[StatusName];
export type ErrorStatus = Exclude<StatusCode, typeof status.OK>;

const names: (StatusName | undefined)[] = [];
for (const [name, code] of Object.entries(status)) names[code] = name as StatusName;

/** The highest number that is in use. */
export const statusMax = names.length - 1;

/** The stable name of a status, also the `code` of its error; a number from a newer peer gets a name with the number in it. */
export function statusName(code: number): string {
  return names[code] ?? `STATUS_${code}`;
}

/** The status that an error's `code` names, if it names one. */
export function statusNamed(code: string): ErrorStatus | undefined {
  return code !== "OK" && Object.hasOwn(status, code) ? status[code as Exclude<StatusName, "OK">] : undefined;
}

/** What an error response says of the write that it ends. */
export const outcome = {
  /** Certainly not applied. */
  notApplied: 0,
  /** Applied, not applied, or still to be applied: nobody can know. */
  unknown: 1,
} as const;

export type OutcomeCode = (typeof outcome)[keyof typeof outcome];
