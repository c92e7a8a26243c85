import { unpack } from "msgpackr";
import { frameBytesMax } from "../../src/lib/limits.ts";
import { status } from "../../src/protocol/status.ts";
import { outputCalls } from "./strace.ts";
import { descriptorOf, parseTrace, stringsOf, type SystemCall } from "./trace.ts";
import { TracedDisk } from "./traced-disk.ts";

/** What the trace of a server, from its first boot on, says of the promise. */
export interface TraceJudgement {
  /** Versions of acknowledgements, in the order in which they left. */
  readonly acknowledged: number[];
  /** Versions that reads and conflicts showed. */
  readonly shown: number[];
  readonly violations: { readonly line: number; readonly detail: string }[];
  /** What the disk was bound to hold in the end. */
  readonly durableSeq: number;
}

/**
 * An ack means durable, and so does whatever a read shows: not one byte of a response that names a version may be
 * handed to a socket before everything up to that version is durable (traced-disk.ts).
 */
export function judgeTrace(text: string): TraceJudgement {
  const calls = parseTrace(text);
  const disk = new TracedDisk();
  const judgement = { acknowledged: [] as number[], shown: [] as number[], violations: disk.violations };
  const streams = new Map<string, ResponseStream>();

  for (const { call, isBegin } of inOrder(calls)) {
    if (!isBegin) disk.end(call);
    else {
      disk.begin(call);
      if (!isSend(call)) continue;
      const socket = descriptorOf(call);
      let stream = streams.get(socket);
      if (stream === undefined) streams.set(socket, (stream = new ResponseStream()));
      for (const { message, durableSeq } of stream.send(sentBytes(call), disk.durableSeq)) {
        const versions = versionsOf(message);
        judgement[versions.kind].push(...versions.list);
        const early = versions.list.filter((version) => version > durableSeq);
        if (early.length === 0) continue;
        const what = `${versions.kind === "acknowledged" ? "the ack of" : "a read of"} version ${early[0]}`;
        const detail = `${what} leaves on ${socket} while only seq ${durableSeq} is durable`;
        disk.violations.push({ line: call.begin + 1, detail });
      }
    }
  }
  return { ...judgement, durableSeq: disk.durableSeq };
}

/** Beginnings and ends of calls, as they happened. */
export function inOrder(calls: readonly SystemCall[]): { call: SystemCall; isBegin: boolean }[] {
  const moments = calls.flatMap((call) => [
    { call, isBegin: true, line: call.begin },
    ...(call.end < Infinity ? [{ call, isBegin: false, line: call.end }] : []),
  ]);
  return moments.sort((one, other) => one.line - other.line || Number(other.isBegin) - Number(one.isBegin));
}

/** Whether a call hands bytes to a socket. */
export function isSend(call: SystemCall): boolean {
  return (outputCalls as readonly string[]).includes(call.name) && descriptorOf(call).startsWith("socket:");
}

/** All that may have left: what the call says it took, or everything if it never came back. */
function sentBytes(call: SystemCall): Buffer {
  const bytes = Buffer.concat(stringsOf(call));
  return Number.isNaN(call.result) ? bytes : bytes.subarray(0, Math.max(call.result, 0));
}

/** The highest version that any response named which was handed to a socket, as a whole, by now. */
export class ToldVersions {
  highest = 0;
  readonly #streams = new Map<string, ResponseStream>();

  send(call: SystemCall): void {
    const socket = descriptorOf(call);
    let stream = this.#streams.get(socket);
    if (stream === undefined) this.#streams.set(socket, (stream = new ResponseStream()));
    for (const { message } of stream.send(sentBytes(call), 0)) {
      this.highest = Math.max(this.highest, ...versionsOf(message).list);
    }
  }
}

/** Cuts what is sent on one socket into messages, each with what was durable when its *first* byte was handed over. */
class ResponseStream {
  #bytes: Buffer = Buffer.alloc(0);
  #isForeign = false;
  /** What was durable when the bytes from a certain length of #bytes on were sent. */
  #sends: { start: number; durableSeq: number }[] = [];

  *send(bytes: Buffer, durableSeq: number): Generator<{ message: unknown[]; durableSeq: number }> {
    if (this.#isForeign) return;
    if (this.#bytes.length === 0) this.#sends = [];
    this.#sends.push({ start: this.#bytes.length, durableSeq });
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 4) {
      const end = 4 + this.#bytes.readUInt32BE(0);
      // The server's own log and its first line go through sockets too. They are no frames.
      if (end > frameBytesMax) this.#isForeign = true;
      if (this.#isForeign || this.#bytes.length < end) return;
      yield {
        message: unpack(this.#bytes.subarray(4, end)) as unknown[],
        durableSeq: this.#sends[0]!.durableSeq,
      };
      this.#bytes = this.#bytes.subarray(end);
      this.#sends = this.#sends.map(({ start, ...send }) => ({ ...send, start: start - end }));
      while (this.#sends.length > 1 && this.#sends[1]!.start <= 0) this.#sends.shift();
    }
  }
}

/** The versions that a response names. What it answers shows in its shape. */
function versionsOf(message: unknown[]): { kind: "acknowledged" | "shown"; list: number[] } {
  const [, code, first, second, third] = message;
  if (code === status.CONFLICT) return { kind: "shown", list: [Number((message as number[])[4])] };
  if (code !== status.OK) return { kind: "shown", list: [] };
  if (message.length === 3 && typeof first === "number") return { kind: "acknowledged", list: [first] };
  if (Array.isArray(first)) {
    // A page: [key, version, value, …] of a scan, or [version, value, …] of a getMany.
    const isScan = first[0] instanceof Uint8Array;
    return {
      kind: "shown",
      list: first.filter((_, index) => index % (isScan ? 3 : 2) === (isScan ? 1 : 0)).map(Number),
    };
  }
  // A snapshot, with its lease, is of a seq, and shows that everything up to it has happened.
  if (message.length === 5 && typeof third === "number") return { kind: "shown", list: [Number(second)] };
  const isEntry = typeof first === "number" && (second === null || second instanceof Uint8Array);
  return { kind: "shown", list: message.length === 4 && isEntry ? [first] : [] };
}
