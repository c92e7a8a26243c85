import { describe, expect, test } from "bun:test";
import { TestServer } from "./harness.ts";

const limits = {
  helloDeadlineMs: 5_000,
  frameDeadlineMs: 30_000,
  frameGraceMs: 10_000,
  frameBytesPerSecondMin: 100,
  idleDeadlineMs: 60_000,
  outputDeadlineMs: 20_000,
  lingerDeadlineMs: 2_000,
};

/** Sweeps come once a second; one sees that the last thing happened, a later one that nothing followed. */
const sweepMs = 1_000;

describe("a peer", () => {
  test("that says no hello is told so and closed", () => {
    const host = new TestServer(limits);
    const peer = host.connect();
    host.clock.advance(5_000);
    expect(peer.take()).toEqual([]);
    host.clock.advance(sweepMs);
    const [farewell] = peer.take();
    expect(farewell).toMatchObject({ id: 0, error: { code: "LIMIT_EXCEEDED", details: [5_000, 6_000] } });
    expect(farewell!.error!.message).toContain("no hello");
    expect(peer.wire.events).toEqual(["shutdown"]);
  });

  test("that never says anything more is closed when it is idle for too long, and not before", () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    host.clock.advance(60_000);
    expect(peer.take()).toEqual([]);
    host.clock.advance(2 * sweepMs);
    expect(peer.errors()).toEqual(["0 LIMIT_EXCEEDED"]);
  });

  test("that asks now and then is not idle, nor is one that waits for an answer of ours", () => {
    const host = new TestServer(limits);
    const [asking, waiting] = [host.greeted(), host.greeted()];
    waiting.put(2, "a", "1").send();
    for (let minute = 0; minute < 10; minute++) {
      host.clock.advance(50_000);
      asking.ping(2).send();
    }
    expect([asking.wire.events, waiting.wire.events]).toEqual([[], []]);
    host.store.advance();
    host.clock.advance(60_000);
    expect(waiting.wire.events).toEqual([]);
    host.clock.advance(2 * sweepMs);
    expect(waiting.wire.events).toEqual(["shutdown"]);
  });

  test("whose frame does not come to its end is closed, though its bytes keep coming", () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    const bytes = peer.put(2, "a", "x".repeat(50_000)).bytes();
    for (let second = 0; second <= 30; second++) {
      peer.sendBytes(bytes.subarray(second * 1_000, (second + 1) * 1_000));
      host.clock.advance(1_000);
    }
    expect(peer.wire.events).toEqual([]);
    host.clock.advance(sweepMs);
    const [farewell] = peer.take();
    expect(farewell!.error!.message).toContain("unfinished");
    expect(peer.wire.events).toEqual(["shutdown"]);
  });

  test("whose frame comes a byte at a time is closed after a grace", () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    const bytes = peer.put(2, "a", "x".repeat(50_000)).bytes();
    for (let second = 0; second <= 10; second++) {
      peer.sendBytes(bytes.subarray(second, second + 1));
      host.clock.advance(1_000);
    }
    expect(peer.take()).toEqual([]);
    host.clock.advance(2 * sweepMs);
    const [farewell] = peer.take();
    expect(farewell!.error!.message).toContain("bytes a second");
    expect(farewell!.error!.details[0]).toBe(100);
  });

  test("whose frames are all cut but all come to their end is let be", () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    let rest = Buffer.alloc(0);
    for (let second = 0; second < 100; second++) {
      const bytes = Buffer.concat([rest, peer.ping(second + 2).bytes()]);
      peer.sendBytes(bytes.subarray(0, bytes.length - 2));
      rest = bytes.subarray(bytes.length - 2);
      host.clock.advance(1_000);
    }
    expect(peer.ids()).toHaveLength(99);
    expect(peer.wire.events).toEqual([]);
  });

  test("that is not read from because of us has no frame to finish", () => {
    const host = new TestServer({ ...limits, inFlightRequestsMax: 1 });
    const peer = host.greeted();
    peer.put(2, "a", "1").put(3, "a", "2");
    const bytes = peer.bytes();
    peer.sendBytes(bytes.subarray(0, bytes.length - 3));
    host.clock.advance(100_000);
    expect(peer.wire.events).toEqual(["pause"]);
    peer.sendBytes(bytes.subarray(bytes.length - 3));
    host.store.advance();
    host.store.advance();
    expect(peer.ids()).toEqual([2, 3]);
  });

  test("that takes nothing of its answers is closed without a word", () => {
    const host = new TestServer(limits, { isInstant: true });
    const peer = host.greeted();
    peer.wire.room = 2;
    peer.ping(2).send();
    host.clock.advance(20_000);
    peer.drain(2);
    host.clock.advance(20_000);
    expect(peer.wire.events).toEqual([]);
    host.clock.advance(2 * sweepMs);
    expect(peer.wire.events).toEqual(["terminate"]);
    expect(host.server.stats()).toMatchObject({ connections: 0, connectionsEvicted: 1, outputBytes: 0 });
  });

  test("that does not close after our goodbye is closed, and what it still says is dropped", () => {
    const host = new TestServer(limits);
    const peer = host.greeted();
    peer.raw(0, 0, 0, 0).send();
    peer.put(3, "a", "1").send();
    host.clock.advance(2_000);
    expect(peer.wire.events).toEqual(["shutdown"]);
    host.clock.advance(sweepMs);
    expect(peer.wire.events).toEqual(["shutdown", "end"]);
    expect(host.store.calls).toEqual([]);
  });
});

test("one timer watches over all connections, and only while there are any", () => {
  const host = new TestServer(limits);
  expect(host.clock.alarmCount).toBe(0);
  const peers = Array.from({ length: 100 }, () => host.greeted());
  expect(host.clock.alarmCount).toBe(1);
  host.clock.advance(10_500);
  expect(host.clock.alarmCount).toBe(1);
  for (const peer of peers) peer.end();
  expect(host.clock.alarmCount).toBe(0);
});

test("a sweep that comes late tells of a busy event loop", () => {
  const host = new TestServer(limits);
  host.greeted();
  host.clock.advance(1_000);
  expect(host.server.stats()).toMatchObject({ eventLoopDelayMs: 0 });
  host.clock.stall(250);
  host.clock.advance(3_000);
  expect(host.server.stats()).toMatchObject({ eventLoopDelayMs: 0, eventLoopDelayMsMax: 250 });
});
