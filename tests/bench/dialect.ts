import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { encodeGet, encodeHello, encodePut } from "../../src/protocol/request-encoder.ts";
import { decodeError, readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import { keyBytes, writeKey } from "./numbered-entries.ts";
import { idFirst, idOffset } from "./request-kinds.ts";

export type RequestType = "set" | "get";

/**
 * How one generator speaks to different servers: requests are encoded before the clock runs, and while it runs only
 * their keys change; answers are told apart by their first bytes.
 */
export interface Dialect {
  readonly name: string;
  /** Sent once, before the clock runs, and answered by one response; empty where the protocol needs none. */
  readonly greeting: Buffer;
  template(type: RequestType, value: ValueShape): RequestTemplate;
  answers(): AnswerReader;
}

/** A value is its key, the stamp of the run that wrote it, and bytes that do not compress. */
export interface ValueShape {
  valueBytes: number;
  stamp: number;
}

/** A whole request, and where in it the bytes are that differ from one to the next. */
export interface RequestTemplate {
  bytes: Buffer;
  keyOffset: number;
  /** -1: it has none. */
  valueOffset: number;
  /** Of the two bytes that say which slot it takes; -1 where answers come in the order of the requests. */
  slotOffset: number;
}

/** Reads one answer. What it says is valid until the next one is read. */
export interface AnswerReader {
  outcome: Outcome;
  /** Of the request; -1 where answers come in the order of the requests. */
  slot: number;
  /** Where the value is; the same place twice if there is none. */
  valueStart: number;
  valueEnd: number;
  /** Reads the answer that begins at `from`, and returns where the next one begins, or -1 if it is not whole yet. */
  read(bytes: Buffer, from: number, to: number): number;
  /** Of an error: what the server said. */
  message(): string;
}

export type Outcome = 0 | 1 | 2;
export const fine: Outcome = 0;
export const missing: Outcome = 1;
export const failed: Outcome = 2;

export const stampOffset = keyBytes;
export const valueBytesMin = keyBytes + 4;

/** Makes the request that begins at `at` one for this entry. */
export function fillRequest(view: DataView, at: number, template: RequestTemplate, number: number): void {
  writeKey(view, at + template.keyOffset, number);
  if (template.valueOffset >= 0) writeKey(view, at + template.valueOffset, number);
}

export const holdfastDialect: Dialect = {
  name: "holdfast",

  get greeting() {
    const writer = new ByteWriter();
    encodeHello(writer, 1, { clientName: "bench" });
    return Buffer.from(writer.bytes.subarray(0, writer.length));
  },

  template(type, value) {
    const writer = new ByteWriter();
    if (type === "set") encodePut(writer, idFirst, keyMark, valueOf(value));
    else encodeGet(writer, idFirst, keyMark);
    return templateOf(Buffer.from(writer.bytes.subarray(0, writer.length)), type, idOffset);
  },

  answers: () => new HoldfastAnswers(),
};

export const redisDialect: Dialect = {
  name: "redis",
  greeting: Buffer.alloc(0),

  template(type, value) {
    const text = (of: string) => Buffer.from(of, "latin1");
    const set = [
      text(`*3\r\n$3\r\nSET\r\n$16\r\n`),
      keyMark,
      text(`\r\n$${value.valueBytes}\r\n`),
      valueOf(value),
    ];
    const get = [text(`*2\r\n$3\r\nGET\r\n$16\r\n`), keyMark];
    return templateOf(Buffer.concat([...(type === "set" ? set : get), text("\r\n")]), type, -1);
  },

  answers: () => new RedisAnswers(),
};

/** [id, status, version, value]: a length before it, no version and value after an error, nil for what is not there. */
class HoldfastAnswers implements AnswerReader {
  outcome = fine;
  slot = -1;
  valueStart = 0;
  valueEnd = 0;
  private text = "";

  read(bytes: Buffer, from: number, to: number): number {
    if (to - from < 4) return -1;
    const end = from + 4 + uint32(bytes, from);
    if (end > to) return -1;
    let at = from + 5;
    const isSlot = bytes[at] === 0xcd;
    this.slot = isSlot ? ((bytes[at + 1]! << 8) | bytes[at + 2]!) - idFirst : -1;
    at += isSlot ? 3 : uintBytes(bytes[at]!);
    this.outcome = fine;
    if (bytes[at] !== 0) {
      this.fail(bytes, from + 4, end);
      return end;
    }
    // A put's answer ends behind the version. That to hello is a map, at which nobody looks.
    at += 1 + uintBytes(bytes[at + 1]!);
    const head = at < end ? bytes[at]! : 0;
    const lengthBytes = head === 0xc4 ? 1 : head === 0xc5 ? 2 : head === 0xc6 ? 4 : 0;
    if (head === 0xc0) this.outcome = missing;
    this.valueStart = lengthBytes === 0 ? end : at + 1 + lengthBytes;
    this.valueEnd = end;
    return end;
  }

  message(): string {
    return this.text;
  }

  private fail(bytes: Buffer, start: number, end: number): void {
    const head = new ResponseHead();
    readHead(bytes, start, end, head);
    const { code, message } = decodeError(bytes, head);
    this.text = `${code}: ${message}`;
    this.outcome = failed;
  }
}

/** "+OK", "-ERR …", "$100" and as many bytes, "$-1" for what is not there; each line ends with CR LF. */
class RedisAnswers implements AnswerReader {
  outcome = fine;
  readonly slot = -1;
  valueStart = 0;
  valueEnd = 0;
  private text = "";

  read(bytes: Buffer, from: number, to: number): number {
    // Bytes are looked at one by one: finding the line's end with `indexOf` costs more than all the rest.
    let at = from + 1;
    while (at < to && bytes[at] !== lineFeed) at++;
    if (at >= to) return -1;
    const lineEnd = at + 1;
    this.outcome = fine;
    this.valueStart = this.valueEnd = lineEnd;
    const kind = bytes[from];
    if (kind === dollar) {
      if (bytes[from + 1] === minus) {
        this.outcome = missing;
        return lineEnd;
      }
      let length = 0;
      for (let digit = from + 1; digit < at - 1; digit++) length = length * 10 + bytes[digit]! - zero;
      if (lineEnd + length + 2 > to) return -1;
      this.valueStart = lineEnd;
      this.valueEnd = lineEnd + length;
      return lineEnd + length + 2;
    }
    if (kind === minus) {
      this.outcome = failed;
      this.text = bytes.toString("latin1", from + 1, at - 1);
    }
    return lineEnd;
  }

  message(): string {
    return this.text;
  }
}

const keyMark = Buffer.alloc(keyBytes, "k");
const [lineFeed, dollar, minus, zero] = [0x0a, 0x24, 0x2d, 0x30];

/** Of the value as of all others; the key that it begins with is filled in. */
function valueOf({ valueBytes, stamp }: ValueShape): Buffer {
  if (valueBytes < valueBytesMin) throw new Error(`A value needs ${valueBytesMin} bytes, not ${valueBytes}`);
  const value = Buffer.alloc(valueBytes);
  const random = seededRandom(valueBytes);
  for (let offset = 0; offset < valueBytes; offset++) value[offset] = random.uint32();
  keyMark.copy(value);
  value.writeUInt32BE(stamp, stampOffset);
  return value;
}

function templateOf(bytes: Buffer, type: RequestType, slotOffset: number): RequestTemplate {
  const keyOffset = bytes.indexOf(keyMark);
  const valueOffset = type === "set" ? bytes.indexOf(keyMark, keyOffset + keyBytes) : -1;
  return { bytes, keyOffset, valueOffset, slotOffset };
}

function uint32(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** How many bytes a whole number takes that begins with this one. */
function uintBytes(head: number): number {
  return head < 0x80 ? 1 : head === 0xcc ? 2 : head === 0xcd ? 3 : head === 0xce ? 5 : 9;
}
