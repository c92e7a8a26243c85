import type { AnswerMeter } from "./answer-meter.ts";
import { viewOf } from "./entry-of.ts";
import { keyBytes, valueBytes, writeKey, writeValue } from "./numbered-entries.ts";
import type { EntrySource } from "./request-window.ts";

/**
 * One connection to Redis that always has `slots` sets unanswered, as a RequestWindow has to ours: with the same keys
 * and values, and all requests of a turn in one write. Answers are "+OK" and come in the order of the requests.
 */
export class RedisWindow {
  // Invariants: sentAtMs[answered % slots .. sent % slots) are the moments of the unanswered. Unsent bytes are
  // output[outputStart, outputEnd), where frames begin at multiples of their length.
  readonly #source: EntrySource;
  readonly #meter: AnswerMeter;
  readonly #sentAtMs: Float64Array;
  readonly #output: Buffer;
  readonly #view: DataView;
  #outputStart = 0;
  #outputEnd = 0;
  #sent = 0;
  #answered = 0;
  /** Bytes of the answer that the last chunk ended in. */
  #answerBytes = 0;
  #isSourceDry = false;

  constructor(source: EntrySource, slots: number, meter: AnswerMeter) {
    this.#source = source;
    this.#meter = meter;
    this.#sentAtMs = new Float64Array(slots);
    this.#output = Buffer.alloc((2 * slots + 1) * frame.length, frame);
    this.#view = viewOf(this.#output);
  }

  get isDone(): boolean {
    return this.#isSourceDry && this.#answered === this.#sent;
  }

  open(socket: Bun.Socket): void {
    const nowMs = performance.now();
    for (let slot = 0; slot < this.#sentAtMs.length; slot++) this.#request(nowMs);
    this.send(socket);
  }

  receive(socket: Bun.Socket, chunk: Buffer): void {
    const nowMs = performance.now();
    const answeredBefore = this.#answered;
    for (const byte of chunk) {
      if (byte !== ok[this.#answerBytes])
        throw new Error(`Redis answered: ${chunk.toString("latin1", 0, 200)}`);
      if (++this.#answerBytes < ok.length) continue;
      this.#answerBytes = 0;
      this.#meter.latencies.record(nowMs - this.#sentAtMs[this.#answered % this.#sentAtMs.length]!);
      this.#answered++;
      this.#request(nowMs);
    }
    if (this.#answered === answeredBefore) return;
    this.#meter.arrived(nowMs);
    this.send(socket);
    this.#meter.worked(performance.now() - nowMs);
  }

  send(socket: Bun.Socket): void {
    while (this.#outputStart < this.#outputEnd) {
      const taken = socket.write(this.#output, this.#outputStart, this.#outputEnd - this.#outputStart);
      if (taken <= 0) return;
      this.#outputStart += taken;
    }
    this.#outputStart = this.#outputEnd = 0;
  }

  #request(nowMs: number): void {
    const entryNumber = this.#source.next();
    if (entryNumber < 0) {
      this.#isSourceDry = true;
      return;
    }
    if (this.#outputEnd + frame.length > this.#output.length) this.#moveOutput();
    writeKey(this.#view, this.#outputEnd + keyOffset, entryNumber);
    writeValue(this.#view, this.#outputEnd + valueOffset, entryNumber);
    this.#outputEnd += frame.length;
    this.#sentAtMs[this.#sent % this.#sentAtMs.length] = nowMs;
    this.#sent++;
  }

  /** Brings what is unsent to the front, whole frames to the place of whole frames. */
  #moveOutput(): void {
    const wholeFrames = this.#outputStart - (this.#outputStart % frame.length);
    this.#output.copyWithin(0, wholeFrames, this.#outputEnd);
    this.#outputStart -= wholeFrames;
    this.#outputEnd -= wholeFrames;
  }
}

const ok = Buffer.from("+OK\r\n");
const beforeKey = Buffer.from(`*3\r\n$3\r\nSET\r\n$${keyBytes}\r\n`);
const beforeValue = Buffer.from(`\r\n$${valueBytes}\r\n`);
const keyOffset = beforeKey.length;
const valueOffset = keyOffset + keyBytes + beforeValue.length;
const frame = Buffer.concat([
  beforeKey,
  Buffer.alloc(keyBytes),
  beforeValue,
  Buffer.alloc(valueBytes),
  Buffer.from("\r\n"),
]);
