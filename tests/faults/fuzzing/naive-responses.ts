import * as limits from "../../../src/lib/limits.ts";
import { status } from "../../../src/protocol/status.ts";
import { NaiveReading, Refusal } from "./naive-reading.ts";
import { kind } from "./tape.ts";
import type { Transcript } from "./transcript.ts";

/** What a response is read as; which one is known to the client only, who knows what it asked. */
export const responseKinds = [
  "pong",
  "written",
  "entry",
  "scanPage",
  "getManyPage",
  "snapshot",
  "checkpointed",
  "done",
  "helloReply",
  "statsReply",
] as const;
export type ResponseKind = (typeof responseKinds)[number];

/** The second decoder of responses, written from README.md of the protocol. */
export class NaiveResponses {
  readonly reading = new NaiveReading();

  /** Whether the frame is a response of that kind, or an error; then `into` holds what it says. */
  read(what: ResponseKind, bytes: Buffer, start: number, end: number, into: Transcript): boolean {
    const { reading } = this;
    reading.open(bytes, start, end);
    into.begin(bytes);
    try {
      const elements = reading.array();
      if (elements < 2) return false;
      const id = reading.uint();
      if (id >= 2 ** 32) return false;
      const code = reading.uint();
      into.number(id);
      into.number(code);
      const body = code === status.OK ? bodies[what] : error;
      if (!body(reading, into, elements - 2)) return false;
      reading.finish();
      return true;
    } catch (refusal) {
      if (refusal instanceof Refusal) return false;
      throw refusal;
    }
  }
}

type Body = (reading: NaiveReading, into: Transcript, elements: number) => boolean;

const bare: Body = (_, __, elements) => elements === 0;

const bodies: Record<ResponseKind, Body> = {
  pong: bare,
  done: bare,
  written: (reading, into, elements) => {
    if (elements !== 1) return false;
    into.number(reading.positive());
    return true;
  },
  checkpointed: (reading, into, elements) => {
    if (elements !== 1) return false;
    into.number(reading.uint());
    return true;
  },
  snapshot: (reading, into, elements) => {
    if (elements !== 3) return false;
    into.number(reading.positive());
    into.number(reading.uint());
    into.number(reading.positive());
    return true;
  },
  entry: (reading, into, elements) => elements === 2 && versioned(reading, into),
  getManyPage: (reading, into, elements) => {
    const values = elements === 2 ? reading.array() : 1;
    if (values % 2 !== 0) return false;
    into.number(values / 2);
    for (let left = values / 2; left > 0; left--) if (!versioned(reading, into)) return false;
    const more = reading.bool();
    into.flag(more);
    return !more || values > 0;
  },
  scanPage,
  helloReply: (reading, into, elements) => {
    if (elements !== 2 || reading.uint() !== 1) return false;
    const info = infoMap(reading);
    const { server, storeId, syncMode, bootId, limits: announced } = info;
    if (typeof server !== "string" || !(storeId instanceof Uint8Array)) return false;
    if (!["always", "batch", "none"].includes(syncMode as string)) return false;
    if (bootId !== undefined && !(bootId instanceof Uint8Array)) return false;
    const known = announcedLimits.map((name) => (announced as Record<string, unknown> | null)?.[name]);
    if (!known.every((limit) => Number.isSafeInteger(limit))) return false;
    into.value([server, storeId, syncMode, bootId, ...known]);
    return true;
  },
  statsReply: (reading, into, elements) => {
    if (elements !== 1) return false;
    into.value(infoMap(reading));
    return true;
  },
};

export const announcedLimits = [
  "frameBytesMax",
  "keyBytesMax",
  "valueBytesMax",
  "batchOperationsMax",
  "batchBytesMax",
  "getManyKeysMax",
  "inFlightRequestsMax",
  "idleDeadlineMs",
] as const;

function error(reading: NaiveReading, into: Transcript, elements: number): boolean {
  if (elements < 2 || elements > 2 + limits.errorDetailsMax) return false;
  const message = reading.str();
  if (reading.length(message) > limits.errorMessageBytesMax) return false;
  into.value(reading.textAt(message));
  const outcome = reading.uint();
  into.number(outcome);
  for (let left = elements - 2; left > 0; left--) into.number(reading.uint());
  return outcome <= 1;
}

/**
 * A key that is no longer there may end a page with more behind it: it says how far the scan came, and is no
 * entry.
 */
function scanPage(reading: NaiveReading, into: Transcript, elements: number): boolean {
  if (elements < 2 || elements > 3) return false;
  const values = reading.array();
  if (values % 3 !== 0) return false;
  let keyAt = -1;
  let isStop = false;
  for (let left = values / 3; left > 0; left--) {
    keyAt = reading.bin();
    if (isStop || reading.length(keyAt) === 0) return false;
    reading.range(keyAt, into);
    isStop = reading.tape.numbers[reading.at] === 0;
    if (!versioned(reading, into)) return false;
  }
  into.number(isStop ? values / 3 - 1 : values / 3);
  if (keyAt >= 0) reading.range(keyAt, into);
  const more = reading.bool();
  into.flag(more);
  const snapshotId = elements < 3 || reading.isNil() ? 0 : reading.positive();
  into.number(snapshotId);
  return more ? values > 0 : !isStop && snapshotId === 0;
}

function versioned(reading: NaiveReading, into: Transcript): boolean {
  const version = reading.uint();
  into.number(version);
  if (version > 0) reading.range(reading.bin(), into);
  else {
    if (!reading.isNil()) return false;
    into.range(0, 0);
  }
  return true;
}

function infoMap(reading: NaiveReading): Record<string, unknown> {
  const { tape, end } = reading;
  // Its head begins where the element before it ends.
  if (end - tape.ends[reading.at - 1]! > limits.mapBytesMax) reading.fail();
  if (tape.kinds[reading.at] !== kind.map) reading.fail();
  return infoValue(reading, 1) as Record<string, unknown>;
}

function infoValue(reading: NaiveReading, depth: number): unknown {
  const what = reading.next();
  if ((what === kind.map || what === kind.array) && depth > limits.mapDepthMax) reading.fail();
  switch (what) {
    case kind.nil:
      return reading.isNil() ? null : undefined;
    case kind.bool:
      return reading.bool();
    case kind.uint:
      return reading.uint();
    case kind.float:
      return reading.float();
    case kind.str:
      return reading.text();
    case kind.bin:
      return reading.copyAt(reading.bin());
    case kind.array:
      return Array.from({ length: reading.array() }, () => infoValue(reading, depth + 1));
    case kind.map: {
      const entries: [string, unknown][] = [];
      for (let left = reading.map(); left > 0; left--) {
        entries.push([reading.text(), infoValue(reading, depth + 1)]);
      }
      if (new Set(entries.map(([name]) => name)).size < entries.length) reading.fail();
      const map = Object.create(null);
      for (const [name, value] of entries) map[name] = value;
      return map;
    }
    default:
      return reading.fail();
  }
}
