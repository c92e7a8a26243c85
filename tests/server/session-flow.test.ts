import { describe, expect, test } from "bun:test";
import { TestServer, unfinishedFrame } from "./harness.ts";

const KiB = 1024;

describe("a peer with as many requests in flight as it may have", () => {
  test("is not read from until half of them are answered", () => {
    const host = new TestServer({ inFlightRequestsMax: 4 });
    const peer = host.greeted();
    for (let id = 2; id <= 5; id++) peer.put(id, "a", "1").send();
    expect(peer.wire.events).toEqual(["pause"]);
    // What was read before the pause took hold is kept, not carried out.
    for (let id = 6; id <= 9; id++) peer.put(id, "b", "1").send();
    expect(host.store.calls).toHaveLength(4);

    host.store.advance(1);
    expect(peer.ids()).toEqual([2]);
    expect(host.store.calls).toHaveLength(4);
    host.store.advance(2);
    expect(host.store.calls).toEqual(["put a", "put a", "put a", "put a", "put b", "put b"]);
    // By now it is greedy, for it asked for more than it may twice in a row, and has to wait for its turn.
    for (let round = 0; round < 4; round++) {
      host.store.advance();
      peer.poll();
    }
    expect(peer.ids()).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(peer.wire.events).toEqual(["pause", "resume"]);
  });

  test("gets the rest of the chunk carried out later, in order", () => {
    const host = new TestServer({ inFlightRequestsMax: 10 });
    const peer = host.greeted();
    for (let id = 2; id < 102; id++) peer.put(id, "a", "1");
    peer.send();
    expect(host.store.calls).toHaveLength(10);
    const ids: number[] = [];
    for (let round = 0; round < 10; round++) {
      host.store.advance();
      ids.push(...peer.ids());
    }
    expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => index + 2));
    expect(peer.wire.isPaused).toBe(false);
  });

  test("counts those that the store has not answered yet", () => {
    const host = new TestServer({ inFlightRequestsMax: 2 });
    host.store.isSlow = true;
    const peer = host.greeted();
    peer.get(2, "a").get(3, "b").get(4, "c").send();
    expect(host.store.calls).toEqual(["get a", "get b"]);
    host.store.answerAll();
    peer.poll();
    expect(host.store.calls).toEqual(["get a", "get b", "get c"]);
    host.store.answerAll();
    expect(peer.poll().ids()).toEqual([2, 3, 4]);
  });
});

describe("a peer that does not read", () => {
  test("is not read from beyond its output, is held to it, and goes on when it reads", () => {
    const host = new TestServer({ outputBytesMax: 64 * KiB }, { isInstant: true });
    const peer = host.greeted();
    peer.put(2, "a", "x".repeat(8 * KiB)).send();
    peer.take();

    peer.wire.room = 1000;
    for (let id = 3; id < 103; id++) peer.get(id, "a");
    peer.send();
    expect(host.store.calls).toHaveLength(9);
    expect(peer.wire.isPaused).toBe(true);
    expect(peer.session!.outgoing.outputBytes).toBeLessThan(64 * KiB + 9 * KiB);
    expect(host.server.stats()).toMatchObject({ outputBytes: peer.session!.outgoing.outputBytes });

    // Little by little: it goes on when half of the room is free, and never holds more than all of it.
    const ids = peer.ids();
    for (let round = 0; ids.length < 100; round++) {
      expect(round).toBeLessThan(1000);
      peer.drain(10_000).poll();
      expect(peer.session!.outgoing.outputBytes).toBeLessThan(64 * KiB + 9 * KiB);
      ids.push(...peer.ids());
    }
    expect(ids).toEqual(Array.from({ length: 100 }, (_, index) => index + 3));
    peer.drain();
    expect(peer.wire.isPaused).toBe(false);
    expect(host.server.stats()).toMatchObject({ outputBytes: 0 });
  });

  test("cannot keep the turn by reading as fast as we answer", () => {
    const host = new TestServer({ outputBytesMax: 64 * KiB }, { isInstant: true });
    const peer = host.greeted();
    peer.put(2, "a", "x".repeat(8 * KiB)).send();
    host.store.calls.length = 0;
    for (let id = 3; id < 103; id++) peer.get(id, "a");
    peer.send();
    expect(host.store.calls).toHaveLength(8);
    expect(host.clock.poll()).toBeGreaterThan(10);
    expect(peer.ids()).toHaveLength(101);
    expect(peer.wire.isPaused).toBe(false);
  });

  test("is not written to until it can take something", () => {
    const host = new TestServer({}, { isInstant: true });
    const peer = host.greeted();
    peer.wire.room = 0;
    peer.wire.writes.length = 0;
    for (let id = 2; id < 100; id++) peer.ping(id).send();
    expect(peer.wire.writes).toEqual([0]);
    expect(peer.drain().ids()).toHaveLength(98);
    expect(peer.wire.writes).toHaveLength(2);
  });

  test("gets frames that were cut anywhere, whole", () => {
    const host = new TestServer({}, { isInstant: true });
    const peer = host.greeted();
    peer.put(2, "a", "x".repeat(100)).get(3, "a").get(4, "a");
    peer.wire.room = 0;
    peer.send();
    const ids: number[] = [];
    for (let count = 0; count < 400; count++) ids.push(...peer.drain(1).ids());
    expect(ids).toEqual([2, 3, 4]);
  });

  test("holds what became durable and what waits alike", () => {
    const host = new TestServer({ outputBytesMax: 32 * KiB });
    const peer = host.greeted();
    peer.put(2, "a", "x".repeat(8 * KiB)).send();
    for (let id = 3; id < 20; id++) peer.get(id, "a");
    peer.send();
    expect(host.store.calls.length).toBeLessThan(8);
    peer.wire.room = 0;
    host.store.advance();
    expect(host.store.calls.length).toBeLessThan(8);
    while (peer.session!.outgoing.outputBytes > 0) peer.drain(9_999).poll();
    expect(peer.ids()).toHaveLength(18);
  });

  test("may leave less unread the less room there is for all, and is not closed for it", () => {
    const limits = { outputBytesMax: 64 * KiB, outputBytesTotalMax: 1280 * KiB };
    const host = new TestServer(limits, { isInstant: true });
    const peers = Array.from({ length: 200 }, () => host.greeted());
    peers[0]!.put(2, "a", "x".repeat(KiB)).send();
    const held = peers.map((peer) => {
      peer.wire.room = 0;
      for (let id = 3; id < 203; id++) peer.get(id, "a");
      peer.send().poll();
      return peer.session!.outgoing.outputBytes;
    });
    expect(held[0]).toBeGreaterThan(10 * KiB);
    expect(held[199]).toBeLessThan(4 * KiB);
    expect(host.server.stats()).toMatchObject({ connections: 200, connectionsEvicted: 0 });
    expect(host.server.statistics.outputBytes).toBeLessThan(limits.outputBytesTotalMax);

    const [last] = peers.slice(-1);
    while (last!.session!.outgoing.outputBytes > 0 || last!.wire.isPaused) last!.drain(9_999).poll();
    expect(last!.ids()).toHaveLength(200);
  });

  test("may leave a little unread however full the server is, so that others who read go on", () => {
    const limits = { outputBytesMax: 128 * KiB, outputBytesTotalMax: 100 * KiB };
    const host = new TestServer(limits, { isInstant: true });
    const [deaf, reader] = [host.greeted(), host.greeted()];
    deaf
      .put(2, "large", "x".repeat(99 * KiB))
      .put(3, "a", "1")
      .send();
    deaf.wire.room = 0;
    deaf.get(4, "large").send();
    for (let id = 3; id < 33; id++) reader.get(id, "a");
    reader.send();
    expect(reader.ids()).toHaveLength(30);
    expect(reader.wire.events).toEqual([]);
  });

  test("is closed when all connections together hold too much, the greediest first", () => {
    const limits = { outputBytesMax: 64 * KiB, outputBytesTotalMax: 100 * KiB };
    const host = new TestServer(limits, { isInstant: true });
    const [modest, greedy, late] = [host.greeted(), host.greeted(), host.greeted()];
    // One answer may always be asked for, however large it is.
    modest
      .put(2, "small", "x".repeat(16 * KiB))
      .put(3, "large", "x".repeat(60 * KiB))
      .put(4, "middle", "x".repeat(40 * KiB))
      .send();
    for (const peer of [modest, greedy, late]) peer.wire.room = 0;
    modest.get(5, "small");
    greedy.get(5, "large");
    late.get(5, "middle");
    modest.send();
    greedy.send();
    expect([modest, greedy, late].map(({ wire }) => wire.isClosed)).toEqual([false, false, false]);
    late.send();
    expect([modest, greedy, late].map(({ wire }) => wire.isClosed)).toEqual([false, true, false]);
    expect(host.server.stats()).toMatchObject({
      connections: 2,
      connectionsEvicted: 1,
      outputBytes: modest.session!.outgoing.outputBytes + late.session!.outgoing.outputBytes,
    });
  });
});

describe("a peer that ends its side", () => {
  test("gets what it asked for, then our end", () => {
    const host = new TestServer();
    const peer = host.greeted();
    peer.put(2, "a", "1").send().end();
    expect(peer.wire.events).toEqual([]);
    host.store.advance();
    expect(peer.ids()).toEqual([2]);
    expect(peer.wire.events).toEqual(["end"]);
    expect(host.server.stats()).toMatchObject({ connections: 0 });
  });

  test("while it is stalled gets all that it had sent", () => {
    const host = new TestServer({ inFlightRequestsMax: 2 });
    const peer = host.greeted();
    for (let id = 2; id <= 8; id++) peer.put(id, "a", "1");
    peer.send().end();
    for (let round = 0; round < 4; round++) host.store.advance();
    expect(peer.ids()).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(peer.wire.events.at(-1)).toBe("end");
  });

  test("gets what the store answers later, too", () => {
    const host = new TestServer();
    const peer = host.greeted();
    host.store.isSlow = true;
    peer.get(2, "a").send().end();
    expect(peer.wire.events).toEqual([]);
    host.store.answerAll();
    expect(peer.poll().ids()).toEqual([2]);
    expect(peer.wire.events).toEqual(["end"]);
  });

  test("in the middle of a frame is simply closed", () => {
    const host = new TestServer();
    const peer = host.greeted();
    const bytes = peer.put(2, "a", "1").bytes();
    peer.sendBytes(bytes.subarray(0, 7)).end();
    expect(peer.wire.events).toEqual(["end"]);
    expect(host.store.calls).toEqual([]);
  });
});

test("output buffers go back to the pool, and a huge one is let go", () => {
  const host = new TestServer({}, { isInstant: true });
  const { pool } = host.server;
  const peer = host.greeted();
  const spareBefore = pool.spareCount;
  for (let id = 2; id < 100; id++) peer.put(id, "a", "1").send();
  expect(pool.spareCount).toBe(spareBefore);
  peer.put(100, "a", "x".repeat(1024 * KiB)).send();
  peer.get(101, "a").send();
  // While modest ones are about, as it is one, a large answer leaves in pieces.
  for (let piece = 0; piece < 8; piece++) peer.poll();
  expect(peer.ids()).toHaveLength(100);
  expect(pool.spareCount).toBe(spareBefore - 1);
});

test("a peer whose requests take long lets others have their turn, and goes on behind them", () => {
  const host = new TestServer({}, { isInstant: true });
  const peer = host.greeted();
  // Each request takes the store half a millisecond; a turn may take two, and the clock is read every 16 gets.
  const { get } = host.store;
  let gets = 0;
  host.store.get = function (...words) {
    gets++;
    host.clock.nowMs += 0.5;
    get.apply(this, words);
  };
  for (let id = 2; id < 402; id++) peer.get(id, "a");
  peer.send();
  expect(gets).toBe(16);
  expect(host.clock.poll()).toBe(24);
  expect(gets).toBe(400);
  expect(peer.ids()).toHaveLength(400);
});

test("frames that are not whole have a total, past which one that holds much of it is closed", () => {
  const host = new TestServer({ inputBytesTotalMax: 100 * KiB });
  const [modest, greedy, late] = [host.greeted(), host.greeted(), host.greeted()];
  modest.sendBytes(unfinishedFrame(8 * KiB));
  greedy.sendBytes(unfinishedFrame(60 * KiB));
  expect([modest, greedy, late].map(({ wire }) => wire.isClosed)).toEqual([false, false, false]);
  late.sendBytes(unfinishedFrame(40 * KiB));
  expect([modest, greedy, late].map(({ wire }) => wire.isClosed)).toEqual([false, true, false]);
  expect(host.server.stats()).toMatchObject({ connections: 2, connectionsEvicted: 1, inputBytes: 48 * KiB });
});

// Of a thousand that were read in one turn, nothing was counted until its end if each had a small answer to send, too.
describe("what a peer holds is counted before the next one is read, also behind an answer that waits for the turn's end:", () => {
  const limits = { inputBytesTotalMax: 1024 * KiB, outputBytesTotalMax: 1024 * KiB };
  const held = 200 * KiB;

  test("answers that wait for durability", () => {
    const host = new TestServer(limits);
    host.greeted().put(2, "a", "x".repeat(held)).send();
    const peers = Array.from({ length: 50 }, () => host.greeted().ping(3).get(4, "a"));
    for (const [index, peer] of peers.entries()) {
      peer.session!.receive(peer.bytes());
      const outputBytes = peers.reduce((sum, { session }) => sum + session!.outgoing.outputBytes, 0);
      expect(outputBytes).toBeGreaterThan(Math.min(index, 3) * held);
      expect(outputBytes).toBeLessThan(limits.outputBytesTotalMax + held);
    }
  });

  test("unfinished frames", () => {
    const host = new TestServer(limits);
    const peers = Array.from({ length: 50 }, () => host.greeted().ping(3));
    for (const peer of peers) {
      peer.session!.receive(Buffer.concat([peer.bytes(), unfinishedFrame(held)]));
      expect(host.server.statistics.inputBytes).toBeLessThanOrEqual(limits.inputBytesTotalMax);
    }
    expect(host.server.stats()).toMatchObject({ inputBytes: 5 * held, connectionsEvicted: 45 });
  });
});
