import { describe, expect, test } from "bun:test";
import {
  appetiteHalvesMs,
  greedyMsMax,
  modestEffortMax,
  modestMemoryMs,
  modestVisitsMin,
  sharedGroupBytesMax,
  sharedSendBytesMax,
  turnInputBytesMax,
} from "../../src/lib/limits.ts";
import { BusyServer, greedyPeer } from "./busy-server.ts";
import { TestServer } from "./harness.ts";

describe("beside peers that flood", () => {
  for (const count of [1, 10, 300]) {
    test(`a modest one is served within a small budget, be they ${count}`, () => {
      const host = new BusyServer();
      const flooders = Array.from({ length: count }, () => greedyPeer(host));
      const modest = host.greeted();
      let askedMs: number | undefined;
      let slowestMs = 0;
      let asked = 0;
      for (let nextMs = host.clock.nowMs; asked < 100;) {
        // Whoever is not paused sends another thousand requests in every pass; the modest one's come last.
        const sending = flooders.filter(({ wire }) => !wire.isPaused);
        for (const peer of sending) for (let get = 0; get < 1_000; get++) peer.get(2, "a");
        if (askedMs === undefined && host.clock.nowMs >= nextMs) {
          nextMs = host.clock.nowMs + 10;
          askedMs = host.clock.nowMs;
          asked++;
          modest.get(2, "a");
        }
        host.pass(...sending, modest);
        for (const { wire } of flooders) wire.take();
        if (askedMs === undefined || modest.ids().length === 0) continue;
        // At first nobody knows of the modest one.
        if (asked > 10) slowestMs = Math.max(slowestMs, host.clock.nowMs - askedMs);
        askedMs = undefined;
      }
      // Those who were read before it, and those who waited; a look at the clock comes after 16 gets.
      expect(slowestMs).toBeLessThanOrEqual(2 * (greedyMsMax + 17 * host.requestMs));
    });
  }

  // Their wait for the next turn counted as abstinence: of a thousand none was taken for greedy any more.
  test("who are so many that each waits for long, those stay greedy", () => {
    const host = new BusyServer();
    const flooders = Array.from({ length: 1_000 }, () => greedyPeer(host));
    const modest = host.greeted();
    for (const peer of flooders) for (let get = 0; get < 1_500; get++) peer.get(2, "a");
    host.pass(...flooders);
    const { turns } = host.server;
    const pendingBytesMax = turns.pendingBytesMax.bind(turns);
    const turnsOf = { greedy: 0, modest: 0 };
    turns.pendingBytesMax = (isGreedy, nowMs) => {
      turnsOf[isGreedy ? "greedy" : "modest"]++;
      return pendingBytesMax(isGreedy, nowMs);
    };
    // In the first half of the time all of them are met for the first time.
    const beganMs = host.clock.nowMs;
    for (let nextMs = 0; host.clock.nowMs < beganMs + 2_000;) {
      if (host.clock.nowMs < beganMs + 1_000) turnsOf.greedy = turnsOf.modest = 0;
      const isDue = host.clock.nowMs >= nextMs;
      if (isDue) nextMs = host.clock.nowMs + 10;
      host.pass(...(isDue ? [modest.get(2, "a")] : []));
      for (const { wire } of flooders) wire.take();
    }
    expect(turnsOf.greedy).toBeGreaterThan(10 * turnsOf.modest);
  });

  test("a writer that was held at a small group goes on once no modest one is about", () => {
    const host = new TestServer({}, { isInstant: true });
    const greedy = greedyPeer(host);
    const modest = host.greeted();
    for (let visit = 0; visit < modestVisitsMin; visit++) {
      modest.get(2, "a").send();
      host.clock.pass();
    }
    host.store.groupIsLarge = true;
    greedy.put(3, "a", "1").send().poll();
    expect(greedy.ids()).toEqual([]);
    host.clock.nowMs += 10 * modestMemoryMs;
    host.store.advance();
    host.clock.pass();
    greedy.poll();
    expect(greedy.ids()).toEqual([3]);
  });

  // A thousand floods had a thousand answers at each sync, and those of the modest ones left somewhere among them.
  test("a modest one is answered when a sync has returned, and they are in their turns", () => {
    const host = new TestServer();
    const flooders = Array.from({ length: 3 }, () => greedyPeer(host));
    const modest = host.greeted();
    for (let visit = 0; visit < modestVisitsMin; visit++) modest.get(2, "a").send().poll();
    for (const peer of [...flooders, modest]) peer.take();
    for (const peer of [...flooders, modest]) peer.put(3, "a", "1").send().poll();
    host.store.advance();
    expect([...flooders, modest].map((peer) => peer.ids())).toEqual([[], [], [], [3]]);
    host.clock.poll();
    expect(flooders.map((peer) => peer.ids())).toEqual([[3], [3], [3]]);
  });

  // A large value was a put like any other: 50 MB a second were modest, and filled each group before small ones came.
  test("whoever writes large values is greedy, too, and small writes are taken beside it", () => {
    const host = new TestServer();
    const [small, large] = [greedyPeer(host), host.greeted()];
    const value = "x".repeat(2 * sharedGroupBytesMax);
    const write = () => large.put(2, "large", value).send();
    const { put } = host.store;
    host.store.put = function (...words) {
      put.apply(this, words);
      if (this.calls.at(-1) === "put large") this.groupIsLarge = true;
    };
    const advance = () => {
      host.store.groupIsLarge = false;
      host.store.advance();
    };
    for (let count = 0; count < 10; count++) {
      write();
      advance();
      host.clock.advance(2);
    }
    for (let count = 0; count < 500; count++) small.put(9, "small", "1");
    write();
    small.send();
    for (let cycle = 0; cycle < 1_000; cycle++) {
      advance();
      host.clock.advance(2);
      // Its next one is there before those who wait have their turns.
      write();
      host.clock.pass();
    }
    expect(host.store.calls.filter((call) => call === "put small")).toHaveLength(500);
  });

  // Whoever had filled a group came first again: of six writers one wrote everything.
  test("they write in turns, however little a group takes of each", () => {
    const host = new TestServer();
    const writers = Array.from({ length: 6 }, () => greedyPeer(host));
    const modest = host.greeted();
    for (const peer of writers) for (let id = 3; id < 1_003; id++) peer.put(id, "a", "1");
    const written = () => writers.map((peer) => peer.ids().length);
    written();
    // A group takes ten writes of theirs, and the modest one is there in each.
    const isFull = () => host.store.calls.filter((call) => call.startsWith("put")).length >= groupEnd;
    let groupEnd = 10;
    Object.defineProperty(host.store, "groupIsLarge", { get: isFull });
    for (let visit = 0; visit < modestVisitsMin; visit++) modest.get(2, "a").send().poll();
    for (const peer of writers) peer.send();
    const counts = writers.map(() => 0);
    for (let group = 0; group < 60; group++) {
      host.clock.poll();
      modest.get(2, "a").send();
      groupEnd += 10;
      host.store.advance();
      host.clock.poll();
      written().forEach((count, index) => (counts[index]! += count));
    }
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(150);
  });

  test("when their wires take bytes again, they send in their turns", () => {
    const host = new BusyServer();
    const flooders = Array.from({ length: 20 }, () => greedyPeer(host));
    const modest = host.greeted();
    for (const peer of flooders) {
      peer.wire.room = 0;
      host.pass(peer.get(3, "a"));
      host.clock.poll();
    }
    for (let visit = 0; visit < modestVisitsMin; visit++) host.pass(modest.get(2, "a"));
    for (const { wire, session } of flooders) {
      wire.room = Infinity;
      session!.drained();
    }
    const answered = () => flooders.flatMap((peer) => peer.ids());
    expect(answered()).toEqual([]);
    // Nor does the next chunk that comes bring them forward.
    flooders[0]!.session!.receive(flooders[0]!.get(4, "a").bytes());
    expect(answered()).toEqual([]);
    host.clock.poll();
    expect(answered().filter((id) => id === 3)).toHaveLength(20);
  });

  test("a large answer leaves in pieces, one a turn, and at once when nobody modest is about", () => {
    const host = new TestServer({}, { isInstant: true });
    const [reader, modest] = [host.greeted(), host.greeted()];
    reader
      .put(2, "large", "x".repeat(5 * sharedSendBytesMax))
      .send()
      .poll();
    for (let visit = 0; visit < modestVisitsMin; visit++) modest.get(2, "a").send().poll();
    reader.take();
    reader.wire.writes.length = 0;
    reader.get(3, "large").send();
    expect([...reader.wire.writes]).toEqual([sharedSendBytesMax]);
    reader.poll();
    expect(reader.wire.writes).toHaveLength(6);
    expect(Math.max(...reader.wire.writes)).toBe(sharedSendBytesMax);
    expect(reader.ids()).toEqual([3]);

    host.clock.nowMs += 10 * modestMemoryMs;
    reader.wire.writes.length = 0;
    reader.get(4, "large").send();
    expect(reader.wire.writes).toHaveLength(1);
  });

  test("a stranger is greeted in the pass in which it came, before all of them", () => {
    const host = new BusyServer();
    const flooders = Array.from({ length: 100 }, () => greedyPeer(host));
    const modest = host.greeted();
    for (let visit = 0; visit < modestVisitsMin; visit++) host.pass(modest.get(2, "a"));
    for (const peer of flooders) for (let get = 0; get < 1_000; get++) peer.get(2, "a");
    host.pass(...flooders);
    const strangers = Array.from({ length: 3 }, () => host.connect().hello(1));
    const taken = () => flooders.reduce((sum, { session }) => sum + session!.incoming.requestsTaken, 0);
    const before = taken();
    for (const stranger of strangers) stranger.session!.receive(stranger.bytes());
    host.server.turnEnd.end();
    expect(strangers.map((stranger) => stranger.ids())).toEqual([[], [], []]);
    host.clock.pass();
    host.server.turnEnd.end();
    expect(strangers.map((stranger) => stranger.ids())).toEqual([[1], [1], [1]]);
    expect(taken() - before).toBeLessThan(100);
  });

  test("a modest one keeps none of them from being served, each as much as any other", () => {
    const host = new BusyServer();
    const flooders = Array.from({ length: 10 }, () => greedyPeer(host));
    const modest = host.greeted();
    for (const peer of flooders) for (let get = 0; get < 10_000; get++) peer.get(2, "a");
    host.pass(...flooders, modest.get(2, "a"));
    for (let pass = 0; pass < 1_000; pass++) host.pass(modest.get(2, "a"));
    const taken = flooders.map(({ session }) => session!.incoming.requestsTaken);
    expect(Math.min(...taken)).toBeGreaterThan(500);
    expect(Math.max(...taken) - Math.min(...taken)).toBeLessThan(200);
  });
});

describe("a peer that waits for its turn", () => {
  /** One that has sent so many gets that it has to, while a modest one is about. */
  function waiting(gets: number, limits = {}) {
    const host = new BusyServer(limits);
    const [peer, modest] = [greedyPeer(host), host.greeted()];
    host.pass(modest.get(2, "a"));
    for (let id = 2; id < gets + 2; id++) peer.get(id, "a");
    peer.session!.receive(peer.bytes());
    expect(host.server.turns.waiting).toBe(1);
    return { host, peer, modest };
  }

  test("is answered in order, and everything", () => {
    const { peer } = waiting(1_000);
    expect(peer.poll().ids()).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 2));
  });

  test("is read from on while it has sent little, and not when it has sent more, until that was taken", () => {
    const { host, peer } = waiting(1_000);
    expect(peer.wire.events).toEqual([]);
    for (let id = 0; host.server.statistics.inputBytes < 2 * turnInputBytesMax; id++) peer.get(9, "b").send();
    expect(peer.wire.events).toEqual(["pause"]);
    peer.poll();
    expect(peer.wire.events).toEqual(["pause", "resume"]);
    expect(host.server.statistics.inputBytes).toBe(0);
  });

  test("that ends its side is answered, and then ended", () => {
    const { peer } = waiting(1_000);
    peer.end();
    expect(peer.wire.events).toEqual([]);
    expect(peer.poll().ids()).toHaveLength(1_000);
    expect(peer.wire.events).toEqual(["end"]);
  });

  test("that is gone is not served any more", () => {
    const { host, peer } = waiting(1_000);
    const taken = peer.session!.incoming.requestsTaken;
    peer.wire.terminate();
    host.clock.poll();
    expect(peer.session!.incoming.requestsTaken).toBe(taken);
    expect(host.server.turns.waiting).toBe(0);
  });

  test("misses no deadline by that", () => {
    const { host, peer } = waiting(1_000, { frameDeadlineMs: 1_000, frameGraceMs: 1_000 });
    for (let second = 0; second < 5; second++) host.clock.advance(1_000);
    expect(peer.wire.isClosed).toBe(false);
  });

  test("is refused all that it asked when the server shuts down meanwhile", async () => {
    const { host, peer, modest } = waiting(1_000);
    const closing = host.server.close();
    const codes = peer.errors().map((line) => line.split(" ")[1]);
    // The notice to the connection as a whole is one of them.
    expect(codes).toHaveLength(1_001);
    expect(new Set(codes.slice(100))).toEqual(new Set(["SHUTTING_DOWN"]));
    for (const each of [peer, modest]) each.end();
    await closing;
  });
});

describe("greedy", () => {
  test("is who asks for nothing but pings, which the store knows nothing of, too", () => {
    const host = new BusyServer();
    const [peer, modest] = [host.greeted(), host.greeted()];
    for (let count = 0; count < 2 * modestEffortMax; count++) peer.ping(2);
    peer.send().poll();
    host.pass(modest.ping(2));
    // The budget of this pass is used up by somebody else.
    host.server.turns.admit(true, host.clock.nowMs);
    host.clock.nowMs += 2 * greedyMsMax;
    peer.take();
    peer.ping(3).send();
    expect(peer.ids()).toEqual([]);
    expect(peer.poll().ids()).toEqual([3]);
  });

  test("is nobody for ever", () => {
    const host = new BusyServer();
    const [peer, modest] = [greedyPeer(host), host.greeted()];
    host.clock.nowMs += 10 * appetiteHalvesMs;
    host.pass(modest.get(2, "a"));
    host.server.turns.admit(true, host.clock.nowMs);
    host.clock.nowMs += 2 * greedyMsMax;
    expect(peer.get(3, "a").send().ids()).toEqual([3]);
  });
});

describe("while a group of the log is large", () => {
  test("a greedy peer's writes wait for the next advance, and a modest one's do not", () => {
    const host = new BusyServer();
    const [greedy, modest] = [greedyPeer(host), host.greeted()];
    host.pass(modest.get(2, "a"));
    modest.take();
    host.store.groupIsLarge = true;
    greedy.put(3, "a", "1").send().poll();
    expect(modest.put(3, "b", "1").send().ids()).toEqual([3]);
    expect([greedy.ids(), greedy.wire.isPaused]).toEqual([[], true]);

    host.store.groupIsLarge = false;
    host.store.advance();
    expect(greedy.poll().ids()).toEqual([3]);
    expect(greedy.wire.isPaused).toBe(false);
  });

  test("nobody's writes wait when there are no modest ones", () => {
    const host = new BusyServer();
    const greedy = greedyPeer(host);
    host.clock.nowMs += modestMemoryMs;
    host.store.groupIsLarge = true;
    expect(greedy.put(3, "a", "1").send().poll().ids()).toEqual([3]);
  });
});
