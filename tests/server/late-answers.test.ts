import { describe, expect, test } from "bun:test";
import { HoldfastError } from "../../src/lib/errors.ts";
import { expectDone, seqOf, TestServer } from "./harness.ts";

const limits = { drainGraceMs: 50, drainDeadlineMs: 10_000, faultDeadlineMs: 1_000, lingerDeadlineMs: 2_000 };

/** Checkpoints and compactions are answered when they are done, seconds or minutes after they were asked for. */
describe("an answer that comes when nothing else happens", () => {
  test("leaves at once, in one write, while others of the same peer went by", () => {
    const { host, store, peer } = busy();
    store.isSlow = false;
    peer.put(4, "a", "1").get(5, "b").send();
    store.advance();
    expect(peer.ids()).toEqual([5, 4]);
    peer.wire.writes.length = 0;

    store.answerAll();
    expect(host.clock.poll()).toBe(1);
    const [checkpoint, compaction] = peer.take();
    expect([checkpoint!.id, seqOf(checkpoint), compaction!.id]).toEqual([2, 1, 3]);
    expectDone(compaction);
    expect(peer.wire.writes).toHaveLength(1);
    expect(peer.session!.outgoing.inFlight).toBe(0);
  });

  test("to a checkpoint has its seq, also where that is 0 or where its id is in use twice", () => {
    const { host, store, peer } = greeted();
    peer.checkpoint(2).send();
    expect(seqOf(peer.take()[0])).toBe(0);
    store.isSlow = true;
    peer.compact(3).checkpoint(3).closeSnapshot(3, 1).send();
    store.answerAll();
    host.clock.poll();
    const [compaction, checkpoint, closing] = peer.take();
    for (const each of [compaction, closing]) expectDone(each);
    expect(seqOf(checkpoint)).toBe(0);
  });

  test("waits for what it depends on, and then leaves with the advance", () => {
    const { host, store, peer } = greeted();
    peer.put(2, "a", "1").send();
    store.isSlow = true;
    peer.checkpoint(3).send();
    store.answerAll();
    host.clock.poll();
    expect(peer.ids()).toEqual([]);
    store.advance();
    expect(peer.ids()).toEqual([2, 3]);
  });

  test("may be a refusal", () => {
    const { host, store, peer } = busy();
    store.refuseAll(new HoldfastError("DISK_FULL", "Cannot write the table: the disk is full"));
    host.clock.poll();
    expect(peer.errors()).toEqual(["2 DISK_FULL", "3 DISK_FULL"]);
  });

  test("is in flight for as long as it takes: its peer is not idle, and asks for no more than it may", async () => {
    const { host, store, peer } = busy({ inFlightRequestsMax: 3, idleDeadlineMs: 60_000 });
    expect(host.server.stats()).toMatchObject({ inFlight: 2 });
    peer.get(4, "a").get(5, "a").send();
    expect(store.calls).toEqual(["put a", "checkpoint", "compact", "get a"]);
    expect(peer.wire.isPaused).toBe(true);
    host.clock.advance(600_000);
    expect(peer.wire.isClosed).toBe(false);

    store.answerAll();
    host.clock.poll();
    store.answerAll();
    host.clock.poll();
    expect(peer.ids()).toEqual([2, 3, 4, 5]);
    expect(peer.wire.isPaused).toBe(false);
    host.clock.advance(70_000);
    expect(peer.errors()).toEqual(["0 LIMIT_EXCEEDED"]);
  });
});

describe("a peer that waits for one", () => {
  test("and has ended its side gets it, and then our end", () => {
    const { host, store, peer } = busy();
    peer.end();
    expect(peer.wire.events).toEqual([]);
    store.answerAll();
    host.clock.poll();
    expect(peer.ids()).toEqual([2, 3]);
    expect(peer.wire.events).toEqual(["end"]);
  });

  test("and has gone meanwhile is answered into nothing", () => {
    const { host, store, peer } = busy();
    peer.wire.terminate();
    const { spareCount } = host.server.pool;
    store.answerAll();
    store.advance();
    expect(host.clock.poll()).toBe(0);
    expect(peer.ids()).toEqual([]);
    expect(host.server.pool.spareCount).toBe(spareCount);
    expect(host.server.stats()).toMatchObject({ connections: 0, inFlight: 0, outputBytes: 0 });
  });

  test("and is sent away meanwhile is answered into nothing", () => {
    const { host, store, peer } = busy({ outputDeadlineMs: 1_000 });
    peer.wire.room = 0;
    peer.ping(4).send();
    host.clock.advance(5_000);
    expect(peer.wire.events).toEqual(["terminate"]);
    store.answerAll();
    expect(host.clock.poll()).toBe(0);
    expect(host.server.stats()).toMatchObject({ connections: 0, connectionsEvicted: 1, outputBytes: 0 });
  });

  test("and has sent nonsense since gets it, behind the error that ends the connection", () => {
    const { host, store, peer } = busy();
    peer.raw(0, 0, 0, 1, 0xc1).send();
    expect(peer.errors()).toEqual(["0 MALFORMED"]);
    expect(peer.wire.events).toEqual([]);
    store.answerAll();
    host.clock.poll();
    expect(peer.ids()).toEqual([2, 3]);
    expect(peer.wire.events).toEqual(["shutdown"]);
  });
});

describe("a shutdown", () => {
  test("waits for answers that come in time", async () => {
    const { host, store, peer } = busy();
    const closing = host.server.close();
    await host.passTime(50);
    await host.passTime(9_000);
    expect(peer.wire.events).toEqual([]);
    store.answerAll();
    host.clock.poll();
    expect(peer.errors()).toEqual(["0 SHUTTING_DOWN", "2 OK", "3 OK"]);
    expect(peer.wire.events).toEqual(["shutdown"]);
    peer.end();
    await closing;
    expect(store.isClosed).toBe(true);
  });

  test("waits no longer than its deadline, and what comes later is dropped", async () => {
    const { host, store, peer } = busy();
    const closing = host.server.close();
    await host.passTime(50);
    await host.passTime(10_000);
    expect(peer.wire.events).toEqual(["terminate"]);
    await closing;
    expect(store.isClosed).toBe(true);
    store.answerAll();
    expect(host.clock.poll()).toBe(0);
    expect(peer.errors()).toEqual(["0 SHUTTING_DOWN"]);
    expect(host.logged.filter(({ level }) => level !== "info")).toEqual([]);
  });
});

describe("a store that fails", () => {
  test("keeps nobody waiting for them, and what it says after our goodbye is dropped", async () => {
    const { host, store, peer } = busy();
    store.fail();
    host.clock.poll();
    expect(peer.wire.events).toEqual(["shutdown"]);
    store.answerAll();
    host.clock.poll();
    // The peer still reads what was said: a reset would take it away.
    expect(peer.wire.events).toEqual(["shutdown"]);
    expect(peer.ids()).toEqual([]);
    peer.end();
    expect(peer.wire.events).toEqual(["shutdown", "end"]);
    await host.server.fault;
    expect(host.server.pool.spareCount).toBeGreaterThan(0);
  });
});

function greeted(chosen: ConstructorParameters<typeof TestServer>[0] = {}) {
  const host = new TestServer({ ...limits, ...chosen });
  return { host, store: host.store, peer: host.greeted() };
}

/** A peer that waits for a checkpoint (2) and a compaction (3), of a store with one entry. */
function busy(chosen: ConstructorParameters<typeof TestServer>[0] = {}) {
  const parts = greeted(chosen);
  const { store, peer } = parts;
  peer.put(1, "a", "0").send();
  store.advance();
  store.isSlow = true;
  peer.checkpoint(2).compact(3).send();
  peer.take();
  return parts;
}
