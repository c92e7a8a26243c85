import { AnswerStream } from "./answer-stream.ts";
import { failed, fillRequest, missing, type RequestTemplate } from "./dialect.ts";
import { RefusedError, type Load, type LoadMeter } from "./load.ts";
import type { LoadConnection, Output } from "./load-sockets.ts";
import { idFirst } from "./request-kinds.ts";
import type { Schedule } from "./schedule.ts";

/**
 * One of the connections among which an open loop deals its requests, one to each in turn. It sends what is due, and of
 * each answer it knows when its request was due, in whichever order they come.
 */
export class OpenConnection implements LoadConnection {
  // Invariants: requests [answered, sent) of this connection, apart from those that were answered out of turn, are in
  // flight; a slot's entry of slotIndexes is -1 if, and only if, no request of it is unanswered. Unsent bytes are
  // output[outputStart, outputEnd).
  readonly greeted: Promise<void>;
  answered = 0;
  isEnded = false;
  private readonly load: Load;
  private readonly meter: LoadMeter;
  private readonly template: RequestTemplate;
  private readonly answers: AnswerStream;
  /** The place in the schedule of the request that a slot holds. */
  private readonly slotIndexes = new Float64Array(slotCount).fill(-1);
  private readonly slotEntries = new Float64Array(slotCount);
  private readonly output: Buffer;
  private readonly outputView: DataView;
  private outputStart = 0;
  private outputEnd = 0;
  private sent = 0;
  private markGreeted!: () => void;
  private isGreeted = false;
  private socket!: Output;
  private plan: { schedule: Schedule; first: number; step: number; firstMeasured: number } | undefined;

  constructor(load: Load, meter: LoadMeter) {
    this.load = load;
    this.meter = meter;
    if (load.setPercent !== 0 && load.setPercent !== 100)
      throw new Error("an open loop sends requests of one kind");
    this.template = load.dialect.template(load.setPercent === 100 ? "set" : "get", load);
    this.answers = new AnswerStream(load.dialect.answers());
    this.output = Buffer.alloc(outputRequests * this.template.bytes.length, this.template.bytes);
    this.outputView = new DataView(this.output.buffer, this.output.byteOffset, this.output.length);
    this.greeted = new Promise((resolve) => (this.markGreeted = resolve));
  }

  get inFlight(): number {
    return this.sent - this.answered;
  }

  open(socket: Output): void {
    this.socket = socket;
    const { greeting } = this.load.dialect;
    if (greeting.length > 0) socket.write(greeting, 0, greeting.length);
    else this.begin();
  }

  /** This connection sends the requests first, first + step, first + 2 * step … of the schedule. */
  schedule(schedule: Schedule, first: number, step: number, firstMeasured: number): void {
    this.plan = { schedule, first, step, firstMeasured };
  }

  /** Sends its share of the first `due` requests, as far as it has not. */
  sendDue(due: number): void {
    const { first, step } = this.plan!;
    const { template, output } = this;
    const length = template.bytes.length;
    for (let index = first + this.sent * step; index < due; index += step) {
      const slot = this.sent % slotCount;
      // Its turn comes when there is room; the moment at which it was due stays.
      if (this.slotIndexes[slot] !== -1) break;
      if (this.outputEnd + length > output.length && !this.makeRoom()) break;
      const entryNumber = this.load.keys.next();
      fillRequest(this.outputView, this.outputEnd, template, entryNumber);
      if (template.slotOffset >= 0)
        this.outputView.setUint16(this.outputEnd + template.slotOffset, idFirst + slot);
      this.outputEnd += length;
      this.slotIndexes[slot] = index;
      this.slotEntries[slot] = entryNumber;
      this.sent++;
    }
    this.push();
  }

  receive(chunk: Buffer, nowMs: number): void {
    const { answers, meter } = this;
    const { reader } = answers;
    answers.push(chunk);
    while (answers.next()) {
      if (reader.outcome === failed) throw new RefusedError(this.load.dialect, reader.message());
      if (!this.isGreeted) {
        this.begin();
        continue;
      }
      if (reader.outcome === missing) meter.missing++;
      const slot = this.template.slotOffset >= 0 ? reader.slot : this.answered % slotCount;
      const index = this.slotIndexes[slot] ?? -1;
      if (index === -1) throw new Error(`${this.load.dialect.name} answered what nobody asked`);
      const { schedule, firstMeasured } = this.plan!;
      if (index >= firstMeasured) meter.record(nowMs - schedule.intendedMs(index));
      if (slot % acknowledgedEvery === 0 && this.template.valueOffset >= 0)
        meter.acknowledge(this.slotEntries[slot]!);
      this.slotIndexes[slot] = -1;
      this.answered++;
    }
  }

  push(): void {
    while (this.outputStart < this.outputEnd) {
      const taken = this.socket.write(this.output, this.outputStart, this.outputEnd - this.outputStart);
      if (taken <= 0) return;
      this.outputStart += taken;
    }
    this.outputStart = this.outputEnd = 0;
  }

  end(): void {
    this.isEnded = true;
    this.socket.end();
  }

  private begin(): void {
    this.isGreeted = true;
    this.markGreeted();
  }

  /** Brings what is unsent to the front, whole frames to the place of whole frames; false if that gains nothing. */
  private makeRoom(): boolean {
    const sentFrames = this.outputStart - (this.outputStart % this.template.bytes.length);
    if (sentFrames === 0) return false;
    this.output.copyWithin(0, sentFrames, this.outputEnd);
    this.outputStart -= sentFrames;
    this.outputEnd -= sentFrames;
    return true;
  }
}

/** A connection's requests in flight. Beyond them, which is far beyond what a server keeps up with, sending waits. */
const slotCount = 16_384;
const outputRequests = 8_192;
const acknowledgedEvery = 8;
