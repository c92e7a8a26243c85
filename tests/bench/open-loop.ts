import { join } from "node:path";
import { LatencyHistogram } from "./latency-histogram.ts";
import { LoadMeter, type Load, type LoadResult } from "./load.ts";
import { LoadSockets } from "./load-sockets.ts";
import { OpenConnection } from "./open-connection.ts";
import { Schedule, tickMs } from "./schedule.ts";

export interface OpenLoad extends Load {
  /** Requests a second, over all connections. */
  perSecond: number;
}

export interface OpenResult extends LoadResult {
  /** How late the generator itself sent what was due: part of every latency. */
  lateness: LatencyHistogram;
  /** The most that were unanswered at once. */
  inFlightMax: number;
}

/**
 * Sends at a fixed rate whether or not the server keeps up. The latency of a request runs from the moment at which it
 * was due: if the server, or the generator, stands still for a while, everything that was due meanwhile has waited.
 */
export async function openLoop(load: OpenLoad): Promise<OpenResult> {
  const meter = new LoadMeter(load.onSecond);
  const connections = Array.from({ length: load.connections }, () => new OpenConnection(load, meter));
  using sockets = new LoadSockets(load, connections);
  await sockets.orFail(Promise.all(connections.map(({ greeted }) => greeted)));
  const run = new OpenRun(load, meter, connections);
  using _ = everyTick(() => run.tick(performance.now()));
  await sockets.orFail(Bun.sleep(run.endMs - performance.now() + tickMs));
  // What is still unanswered has a latency as well.
  while (!run.isAnswered) {
    if (performance.now() > run.endMs + patienceMs) throw new Error(tooSlow(load));
    await sockets.orFail(Bun.sleep(tickMs));
  }
  const { opsPerSec } = run.end(performance.now());
  await sockets.orFail(sockets.ended);
  const { latencies, missing, acknowledged } = meter;
  const { lateness, inFlightMax } = run;
  return { opsPerSec, latencies, missing, acknowledged, lateness, inFlightMax };
}

/** One run of an open loop: what is due when, and for which connection. */
class OpenRun {
  readonly endMs: number;
  readonly lateness = new LatencyHistogram();
  inFlightMax = 0;
  readonly #meter: LoadMeter;
  readonly #connections: readonly OpenConnection[];
  readonly #schedule: Schedule;
  readonly #measureFromMs: number;
  /** The place in the schedule of the first request that counts, and where it ends. */
  readonly #firstMeasured: number;
  readonly #total: number;
  #due = 0;
  #nextSecondMs: number;

  constructor(load: OpenLoad, meter: LoadMeter, connections: readonly OpenConnection[]) {
    const startMs = performance.now() + 2 * tickMs;
    this.#meter = meter;
    this.#connections = connections;
    this.#schedule = new Schedule(startMs, load.perSecond);
    this.#measureFromMs = startMs + load.warmUpMs;
    this.endMs = this.#measureFromMs + load.measureMs;
    this.#nextSecondMs = this.#measureFromMs + 1000;
    this.#firstMeasured = this.#schedule.countOf(load.warmUpMs);
    this.#total = this.#schedule.countOf(load.warmUpMs + load.measureMs);
    for (const [index, connection] of connections.entries())
      connection.schedule(this.#schedule, index, connections.length, this.#firstMeasured);
  }

  get isAnswered(): boolean {
    return this.#connections.reduce((sum, { answered }) => sum + answered, 0) === this.#total;
  }

  tick(nowMs: number): void {
    const due = Math.min(this.#total, this.#schedule.dueBy(nowMs));
    // The one that has waited longest for this tick.
    if (due > this.#firstMeasured && due > this.#due)
      this.lateness.record(nowMs - this.#schedule.intendedMs(this.#due));
    this.#due = due;
    if (!this.#meter.isMeasuring && nowMs >= this.#measureFromMs) this.#meter.start(this.#measureFromMs);
    let inFlight = 0;
    for (const connection of this.#connections) {
      connection.sendDue(due);
      inFlight += connection.inFlight;
    }
    this.inFlightMax = Math.max(this.inFlightMax, inFlight);
    if (nowMs < this.#nextSecondMs) return;
    this.#meter.endSecond(nowMs);
    this.#nextSecondMs += 1000;
  }

  end(nowMs: number): { opsPerSec: number } {
    this.#meter.endSecond(nowMs);
    for (const connection of this.#connections) connection.end();
    const elapsedMs = Math.max(nowMs, this.endMs) - this.#measureFromMs;
    return { opsPerSec: (this.#meter.latencies.count / elapsedMs) * 1000 };
  }
}

function everyTick(onTick: () => void): Disposable {
  const ticker = new Worker(join(import.meta.dir, "ticker-fixture.ts"));
  ticker.onmessage = onTick;
  ticker.postMessage(tickMs);
  return {
    [Symbol.dispose]() {
      ticker.onmessage = null;
      ticker.terminate();
    },
  };
}

function tooSlow({ dialect, perSecond }: OpenLoad): string {
  return `${dialect.name} had not answered everything ${patienceMs} ms after the end, at ${Math.round(perSecond)} requests a second`;
}

const patienceMs = 60_000;
