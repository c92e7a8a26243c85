import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { frameBytesMax } from "../../src/lib/limits.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { encodeHello } from "../../src/protocol/request-encoder.ts";
import { decodeError, readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import type { AnswerMeter } from "./answer-meter.ts";
import { idFirst, idMax, idOffset, type RequestKind } from "./request-kinds.ts";

/** What the requests ask for, one after the other: numbers of entries, and -1 when there is nothing more. */
export interface EntrySource {
  next(): number;
}

/**
 * One connection that always has `slots` requests unanswered: each answer makes place for the next request, which
 * leaves with all others of that turn in one write. A request's slot is its id, so answers may come in any order, and
 * nothing is allocated for a request.
 */
export class RequestWindow {
  // Invariants: a slot's entry number is -1 if, and only if, no request of it is unanswered. What the socket did not
  // take yet is output[outputStart, outputEnd); frames begin at multiples of their length, where all of them have
  // stood since the beginning, so that only what differs is written.
  private readonly kind: RequestKind;
  private readonly source: EntrySource;
  private readonly meter: AnswerMeter;
  private readonly entryNumbers: Float64Array;
  private readonly sentAtMs: Float64Array;
  private readonly decoder = new FrameDecoder(frameBytesMax);
  private readonly frameBytes: number;
  private readonly output: Buffer;
  private readonly outputView: DataView;
  private outputStart = 0;
  private outputEnd = 0;
  private isGreeted = false;
  private unanswered = 0;

  constructor(kind: RequestKind, source: EntrySource, slots: number, meter: AnswerMeter) {
    if (slots > idMax - idFirst + 1) throw new Error(`a connection has too few ids for ${slots} requests`);
    this.kind = kind;
    this.source = source;
    this.meter = meter;
    this.entryNumbers = new Float64Array(slots).fill(-1);
    this.sentAtMs = new Float64Array(slots);
    this.frameBytes = kind.frame.length;
    this.output = Buffer.alloc((2 * slots + 1) * this.frameBytes, kind.frame);
    this.outputView = viewOf(this.output);
  }

  /** Nothing is unanswered, and the source had nothing more. */
  get isDone(): boolean {
    return this.isGreeted && this.unanswered === 0;
  }

  /** The entries whose requests were not answered: after the end of a connection nobody knows of them. */
  get unansweredEntries(): number[] {
    return [...this.entryNumbers.filter((number) => number >= 0)];
  }

  greet(socket: Bun.Socket): void {
    const writer = new ByteWriter();
    encodeHello(writer, 1, { clientName: "bench" });
    socket.write(writer.bytes.subarray(0, writer.length));
  }

  receive(socket: Bun.Socket, chunk: Buffer): void {
    const nowMs = performance.now();
    const { decoder } = this;
    decoder.push(chunk);
    let bytes: Buffer | undefined;
    let view!: DataView;
    let answers = 0;
    while (decoder.next()) {
      if (decoder.bytes !== bytes) {
        ({ bytes } = decoder);
        view = viewOf(bytes);
      }
      if (!this.isGreeted) this.begin(nowMs);
      else this.answer(view, decoder.start, decoder.end, nowMs);
      answers++;
    }
    if (answers === 0) return;
    this.meter.arrived(nowMs);
    this.send(socket);
    this.meter.worked(performance.now() - nowMs);
  }

  /** Hands the socket what it takes; the rest follows when it has drained. */
  send(socket: Bun.Socket): void {
    while (this.outputStart < this.outputEnd) {
      const taken = socket.write(this.output, this.outputStart, this.outputEnd - this.outputStart);
      if (taken <= 0) return;
      this.outputStart += taken;
    }
    this.outputStart = this.outputEnd = 0;
  }

  private begin(nowMs: number): void {
    assertOk(this.decoder);
    this.isGreeted = true;
    for (let slot = 0; slot < this.entryNumbers.length; slot++) this.request(slot, nowMs);
  }

  private answer(view: DataView, start: number, end: number, nowMs: number): void {
    // [id, status, …]: the array's head, three bytes of id, the status. Whatever looks otherwise is no OK.
    if (end - start < 5 || view.getUint8(start + 1) !== 0xcd || view.getUint8(start + 4) !== 0)
      assertOk(this.decoder);
    const slot = view.getUint16(start + 2) - idFirst;
    const entryNumber = this.entryNumbers[slot] ?? -1;
    if (entryNumber < 0) throw new Error(`The server answered ${slot + idFirst}, which nobody asked`);
    if (!this.kind.isRight(view, start + 5, end, entryNumber))
      throw new WrongAnswerError(entryNumber, this.decoder.bytes.subarray(start, end));
    this.meter.latencies.record(nowMs - this.sentAtMs[slot]!);
    this.entryNumbers[slot] = -1;
    this.unanswered--;
    this.request(slot, nowMs);
  }

  private request(slot: number, nowMs: number): void {
    const entryNumber = this.source.next();
    if (entryNumber < 0) return;
    if (this.outputEnd + this.frameBytes > this.output.length) this.moveOutput();
    const at = this.outputEnd;
    this.outputView.setUint16(at + idOffset, idFirst + slot);
    this.kind.fill(this.outputView, at, entryNumber);
    this.outputEnd = at + this.frameBytes;
    this.entryNumbers[slot] = entryNumber;
    this.sentAtMs[slot] = nowMs;
    this.unanswered++;
  }

  /** Brings what is unsent to the front, whole frames to the place of whole frames. */
  private moveOutput(): void {
    const wholeFrames = this.outputStart - (this.outputStart % this.frameBytes);
    this.output.copyWithin(0, wholeFrames, this.outputEnd);
    this.outputStart -= wholeFrames;
    this.outputEnd -= wholeFrames;
  }
}

/** The store said something else than what was written to it. */
export class WrongAnswerError extends Error {
  constructor(entryNumber: number, answer: Buffer) {
    super(`The answer for entry ${entryNumber} is wrong: ${answer.toString("hex")}`);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function assertOk({ bytes, start, end }: FrameDecoder): void {
  const head = new ResponseHead();
  readHead(bytes, start, end, head);
  if (head.status === 0 && head.correlationId > 0) return;
  const { code, message } = decodeError(bytes, head);
  throw new Error(`The server answered ${code}: ${message}`);
}
