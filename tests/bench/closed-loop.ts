import { seededRandom } from "../../src/lib/random.ts";
import { AnswerStream } from "./answer-stream.ts";
import { failed, missing } from "./dialect.ts";
import { LoadMeter, RefusedError, type Load, type LoadResult } from "./load.ts";
import { LoadSockets, type LoadConnection, type Output } from "./load-sockets.ts";
import { batchesOf } from "./request-batch.ts";

export interface ClosedLoad extends Load {
  /** Requests that a connection sends at once; it sends the next ones when all are answered. */
  pipeline: number;
}

/**
 * Every connection sends a batch of requests, waits for all answers, and sends the next: as much load as the server
 * takes. The latency of a request is the time from its batch's send to its answer.
 */
export async function closedLoop(load: ClosedLoad): Promise<LoadResult> {
  const meter = new LoadMeter(load.onSecond);
  const connections = Array.from(
    { length: load.connections },
    (_, index) => new BatchConnection(load, meter, index),
  );
  using sockets = new LoadSockets(load, connections);
  await sockets.orFail(Bun.sleep(load.warmUpMs));
  const { seconds, count } = await meter.during(sockets.orFail(Bun.sleep(load.measureMs)));
  for (const connection of connections) connection.isStopping = true;
  await sockets.orFail(sockets.ended);
  const { latencies, missing: missingCount, acknowledged } = meter;
  return { opsPerSec: count / seconds, latencies, missing: missingCount, acknowledged };
}

/** One connection, and its batches in turn. */
class BatchConnection implements LoadConnection {
  isStopping = false;
  isEnded = false;
  private readonly load: ClosedLoad;
  private readonly meter: LoadMeter;
  private readonly batches;
  private readonly answers: AnswerStream;
  private output!: Output;
  private batchIndex = 0;
  private sentBytes = 0;
  private sentAtMs = 0;
  /** Answers that the batch still waits for. */
  private expected = 0;
  private isGreeted = false;

  constructor(load: ClosedLoad, meter: LoadMeter, index: number) {
    this.load = load;
    this.meter = meter;
    this.batches = batchesOf(load, load.pipeline, seededRandom(index));
    this.answers = new AnswerStream(load.dialect.answers());
  }

  open(output: Output): void {
    this.output = output;
    const { greeting } = this.load.dialect;
    if (greeting.length === 0) this.begin();
    else output.write(greeting, 0, greeting.length);
  }

  receive(chunk: Buffer, nowMs: number): void {
    const { answers, meter } = this;
    const { reader } = answers;
    const ms = nowMs - this.sentAtMs;
    answers.push(chunk);
    while (answers.next()) {
      if (reader.outcome === failed) throw new RefusedError(this.load.dialect, reader.message());
      // Nothing was asked before the greeting was answered, so nothing comes behind that answer.
      if (!this.isGreeted) return this.begin();
      if (reader.outcome === missing) meter.missing++;
      if (meter.isMeasuring) meter.record(ms);
      this.expected--;
    }
    if (this.expected === 0) this.endBatch();
  }

  push(): void {
    if (!this.isGreeted) return;
    const { bytes } = this.batches[this.batchIndex]!;
    while (this.sentBytes < bytes.length) {
      const taken = this.output.write(bytes, this.sentBytes, bytes.length - this.sentBytes);
      if (taken <= 0) return;
      this.sentBytes += taken;
    }
  }

  private begin(): void {
    this.isGreeted = true;
    this.nextBatch();
  }

  private endBatch(): void {
    const { setEntry } = this.batches[this.batchIndex]!;
    if (setEntry >= 0) this.meter.acknowledge(setEntry);
    this.batchIndex = (this.batchIndex + 1) % this.batches.length;
    if (!this.isStopping) return this.nextBatch();
    this.isEnded = true;
    this.output.end();
  }

  private nextBatch(): void {
    const batch = this.batches[this.batchIndex]!;
    batch.fill(this.load.keys);
    this.expected = batch.count;
    this.sentBytes = 0;
    this.sentAtMs = performance.now();
    this.push();
  }
}
