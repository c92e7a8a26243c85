import * as limits from "../../../src/lib/limits.ts";
import type { RequestLimits } from "../../../src/protocol/request.ts";
import { status } from "../../../src/protocol/status.ts";
import { NaiveReading, Refusal, refusals } from "./naive-reading.ts";
import type { Transcript } from "./transcript.ts";

/**
 * The second decoder of requests, written from README.md of the protocol: which status a frame deserves, and
 * what it says. The one in tests/protocol reads frames into objects, which takes ten times as long, and does
 * not tell one refusal from another.
 */
export class NaiveRequests {
  readonly reading: NaiveReading;
  correlationId = 0;

  constructor(requestLimits: RequestLimits = limits) {
    this.reading = new NaiveReading(requestLimits);
  }

  /** The status of the refusal, or 0: the frame is a request, and `into` holds what it says. */
  read(bytes: Buffer, start: number, end: number, into: Transcript): number {
    this.reading.open(bytes, start, end);
    into.begin(bytes);
    this.correlationId = 0;
    try {
      this.#request(into);
      this.reading.finish();
      return status.OK;
    } catch (error) {
      if (error instanceof Refusal) return error.status;
      throw error;
    }
  }

  #request(into: Transcript): void {
    const { reading } = this;
    const elements = reading.array();
    if (elements === 0) {
      this.correlationId = anyId;
      reading.fail();
    }
    const id = reading.uint();
    if (id === 0 || id >= 2 ** 32) reading.fail();
    this.correlationId = id;
    const opcode = reading.uint();
    if (elements < 2) reading.fail();
    const argumentsRead = shapes[opcode];
    if (argumentsRead === undefined) throw refusals[status.UNKNOWN_OPCODE];
    into.number(id);
    into.number(opcode);
    argumentsRead(reading, into, elements - 2);
  }
}

/** An array of nothing has no id. Whatever is said to stand there is as good, for the connection ends. */
export const anyId = -1;

type Shape = (reading: NaiveReading, into: Transcript, count: number) => void;

const bare: Shape = (reading, _, count) => expect(reading, count, 0, 0);

/** By opcode. */
const shapes: readonly Shape[] = [
  hello,
  bare,
  (reading, into, count) => {
    expect(reading, count, 1, 2);
    reading.range(key(reading), into);
    into.number(optional(reading, count > 1, positive));
  },
  (reading, into, count) => {
    expect(reading, count, 1, 2);
    const keys = many(reading, reading.limits.getManyKeysMax);
    into.number(keys);
    for (let left = keys; left > 0; left--) reading.range(key(reading), into);
    into.number(optional(reading, count > 1, positive));
  },
  (reading, into, count) => {
    expect(reading, count, 2, 5);
    reading.range(key(reading), into);
    reading.range(value(reading), into);
    into.number(optional(reading, count > 2, uint));
    into.number(optional(reading, count > 3, positive));
    into.number(optional(reading, count > 4, positive));
  },
  (reading, into, count) => {
    expect(reading, count, 1, 3);
    reading.range(key(reading), into);
    into.number(optional(reading, count > 1, uint));
    into.number(optional(reading, count > 2, positive));
  },
  batch,
  scan,
  bare,
  bare,
  bare,
  (reading, into, count) => {
    expect(reading, count, 1, 1);
    into.number(reading.uint());
  },
  (reading, into, count) => {
    expect(reading, count, 2, 2);
    into.number(reading.positive());
    into.number(reading.uint());
  },
  (reading, into, count) => {
    expect(reading, count, 1, 1);
    into.number(reading.positive());
  },
];

function hello(reading: NaiveReading, into: Transcript, count: number): void {
  if (count < 2 || reading.text() !== "holdfast") reading.fail();
  // Nothing behind the version is read unless it is ours.
  if (reading.uint() !== 1) throw refusals[status.VERSION_UNSUPPORTED];
  expect(reading, count, 2, 5);
  const bytesOf = (isThere: boolean, lengthMin: number, lengthMax: number, code: number) => {
    if (!isThere || reading.isNil()) return undefined;
    const bin = reading.bin();
    if (reading.length(bin) < lengthMin || reading.length(bin) > lengthMax) throw refusals[code];
    return reading.copyAt(bin);
  };
  into.value(bytesOf(count > 2, 0, limits.credentialsBytesMax, status.LIMIT_EXCEEDED));
  into.value(bytesOf(count > 3, 16, 16, status.INVALID_ARGUMENT));
  if (count < 5 || reading.isNil()) return into.value(undefined);
  const name = reading.str();
  if (reading.length(name) > limits.clientNameBytesMax) throw refusals[status.LIMIT_EXCEEDED];
  into.value(reading.textAt(name));
}

function batch(reading: NaiveReading, into: Transcript, count: number): void {
  expect(reading, count, 1, 2);
  const operations = many(reading, reading.limits.batchOperationsMax);
  into.number(operations);
  let bytes = 12;
  for (let left = operations; left > 0; left--) {
    const elements = reading.array();
    const isDelete = reading.uint();
    if (isDelete > 1) reading.fail();
    expect(reading, elements, isDelete ? 2 : 3, isDelete ? 3 : 5);
    const keyAt = key(reading);
    const valueAt = isDelete ? -1 : value(reading);
    into.number(isDelete);
    reading.range(keyAt, into);
    if (!isDelete) reading.range(valueAt, into);
    into.number(optional(reading, elements > (isDelete ? 2 : 3), uint));
    if (!isDelete) into.number(optional(reading, elements > 4, positive));
    bytes += 8 + reading.length(keyAt) + (isDelete ? 0 : reading.length(valueAt));
    if (bytes > reading.limits.batchBytesMax) throw refusals[status.LIMIT_EXCEEDED];
  }
  into.number(optional(reading, count > 1, positive));
}

function scan(reading: NaiveReading, into: Transcript, count: number): void {
  expect(reading, count, 5, 8);
  const bound = (isThere = true) => {
    const isGiven = isThere && !reading.isNil();
    into.flag(isGiven);
    if (isGiven) reading.range(within(reading, reading.bin(), reading.limits.keyBytesMax), into);
  };
  bound();
  bound();
  bound();
  into.flag(reading.bool());
  into.number(reading.uint());
  bound(count > 5);
  into.number(optional(reading, count > 6, uint));
  into.flag(count > 7 && !reading.isNil() && reading.bool());
}

function expect(reading: NaiveReading, count: number, least: number, most: number): void {
  if (count < least || count > most) reading.fail();
}

/** The count of an array that is neither empty nor beyond its limit. */
function many(reading: NaiveReading, most: number): number {
  const count = reading.array();
  if (count === 0) throw refusals[status.INVALID_ARGUMENT];
  if (count > most) throw refusals[status.LIMIT_EXCEEDED];
  return count;
}

function key(reading: NaiveReading): number {
  const at = reading.bin();
  if (reading.length(at) === 0) throw refusals[status.INVALID_ARGUMENT];
  return within(reading, at, reading.limits.keyBytesMax);
}

function value(reading: NaiveReading): number {
  return within(reading, reading.bin(), reading.limits.valueBytesMax);
}

function within(reading: NaiveReading, at: number, most: number): number {
  if (reading.length(at) > most) throw refusals[status.LIMIT_EXCEEDED];
  return at;
}

const uint = (reading: NaiveReading) => reading.uint();
const positive = (reading: NaiveReading) => reading.positive();

/** -1: not given. */
function optional(reading: NaiveReading, isThere: boolean, read: (reading: NaiveReading) => number): number {
  return !isThere || reading.isNil() ? -1 : read(reading);
}
