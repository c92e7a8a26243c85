import { InvalidArgumentError } from "../lib/errors.ts";
import * as limits from "../lib/limits.ts";
import type { HelloLimits } from "../protocol/hello.ts";

/** The limits that a server holds its peers to: those it announces, and more. Their reasons stand in lib/limits.ts. */
export interface ServerLimits extends HelloLimits {
  readonly helloFrameBytesMax: number;
  readonly outputBytesMax: number;
  readonly outputBytesTotalMax: number;
  readonly inputBytesTotalMax: number;
  readonly connectionsMax: number;
  readonly evictionsPerSecond: number;
  readonly greedyWriteBytesPerSecondMax: number;
  readonly helloDeadlineMs: number;
  readonly frameDeadlineMs: number;
  readonly frameGraceMs: number;
  readonly frameBytesPerSecondMin: number;
  readonly heldWriteDeadlineMs: number;
  readonly outputDeadlineMs: number;
  readonly lingerDeadlineMs: number;
  readonly drainGraceMs: number;
  readonly drainDeadlineMs: number;
  readonly faultDeadlineMs: number;
}

const defaults: ServerLimits = {
  keyBytesMax: limits.keyBytesMax,
  valueBytesMax: limits.valueBytesMax,
  batchOperationsMax: limits.batchOperationsMax,
  batchBytesMax: limits.batchBytesMax,
  getManyKeysMax: limits.getManyKeysMax,
  frameBytesMax: limits.frameBytesMax,
  helloFrameBytesMax: limits.helloFrameBytesMax,
  inFlightRequestsMax: limits.inFlightRequestsMax,
  outputBytesMax: limits.outputBytesMax,
  outputBytesTotalMax: limits.outputBytesTotalMax,
  inputBytesTotalMax: limits.inputBytesTotalMax,
  connectionsMax: limits.connectionsMax,
  evictionsPerSecond: limits.evictionsPerSecond,
  greedyWriteBytesPerSecondMax: limits.greedyWriteBytesPerSecondMax,
  helloDeadlineMs: limits.helloDeadlineMs,
  frameDeadlineMs: limits.frameDeadlineMs,
  frameGraceMs: limits.frameGraceMs,
  frameBytesPerSecondMin: limits.frameBytesPerSecondMin,
  heldWriteDeadlineMs: limits.heldWriteDeadlineMs,
  idleDeadlineMs: limits.idleDeadlineMs,
  outputDeadlineMs: limits.outputDeadlineMs,
  lingerDeadlineMs: limits.lingerDeadlineMs,
  drainGraceMs: limits.drainGraceMs,
  drainDeadlineMs: limits.drainDeadlineMs,
  faultDeadlineMs: limits.faultDeadlineMs,
};

/** What the formats hold cannot be raised by an option: a record or a group would not fit. */
const limitedByFormat: readonly (keyof ServerLimits)[] = [
  "keyBytesMax",
  "valueBytesMax",
  "batchOperationsMax",
  "batchBytesMax",
  "frameBytesMax",
];

/** The defaults with `chosen` on top, refusing what is no limit at all. */
export function resolveLimits(chosen: Partial<ServerLimits> = {}): ServerLimits {
  for (const [name, value] of Object.entries(chosen)) {
    if (!Object.hasOwn(defaults, name)) {
      throw new InvalidArgumentError(
        `Cannot set the limit ${JSON.stringify(name)}: there is none of that name`,
      );
    }
    const limit = name as keyof ServerLimits;
    const largest = limitedByFormat.includes(limit) ? defaults[limit] : Number.MAX_SAFE_INTEGER;
    if (!Number.isSafeInteger(value) || value < 1 || value > largest) {
      throw new InvalidArgumentError(
        `Cannot set the limit ${name} to ${value}: it is a whole number from 1 to ${largest}`,
      );
    }
  }
  return { ...defaults, ...chosen };
}

/** Those that a client needs to know. */
export function announcedLimits(all: ServerLimits): HelloLimits {
  return {
    frameBytesMax: all.frameBytesMax,
    keyBytesMax: all.keyBytesMax,
    valueBytesMax: all.valueBytesMax,
    batchOperationsMax: all.batchOperationsMax,
    batchBytesMax: all.batchBytesMax,
    getManyKeysMax: all.getManyKeysMax,
    inFlightRequestsMax: all.inFlightRequestsMax,
    idleDeadlineMs: all.idleDeadlineMs,
  };
}
