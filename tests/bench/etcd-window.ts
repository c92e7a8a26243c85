import { ByteWriter } from "../../src/lib/byte-writer.ts";
import type { AnswerMeter } from "./answer-meter.ts";
import {
  encodeCalls,
  encodeFrame,
  encodePreface,
  encodeWindowUpdate,
  flagAck,
  flagEndStream,
  FrameReader,
  frameType,
  messageHeadBytes,
  windowBytesInitial,
  type EncodedCall,
  type EncodedCalls,
} from "./http2-frames.ts";
import type { EntrySource } from "./request-window.ts";

/** A kind of call, all of which have one length and differ only in what `fill` writes. */
export interface EtcdCallKind {
  path: string;
  message: Buffer;
  fill(view: DataView, messageStart: number, entryNumber: number): void;
  /** Whether answers are handed on; else only their length is. */
  readsAnswers: boolean;
  /** Whether this is the right answer: `message` is empty if answers aren't read. */
  isRight(entryNumber: number, messageBytes: number, message: Buffer): boolean;
}

/**
 * One connection to etcd that always has `slots` calls unanswered, as a RequestWindow has to ours: each answer makes
 * place for the next call, and all calls of a turn leave in one write.
 */
export class EtcdWindow {
  // Invariant: a slot is in `slots`, under its stream's id, if, and only if, its call is unanswered.
  readonly #kind: EtcdCallKind;
  readonly #source: EntrySource;
  readonly #slotCount: number;
  readonly #meter: AnswerMeter;
  readonly #calls: EncodedCalls;
  readonly #slots = new Map<number, Slot>();
  readonly #reader = new FrameReader();
  readonly #output = new ByteWriter();
  #nextStreamId = 1;
  #isSourceDry = false;
  /** Bytes of messages that etcd still takes, and that it may still send without an update. */
  #windowBytes = windowBytesInitial;
  #receivedBytes = 0;

  constructor(kind: EtcdCallKind, source: EntrySource, slots: number, meter: AnswerMeter, authority: string) {
    this.#kind = kind;
    this.#source = source;
    this.#slotCount = slots;
    this.#meter = meter;
    this.#calls = encodeCalls(kind.path, authority, kind.message);
  }

  get isDone(): boolean {
    return this.#isSourceDry && this.#slots.size === 0;
  }

  greet(socket: Bun.Socket): void {
    this.#append(encodePreface());
    const nowMs = performance.now();
    for (let slot = 0; slot < this.#slotCount; slot++) {
      this.#call({ entryNumber: -1, sentAtMs: 0, messageBytes: 0, parts: [] }, nowMs);
    }
    this.send(socket);
  }

  receive(socket: Bun.Socket, chunk: Buffer): void {
    const nowMs = performance.now();
    const answersBefore = this.#meter.answers;
    const reader = this.#reader;
    reader.push(chunk);
    while (reader.next()) this.#frame(nowMs);
    if (this.#meter.answers > answersBefore) this.#meter.arrived(nowMs);
    this.send(socket);
    this.#meter.worked(performance.now() - nowMs);
  }

  send(socket: Bun.Socket): void {
    const output = this.#output;
    while (output.length > 0) {
      const taken = socket.write(output.bytes, 0, output.length);
      if (taken <= 0) return;
      output.consume(taken);
    }
  }

  #frame(nowMs: number): void {
    const { type, flags, streamId, bytes, start, end } = this.#reader;
    switch (type) {
      case frameType.data:
        this.#data(streamId, bytes.subarray(start, end));
        break;
      case frameType.settings:
        if ((flags & flagAck) === 0) this.#append(encodeFrame(type, flagAck, 0, Buffer.alloc(0)));
        break;
      case frameType.ping:
        if ((flags & flagAck) === 0) this.#append(encodeFrame(type, flagAck, 0, bytes.subarray(start, end)));
        break;
      case frameType.windowUpdate:
        if (streamId === 0) this.#windowBytes += bytes.readUInt32BE(start);
        break;
      case frameType.reset:
      case frameType.goAway:
        throw new Error(`etcd ended a call: ${bytes.toString("hex", start, end)}`);
    }
    const endsStream = type === frameType.headers || type === frameType.data;
    if (endsStream && (flags & flagEndStream) !== 0) this.#answered(streamId, nowMs);
  }

  #data(streamId: number, payload: Buffer): void {
    const slot = this.#slots.get(streamId);
    if (slot === undefined) throw new Error(`etcd answered stream ${streamId}, on which nobody waits`);
    slot.messageBytes += payload.length;
    if (this.#kind.readsAnswers) slot.parts.push(Buffer.from(payload));
    this.#receivedBytes += payload.length;
    if (this.#receivedBytes < receivedBytesMax) return;
    this.#append(encodeWindowUpdate(this.#receivedBytes));
    this.#receivedBytes = 0;
  }

  #answered(streamId: number, nowMs: number): void {
    const slot = this.#slots.get(streamId);
    if (slot === undefined) throw new Error(`etcd ended stream ${streamId}, on which nobody waits`);
    this.#slots.delete(streamId);
    const { entryNumber, messageBytes, parts } = slot;
    const message = Buffer.concat(parts).subarray(messageHeadBytes);
    // A call that failed has a status, and no message before it.
    if (!this.#kind.isRight(entryNumber, messageBytes - messageHeadBytes, message))
      throw new Error(`etcd's answer for entry ${entryNumber} is wrong: ${messageBytes} bytes`);
    this.#meter.latencies.record(nowMs - slot.sentAtMs);
    this.#call(slot, nowMs);
  }

  #call(slot: Slot, nowMs: number): void {
    const entryNumber = this.#source.next();
    if (entryNumber < 0) {
      this.#isSourceDry = true;
      return;
    }
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    const call = streamId === 1 ? this.#calls.first : this.#calls.later;
    this.#windowBytes -= messageHeadBytes + this.#kind.message.length;
    if (this.#windowBytes < 0) throw new Error("etcd's window is too small for so many calls at once");
    this.#fill(this.#append(call.bytes), call, streamId, entryNumber);
    slot.entryNumber = entryNumber;
    slot.sentAtMs = nowMs;
    slot.messageBytes = 0;
    slot.parts.length = 0;
    this.#slots.set(streamId, slot);
  }

  #fill(at: number, call: EncodedCall, streamId: number, entryNumber: number): void {
    const { bytes } = this.#output;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const offset of call.streamIdOffsets) view.setUint32(at + offset, streamId);
    this.#kind.fill(view, at + call.messageOffset, entryNumber);
  }

  /** Returns where the bytes begin. */
  #append(bytes: Buffer): number {
    const at = this.#output.reserve(bytes.length);
    bytes.copy(this.#output.bytes, at);
    return at;
  }
}

interface Slot {
  entryNumber: number;
  sentAtMs: number;
  messageBytes: number;
  parts: Buffer[];
}

/** Well before the largest window that there can be, which the preface asks for, is used up. */
const receivedBytesMax = 2 ** 29;
