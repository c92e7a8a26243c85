import { describe, expect, test } from "bun:test";
import {
  greedyWriteBytesPerSecondMax,
  heldWriteDeadlineMs,
  modestMemoryMs,
  modestVisitsMin,
  rationDebtMsMax,
  rationLookMs,
  rationMemoryMs,
  sharedGroupBytesMax,
} from "../../src/lib/limits.ts";
import { WriteAllowance } from "../../src/server/write-allowance.ts";
import { greedyPeer } from "./busy-server.ts";
import { TestServer, type Peer } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";

/** One allowance a second. */
const bytesPerSecondMax = sharedGroupBytesMax;

describe("what greedy sessions may write", () => {
  function allowance(perSecondMax = bytesPerSecondMax) {
    const clock = new ManualClock();
    const modest = { isAbout: true };
    const given = new WriteAllowance(clock, perSecondMax, (sinceMs) => {
      return modest.isAbout && clock.nowMs - sinceMs === rationMemoryMs;
    });
    const isSpent = () => given.isSpent(clock.nowMs);
    const spend = (bytes: number) => given.spend(bytes, clock.nowMs);
    const called: string[] = [];
    /** Once it is called, it writes all that it holds, as far as it may. */
    const wait = (name: string, bytes: number, isPassedOver = false) => {
      const goOn = () => {
        called.push(name);
        if (!isSpent()) spend(bytes);
        else wait(name, bytes, true);
      };
      given.wait({ goOn }, bytes, isPassedOver);
    };
    return { clock, modest, isSpent, spend, wait, called };
  }

  test("is as much as they like unless there is a limit", () => {
    const { isSpent, spend } = allowance(greedyWriteBytesPerSecondMax);
    for (let count = 0; count < 100; count++) spend(sharedGroupBytesMax);
    expect(isSpent()).toBe(false);
  });

  test("is as much as they like while nobody modest is about, and nothing of that is counted", () => {
    const { modest, isSpent, spend } = allowance();
    modest.isAbout = false;
    for (let count = 0; count < 100; count++) spend(sharedGroupBytesMax);
    modest.isAbout = true;
    expect(isSpent()).toBe(false);
  });

  test("is spent once it was written, and is given out again when it is full and not before", () => {
    const { clock, isSpent, spend } = allowance();
    spend(sharedGroupBytesMax - 1);
    expect(isSpent()).toBe(false);
    spend(1);
    expect(isSpent()).toBe(true);
    clock.nowMs += 999;
    expect(isSpent()).toBe(true);
    clock.nowMs += 1;
    expect(isSpent()).toBe(false);
  });

  test("is no more than one group, however long nobody wrote", () => {
    const { clock, isSpent, spend } = allowance();
    clock.nowMs += 3_600_000;
    spend(sharedGroupBytesMax);
    expect(isSpent()).toBe(true);
  });

  test("is paid back when one of them wrote more", () => {
    const { clock, isSpent, spend } = allowance();
    spend(4 * sharedGroupBytesMax);
    clock.nowMs += 3_999;
    expect(isSpent()).toBe(true);
    clock.nowMs += 1;
    expect(isSpent()).toBe(false);
  });

  // A batch of 32 MiB kept all others from writing for two minutes, and after half a minute they were sent away.
  test("is paid back for no longer than some seconds, however much that was", () => {
    const { clock, isSpent, spend } = allowance();
    spend(1_000 * sharedGroupBytesMax);
    clock.nowMs += rationDebtMsMax + 999;
    expect(isSpent()).toBe(true);
    clock.nowMs += 1;
    expect(isSpent()).toBe(false);
  });

  test("is nobody's concern any more once the modest ones have gone", () => {
    const { modest, isSpent, spend } = allowance();
    spend(sharedGroupBytesMax);
    modest.isAbout = false;
    expect(isSpent()).toBe(false);
  });

  test("is waited for in order, and no more are called than can write", () => {
    const { clock, spend, wait, called } = allowance();
    spend(sharedGroupBytesMax);
    for (const name of ["a", "b", "c", "d"]) wait(name, 0.4 * sharedGroupBytesMax);
    clock.advance(990);
    expect(called).toEqual([]);
    clock.advance(20);
    expect(called).toEqual(["a", "b", "c"]);
    clock.advance(2_000);
    expect(called).toEqual(["a", "b", "c", "d"]);
  });

  // They went to the end of the queue, behind two thousand others.
  test("is given first to who was called and found it spent", () => {
    const { clock, spend, wait, called } = allowance();
    spend(sharedGroupBytesMax);
    for (const name of ["a", "b", "c"]) wait(name, sharedGroupBytesMax / 2);
    wait("d", sharedGroupBytesMax / 2, true);
    clock.advance(1_010);
    expect(called).toEqual(["d", "a"]);
  });

  test("is waited for by who waits already no more than once", () => {
    const clock = new ManualClock();
    const given = new WriteAllowance(clock, bytesPerSecondMax, () => true);
    given.spend(sharedGroupBytesMax, clock.nowMs);
    let calls = 0;
    const session = { goOn: () => calls++ };
    for (let count = 0; count < 4; count++) given.wait(session, 1, count % 2 === 1);
    expect(clock.alarmCount).toBe(1);
    clock.advance(10_000);
    expect([calls, clock.alarmCount]).toEqual([1, 0]);
  });

  // They were called anew each millisecond until the first of them had its turn.
  test("is given to no more of those who wait while those who were called still have to write", () => {
    for (const [perSecondMax, callsMax] of [
      [bytesPerSecondMax, 1],
      [1_000 * bytesPerSecondMax, rationLookMs],
    ] as const) {
      const clock = new ManualClock();
      const given = new WriteAllowance(clock, perSecondMax, () => true);
      given.spend(sharedGroupBytesMax, clock.nowMs);
      let calls = 0;
      for (let count = 0; count < 100; count++) given.wait({ goOn: () => calls++ }, sharedGroupBytesMax);
      while (calls === 0) clock.advance(1);
      clock.advance(rationLookMs - 2);
      expect(calls).toBe(callsMax);
      clock.advance(2);
      expect(calls).toBe(2 * callsMax);
    }
  });

  test("is not waited for by who is gone", () => {
    const clock = new ManualClock();
    const given = new WriteAllowance(clock, bytesPerSecondMax, () => true);
    given.spend(sharedGroupBytesMax, clock.nowMs);
    const gone = [false, true].map((isPassedOver) => {
      const session = { goOn: () => expect.unreachable() };
      given.wait(session, 1, isPassedOver);
      return session;
    });
    for (const session of gone) given.forget(session);
    clock.advance(10_000);
    expect(clock.alarmCount).toBe(0);
  });

  test("is waited for no longer than the modest ones are about, by all of them", () => {
    const { clock, modest, spend, wait, called } = allowance(1);
    spend(sharedGroupBytesMax);
    for (const name of ["a", "b"]) wait(name, sharedGroupBytesMax);
    clock.advance(10_000);
    expect(called).toEqual([]);
    modest.isAbout = false;
    clock.advance(modestMemoryMs);
    expect(called).toEqual(["a", "b"]);
  });
});

describe("a server whose greedy sessions may write so much", () => {
  const value = "x".repeat(1_000);

  /** Greedy peers and a modest one. */
  function limited(count: number, { perSecondMax = bytesPerSecondMax, isInstant = false } = {}) {
    const host = new TestServer({ greedyWriteBytesPerSecondMax: perSecondMax }, { isInstant });
    host.store.countsBytes = true;
    const greedy = Array.from({ length: count }, () => greedyPeer(host));
    const modest = host.greeted();
    const visit = () => {
      for (let visits = 0; visits < modestVisitsMin; visits++) modest.get(2, "none").send().poll();
      modest.take();
    };
    /** The log has written what there was. */
    const write = () => {
      host.store.advance();
      host.clock.poll();
    };
    visit();
    const wholeAllowance = Math.ceil(sharedGroupBytesMax / value.length);
    return { host, greedy, modest, visit, write, wholeAllowance };
  }

  function puts(peer: Peer, count: number): Peer {
    for (let id = 0; id < count; id++) peer.put(100 + id, "a", value);
    return peer.send().poll();
  }

  /** Time passes, and the modest one is about all the while. */
  function pass(host: TestServer, visit: () => void, ms: number): void {
    for (let passed = 0; passed < ms; passed += 20) {
      visit();
      host.clock.advance(20);
      host.clock.poll();
    }
  }

  test("holds them to it, without any advance of the store", () => {
    const { host, greedy, visit, write, wholeAllowance } = limited(1);
    const [peer] = greedy as [Peer];
    puts(peer, 5 * wholeAllowance);
    write();
    expect(peer.ids()).toHaveLength(wholeAllowance);
    expect(peer.wire.isPaused).toBe(true);
    // What the modest ones write does not bring them forward.
    for (let advances = 0; advances < 10; advances++) write();
    expect(peer.ids()).toEqual([]);
    expect(host.store.waiterCount).toBe(0);
    pass(host, visit, 1_100);
    write();
    expect(peer.ids()).toHaveLength(wholeAllowance);
  });

  test("takes the writes of a modest one, and the reads of a greedy one, all the same", () => {
    const { greedy, modest, write, wholeAllowance } = limited(2);
    const [writer, reader] = greedy as [Peer, Peer];
    puts(writer, 5 * wholeAllowance);
    write();
    modest.put(3, "b", "1").send();
    write();
    expect(modest.ids()).toEqual([3]);
    expect(reader.get(4, "b").send().poll().ids()).toEqual([4]);
  });

  test("counts nothing of what a modest one writes", () => {
    const { greedy, modest, visit, write } = limited(1);
    const [peer] = greedy as [Peer];
    modest.put(3, "b", "x".repeat(2 * sharedGroupBytesMax)).send();
    write();
    visit();
    expect(puts(peer, 1).poll().wire.isPaused).toBe(false);
  });

  test("lets a modest one, whom a congested store has stopped, wait for the store alone", () => {
    const { host, greedy, modest, write, wholeAllowance } = limited(1);
    puts(greedy[0]!, 2 * wholeAllowance);
    write();
    host.store.congested = true;
    modest.put(3, "b", "1").send();
    expect([modest.ids(), modest.wire.isPaused, host.store.waiterCount]).toEqual([[], true, 1]);
    write();
    write();
    expect(modest.ids()).toEqual([3]);
  });

  // A sync of 110 ms, and all wrote what they had, 66 MB, before the one that waited for it was answered.
  test("holds them to it while a modest one waits for a slow sync", () => {
    const { host, greedy, modest, write, wholeAllowance } = limited(3);
    for (const peer of greedy) puts(peer, wholeAllowance);
    modest.put(3, "b", "1").send();
    host.clock.advance(1_200);
    host.clock.poll();
    write();
    const answered = () => greedy.map((peer) => peer.ids().length);
    expect([modest.ids(), answered()]).toEqual([[3], [wholeAllowance, 0, 0]]);
    // It was full again meanwhile, once.
    write();
    expect(answered()).toEqual([0, wholeAllowance, 0]);
    write();
    expect(answered()).toEqual([0, 0, 0]);
  });

  // The allowance was full again between two looks at the clock: a write was held for it, and waited for the store.
  test("forgets nobody, whenever the clock moves on", () => {
    for (let jumpAt = 1; jumpAt <= 10; jumpAt++) {
      const { host, greedy, visit, write, wholeAllowance } = limited(1, { isInstant: true });
      const [peer] = greedy as [Peer];
      puts(peer, wholeAllowance);
      write();
      peer.take();
      let looks = 0;
      const monotonicMs = host.clock.monotonicMs.bind(host.clock);
      host.clock.monotonicMs = () => {
        if (++looks === jumpAt) host.clock.nowMs += 1_500;
        return monotonicMs();
      };
      puts(peer, 10);
      // The store is not to advance any more: whoever waits for it waits for ever.
      pass(host, visit, 2_000);
      expect({ jumpAt, answered: peer.ids().length }).toEqual({ jumpAt, answered: 10 });
    }
  });

  test("does not keep who is gone", () => {
    const { host, greedy, write, wholeAllowance } = limited(1);
    puts(greedy[0]!, 2 * wholeAllowance);
    write();
    const forgotten: unknown[] = [];
    const { turns } = host.server;
    const forget = turns.forget.bind(turns);
    turns.forget = (session) => (forgotten.push(session), forget(session));
    greedy[0]!.wire.terminate();
    expect(forgotten).toEqual([greedy[0]!.session]);
  });

  test("serves them one after the other, and all of them", () => {
    const { host, greedy, visit, write, wholeAllowance } = limited(3);
    for (const peer of greedy) puts(peer, wholeAllowance);
    const answered = () => greedy.map((peer) => peer.ids().length);
    write();
    const counts = [answered()];
    for (let second = 0; second < 2; second++) {
      pass(host, visit, 1_100);
      write();
      counts.push(answered());
    }
    expect(counts).toEqual([
      [wholeAllowance, 0, 0],
      [0, wholeAllowance, 0],
      [0, 0, wholeAllowance],
    ]);
  });

  test("takes everything at once when the modest one has gone", () => {
    const { host, greedy, write, wholeAllowance } = limited(3);
    for (const peer of greedy) puts(peer, 5 * wholeAllowance);
    write();
    host.clock.advance(rationMemoryMs + modestMemoryMs);
    host.clock.poll();
    write();
    const answered = greedy.reduce((sum, peer) => sum + peer.ids().length, 0);
    expect(answered).toBe(greedy.length * 5 * wholeAllowance);
    expect(host.clock.alarmCount).toBe(1);
  });

  test("sends away, and tells, whoever came to nothing for so long, and lets go of what it sent", () => {
    // So little that it takes a minute to be full again.
    const { host, greedy, visit, write, wholeAllowance } = limited(2, { perSecondMax: 1_000 });
    const [first, last] = greedy as [Peer, Peer];
    puts(first, 2 * wholeAllowance);
    puts(last, 1);
    write();
    pass(host, visit, heldWriteDeadlineMs - 2_000);
    expect([first.wire.isClosed, last.wire.isClosed]).toEqual([false, false]);
    first.take();
    pass(host, visit, 4_000);
    const [farewell] = first.take();
    expect(farewell!.error).toMatchObject({
      code: "LIMIT_EXCEEDED",
      details: [heldWriteDeadlineMs, expect.any(Number)],
    });
    expect(farewell!.error!.message).toContain("to share what busy clients may write, its next write waited");
    expect(last.errors()).toEqual(["0 LIMIT_EXCEEDED"]);
    expect(host.server.statistics.inputBytes).toBe(0);
  });

  test("keeps whoever comes to something now and then", () => {
    const { host, greedy, visit, write, wholeAllowance } = limited(1);
    const [peer] = greedy as [Peer];
    puts(peer, 200 * wholeAllowance);
    for (let second = 0; second < 2 * (heldWriteDeadlineMs / 1_000); second++) {
      pass(host, visit, 1_000);
      write();
    }
    expect(peer.wire.isClosed).toBe(false);
    expect(new Set(peer.errors().map((line) => line.split(" ")[1]))).toEqual(new Set(["OK"]));
  });

  test("refuses what waits when it shuts down", async () => {
    const { host, greedy, modest, write, wholeAllowance } = limited(1);
    const [peer] = greedy as [Peer];
    puts(peer, 3 * wholeAllowance);
    write();
    peer.take();
    const closing = host.server.close();
    const codes = peer.errors().map((line) => line.split(" ")[1]);
    expect(codes).toHaveLength(2 * wholeAllowance + 1);
    expect(new Set(codes)).toEqual(new Set(["SHUTTING_DOWN"]));
    for (const each of [peer, modest]) each.end();
    await closing;
  });
});
