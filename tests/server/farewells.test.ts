import { describe, expect, test } from "bun:test";
import { Farewells } from "../../src/server/farewells.ts";
import { TestServer, unfinishedFrame, type Peer } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";

const KiB = 1024;

describe("who is sent away", () => {
  /** At most twenty wait. */
  function farewells(perSecond = 10) {
    const clock = new ManualClock();
    const left: number[] = [];
    const all = new Farewells(clock, perSecond, 20);
    const leavers = Array.from({ length: 100 }, (_, number) => ({ leave: () => void left.push(number) }));
    return { clock, left, all, leavers, detains: (number: number) => all.detains(leavers[number]!) };
  }

  test("leaves at once while they are few", () => {
    const { clock, all, detains } = farewells();
    for (let number = 0; number < 100; number++) {
      expect(detains(number)).toBe(false);
      clock.advance(100);
    }
    expect([all.waiting, clock.alarmCount]).toEqual([0, 0]);
  });

  test("waits when they are many, and leaves in order, so many a second", () => {
    const { clock, left, detains } = farewells();
    const detained = Array.from({ length: 25 }, (_, number) => detains(number));
    expect(detained).toEqual([...new Array<boolean>(10).fill(false), ...new Array<boolean>(15).fill(true)]);
    clock.advance(500);
    expect(left).toEqual([10, 11, 12, 13, 14]);
    clock.advance(10_000);
    expect(left).toEqual(Array.from({ length: 15 }, (_, index) => 10 + index));
    expect(clock.alarmCount).toBe(0);
  });

  test("goes behind those that wait, also when time has passed", () => {
    const { clock, left, detains } = farewells(50);
    for (let number = 0; number < 52; number++) detains(number);
    // One may leave, and who waits is looked after a moment later.
    clock.advance(99);
    expect(left).toEqual([]);
    expect(detains(52)).toBe(true);
    clock.advance(1_000);
    expect(left).toEqual([50, 51, 52]);
  });

  test("finds no more room after a long time without anybody", () => {
    const { clock, detains } = farewells();
    clock.advance(60_000);
    const detained = Array.from({ length: 11 }, (_, number) => detains(number));
    expect(detained).toEqual([...new Array<boolean>(10).fill(false), true]);
  });

  test("takes the place of the oldest when too many wait", () => {
    const { left, all, detains } = farewells();
    for (let number = 0; number < 33; number++) detains(number);
    expect(left).toEqual([10, 11, 12]);
    expect(all.waiting).toBe(20);
  });

  test("and goes by itself is forgotten", () => {
    const { clock, left, all, leavers, detains } = farewells();
    for (let number = 0; number < 13; number++) detains(number);
    all.forget(leavers[11]!);
    clock.advance(1_000);
    expect(left).toEqual([10, 12]);
  });

  test("does not keep a server that ends", () => {
    const { left, all, detains } = farewells();
    for (let number = 0; number < 12; number++) detains(number);
    all.end();
    expect(left).toEqual([10, 11]);
    expect(detains(12)).toBe(false);
  });
});

describe("a peer that has to wait until it may leave", () => {
  /** One a second may leave, and one just did. */
  function crowded(limits = {}) {
    const host = new TestServer({ evictionsPerSecond: 1, ...limits }, { isInstant: true });
    nonsense(host.greeted());
    return host;
  }

  function nonsense(peer: Peer): Peer {
    return peer.raw(0, 0, 0, 1, 0xc0).send();
  }

  test("is not read from, and hears why when its time has come", () => {
    const host = crowded();
    const peer = nonsense(host.greeted().put(2, "a", "1"));
    expect([peer.errors(), peer.wire.events]).toEqual([[], ["pause"]]);
    peer.put(3, "b", "2").send();
    peer.session!.drained();
    peer.poll();
    expect([peer.errors(), host.store.calls]).toEqual([[], ["put a"]]);
    host.clock.advance(1_100);
    expect(peer.errors()).toEqual(["2 OK", "0 MALFORMED"]);
    expect(peer.wire.events).toEqual(["pause", "resume", "shutdown"]);
    expect(host.server.stats()).toMatchObject({ connectionsEvicted: 2 });
    peer.end();
    expect(peer.wire.isClosed).toBe(true);
  });

  test("is sent away once, whatever deadline it misses meanwhile", () => {
    const host = crowded({ evictionsPerSecond: 1, idleDeadlineMs: 3_000, outputDeadlineMs: 3_000 });
    const others = Array.from({ length: 9 }, () => nonsense(host.greeted()));
    host.clock.advance(20_000);
    expect(others.map((peer) => peer.errors())).toEqual(new Array(9).fill(["0 MALFORMED"]));
    expect(host.server.stats()).toMatchObject({ connectionsEvicted: 10 });
  });

  test("keeps nothing of what it sent and left unread, as soon as it is sent away", () => {
    const host = crowded({ outputBytesTotalMax: 64 * KiB });
    const peer = host.greeted();
    peer.put(2, "a", "x".repeat(65 * KiB)).send();
    peer.wire.room = 0;
    peer.get(3, "a").raw(0, 0, 0, 99, 1).send();
    expect(host.server.stats()).toMatchObject({ outputBytes: 0, inputBytes: 0, connections: 2 });
    expect(peer.wire.isClosed).toBe(false);
    host.clock.advance(1_100);
    expect(peer.wire.events).toEqual(["pause", "terminate"]);
    expect(host.server.stats()).toMatchObject({ connections: 1, connectionsEvicted: 2 });
  });

  // What those held that waited was counted nowhere: 176 MiB with a cap of 64.
  test("has its last answers counted, and loses them when there is no room for all", () => {
    const host = crowded({ outputBytesTotalMax: 256 * KiB });
    host
      .greeted()
      .put(2, "a", "x".repeat(20 * KiB))
      .send();
    const peers = Array.from({ length: 40 }, () => nonsense(host.greeted().get(3, "a")));
    const held = () => peers.reduce((sum, { session }) => sum + session!.outgoing.outputBytes, 0);
    expect(held()).toBe(host.server.statistics.outputBytes);
    expect(held()).toBeLessThanOrEqual(256 * KiB);
    expect(held()).toBeGreaterThan(200 * KiB);
    expect(peers.filter(({ wire }) => wire.isClosed)).toEqual([]);
    host.clock.advance(60_000);
    expect(host.server.statistics.outputBytes).toBe(0);
  });

  test("may go by itself", () => {
    const host = crowded();
    const peer = nonsense(host.greeted());
    peer.wire.terminate();
    host.clock.advance(5_000);
    expect(peer.wire.events).toEqual(["pause", "terminate"]);
    expect(host.server.stats()).toMatchObject({ connections: 0 });
  });

  test("hears why at once when the server shuts down or its store fails", async () => {
    for (const ends of [
      (host: TestServer) => void host.server.close(),
      (host: TestServer) => host.store.fail(),
    ]) {
      const host = crowded();
      const peer = nonsense(host.greeted());
      ends(host);
      peer.poll();
      expect(peer.errors()).toEqual(["0 MALFORMED"]);
      peer.end();
      await host.passTime(60_000);
    }
  });
});

test("of unfinished frames beyond the total, the one that was left alone goes, and not the largest", () => {
  const host = new TestServer({ inputBytesTotalMax: 100 * KiB }, { isInstant: true });
  const [left, large, another] = [host.greeted(), host.greeted(), host.greeted()];
  left.sendBytes(unfinishedFrame(20 * KiB));
  host.clock.advance(500);
  large.sendBytes(unfinishedFrame(40 * KiB));
  large.sendBytes(Buffer.alloc(30 * KiB));
  expect([left, large].map(({ wire }) => wire.isClosed)).toEqual([false, false]);
  another.sendBytes(unfinishedFrame(20 * KiB));
  expect([left, large, another].map(({ wire }) => wire.isClosed)).toEqual([true, false, false]);

  // A byte now and then does not make it a new one, and whom we don't read from is no candidate for little.
  const [dripping, held] = [host.greeted(), host.greeted()];
  dripping.sendBytes(unfinishedFrame(10 * KiB));
  host.clock.advance(500);
  held.sendBytes(unfinishedFrame(KiB));
  for (let second = 0; second < 5; second++) {
    host.clock.advance(1_000);
    dripping.sendBytes(Buffer.alloc(1));
  }
  another.sendBytes(Buffer.alloc(5 * KiB));
  expect([large, another, dripping, held].map(({ wire }) => wire.isClosed)).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
