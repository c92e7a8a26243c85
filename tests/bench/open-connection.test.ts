import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { encodeWritten } from "../../src/protocol/response-encoder.ts";
import { holdfastDialect, redisDialect, type Dialect } from "./dialect.ts";
import { LoadMeter, type Load } from "./load.ts";
import type { Output } from "./load-sockets.ts";
import { OpenConnection } from "./open-connection.ts";
import { Schedule } from "./schedule.ts";

const startMs = 5000;

/** Takes so many bytes, and keeps them. */
class Taker implements Output {
  taken = Buffer.alloc(0);
  takesBytes = Infinity;

  write(bytes: Buffer, offset: number, length: number): number {
    const count = Math.min(length, this.takesBytes);
    this.taken = Buffer.concat([this.taken, bytes.subarray(offset, offset + count)]);
    this.takesBytes -= count;
    return count;
  }

  end(): void {}
}

function openConnection(dialect: Dialect, perSecond: number, firstMeasured = 0) {
  let next = 0;
  const load: Load = {
    port: 0,
    dialect,
    connections: 1,
    setPercent: 100,
    keys: { next: () => next++ },
    valueBytes: 100,
    stamp: 1,
    warmUpMs: 0,
    measureMs: 0,
  };
  const meter = new LoadMeter(undefined);
  meter.start(startMs);
  const connection = new OpenConnection(load, meter);
  const output = new Taker();
  connection.open(output);
  const schedule = new Schedule(startMs, perSecond);
  connection.schedule(schedule, 0, 1, firstMeasured);
  const tick = (nowMs: number) => connection.sendDue(schedule.dueBy(nowMs));
  const latencies = () => {
    meter.endSecond(startMs + 1000);
    return meter.latencies;
  };
  return { connection, output, tick, latencies };
}

const ok = (count: number) => Buffer.from("+OK\r\n".repeat(count));

test("a server that stands still makes everything wait that was due meanwhile", () => {
  const { connection, tick, latencies } = openConnection(redisDialect, 1000);
  for (let ms = 0; ms < 100; ms++) {
    tick(startMs + ms);
    connection.receive(ok(1), startMs + ms + 0.25);
  }
  // For 100 ms nothing is answered, then all at once. A closed loop would have seen one slow request.
  for (let ms = 100; ms < 200; ms++) tick(startMs + ms);
  connection.receive(ok(100), startMs + 200);
  const measured = latencies();
  expect(measured.count).toBe(200);
  expect(measured.maxMs).toBe(100);
  expect(measured.percentileMs(0.5)).toBeCloseTo(0.25, 2);
  expect(measured.percentileMs(0.75)).toBeCloseTo(50, -0.5);
});

test("a generator that stands still is no excuse: time runs from when a request was due", () => {
  const { connection, tick, latencies } = openConnection(redisDialect, 1000);
  tick(startMs + 99);
  connection.receive(ok(100), startMs + 99.5);
  const measured = latencies();
  expect(measured.count).toBe(100);
  expect(measured.maxMs).toBe(99.5);
  expect(measured.percentileMs(0.5)).toBeCloseTo(50, -0.5);
});

test("a socket that takes nothing for a while is no excuse either, and bytes stay in order", () => {
  const { connection, output, tick, latencies } = openConnection(redisDialect, 1000);
  output.takesBytes = 100;
  tick(startMs + 49);
  tick(startMs + 99);
  output.takesBytes = Infinity;
  connection.push();
  const requests = output.taken.toString("latin1").split("*3\r\n").slice(1);
  expect(requests.length).toBe(100);
  expect(new Set(requests).size).toBe(100);
  connection.receive(ok(100), startMs + 100);
  expect(latencies().maxMs).toBe(100);
});

test("an answer is matched with its own request, in whichever order they come", () => {
  const { connection, output, tick, latencies } = openConnection(holdfastDialect, 1000);
  connection.receive(answers([1]), startMs);
  output.taken = Buffer.alloc(0);
  tick(startMs);
  tick(startMs + 9);
  const ids = requestIds(output.taken);
  expect(ids.length).toBe(10);
  // The one that was due first is answered last; all others at once.
  connection.receive(answers(ids.slice(1).toReversed()), startMs + 10);
  connection.receive(answers(ids.slice(0, 1)), startMs + 50);
  expect(connection.inFlight).toBe(0);
  const measured = latencies();
  expect([measured.count, measured.maxMs]).toEqual([10, 50]);
  // From 1 ms for the last one to 9 ms.
  expect(measured.percentileMs(0.1)).toBeCloseTo(1, 1);
  expect(measured.percentileMs(0.9)).toBeCloseTo(9, 0);
});

test("what was due during the warm-up is answered and not counted", () => {
  const { connection, tick, latencies } = openConnection(redisDialect, 1000, 60);
  tick(startMs + 99);
  connection.receive(ok(100), startMs + 100);
  expect(connection.answered).toBe(100);
  expect(latencies().count).toBe(40);
  expect(latencies().maxMs).toBe(40);
});

test("an answer that nobody asked for, and an error, end the loop", () => {
  const { connection, tick } = openConnection(redisDialect, 1000);
  tick(startMs);
  expect(() => connection.receive(Buffer.from("-MISCONF no disk\r\n"), startMs)).toThrow("MISCONF no disk");
  const other = openConnection(redisDialect, 1000);
  expect(() => other.connection.receive(ok(1), startMs)).toThrow("nobody asked");
});

function answers(ids: number[]): Buffer {
  const writer = new ByteWriter();
  for (const id of ids) encodeWritten(writer, id, 1);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

function requestIds(bytes: Buffer): number[] {
  const frames = new FrameDecoder(bytes.length);
  const request = new RequestDecoder();
  const ids: number[] = [];
  frames.push(bytes);
  while (frames.next()) {
    request.decode(frames.bytes, frames.start, frames.end);
    ids.push(request.correlationId);
  }
  return ids;
}
