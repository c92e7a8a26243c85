import { describe, expect, test } from "bun:test";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { seeded } from "../protocol/seed.ts";
import { entryOf, pageOf, TestServer, versionOf, type Peer } from "./harness.ts";

/** Observed means durable: what a crash could still take back does not leave the process, in whatever form. */
describe("a response", () => {
  test("to a put waits until its write is durable", () => {
    const { store, peer } = greeted();
    peer.put(2, "a", "1").send();
    expect(peer.ids()).toEqual([]);
    store.advance();
    const [written] = peer.take();
    expect({ id: written!.id, version: versionOf(written) }).toEqual({ id: 2, version: 1 });
  });

  const dependents: [string, (peer: Peer) => void][] = [
    ["a get of a pending value", (peer) => peer.get(3, "a")],
    ["a get of a key whose delete is pending", (peer) => peer.get(3, "b")],
    ["a refused condition on a pending value", (peer) => peer.put(3, "a", "2", { ifVersion: 0 })],
    ["a refused delete of a pending value", (peer) => peer.delete(3, "a", 77)],
    ["a getMany that touches one", (peer) => peer.getMany(3, ["z", "a"])],
    ["a scan over one", (peer) => peer.scan(3)],
    [
      "a batch refused for one",
      (peer) => peer.batch(3, { type: "put", key: Buffer.from("a"), value: Buffer.from("2"), ifVersion: 0 }),
    ],
  ];
  test.each(dependents)("to %s waits as well, also another peer's", (_name, ask) => {
    const { host, store, peer } = greeted();
    peer.put(1, "b", "0").send();
    store.advance();
    peer.take();
    peer.put(2, "a", "1").delete(9, "b").send();

    const other = host.greeted();
    ask(other);
    other.send();
    expect(other.ids()).toEqual([]);
    store.advance();
    expect(other.ids()).toEqual([3]);
    expect(peer.ids()).toEqual([2, 9]);
  });

  test("that depends on nothing pending leaves at once, before what waits", () => {
    const { store, peer } = greeted();
    peer.put(2, "a", "1").get(3, "absent").ping(4).send();
    expect(peer.ids()).toEqual([3, 4]);
    store.advance();
    expect(peer.ids()).toEqual([2]);
  });

  test("leaves with the group that made it durable, not with a later one", () => {
    const { store, peer } = greeted();
    peer.put(2, "a", "1").put(3, "a", "2").send();
    peer.put(4, "a", "3").send();
    store.advance(2);
    expect(peer.ids()).toEqual([2, 3]);
    store.advance(3);
    expect(peer.ids()).toEqual([4]);
  });

  test("is held for the whole chunk when a group ends in the middle of it", () => {
    const { store, peer } = greeted();
    peer.put(2, "a", "1").put(3, "a", "2").send();
    store.advance(1);
    expect(peer.ids()).toEqual([]);
    store.advance(2);
    expect(peer.ids()).toEqual([2, 3]);
  });

  test("costs one write for all that a group made durable", () => {
    const { store, peer } = greeted();
    for (let id = 2; id < 102; id++) peer.put(id, "a", "1");
    peer.send();
    for (let id = 102; id < 202; id++) peer.put(id, "b", "1");
    peer.send();
    peer.wire.writes.length = 0;
    store.advance();
    expect(peer.ids()).toHaveLength(200);
    expect(peer.wire.writes).toHaveLength(1);
  });

  test("asks the store for one advance at a time, however much waits", () => {
    const { store, peer } = greeted();
    for (let id = 2; id < 50; id++) peer.put(id, "a", "1").send();
    expect(store.waiterCount).toBe(1);
    store.advance(1);
    expect(store.waiterCount).toBe(1);
    store.advance();
    expect(store.waiterCount).toBe(0);
  });

  test("that would leave too early stops the server instead", async () => {
    const { host, store, peer } = greeted();
    peer.put(2, "a", "1").send();
    // A store that takes back what it said is the bug that this assertion is for.
    peer.wire.room = 0;
    store.advance();
    store.ackableSeq = 0;
    peer.drain();
    expect(peer.ids()).toEqual([]);
    host.clock.poll();
    host.clock.advance(60_000);
    expect((await host.server.fault).message).toContain("no response leaves before");
    expect(peer.ids()).toEqual([]);
  });
});

describe("requests", () => {
  test("of one connection are executed in the order in which they came", () => {
    const { store, peer } = greeted();
    peer.put(2, "a", "1").get(3, "a").delete(4, "a").get(5, "a").put(6, "a", "2").get(7, "a").send();
    expect(store.calls).toEqual(["put a", "get a", "delete a", "get a", "put a", "get a"]);
    store.advance();
    const entries = new Map(peer.take().map((response) => [response.id, response]));
    expect(entryOf(entries.get(3))).toEqual({ version: 1, value: "1" });
    expect(entryOf(entries.get(5))).toEqual({ version: 0, value: undefined });
    expect(entryOf(entries.get(7))).toEqual({ version: 3, value: "2" });
  });

  test("are answered in pages that carry what they found", () => {
    const { store, peer } = greeted();
    peer.put(2, "a", "1").put(3, "b", "2").scan(4).getMany(5, ["b", "x", "a"]).send();
    store.advance();
    const pages = peer.take().slice(-2);
    expect(pageOf(pages[0], "scan")).toEqual({
      entries: [
        { key: "a", version: 1, value: "1" },
        { key: "b", version: 2, value: "2" },
      ],
      more: false,
    });
    expect(pageOf(pages[1], "getMany").entries.map(({ version }) => version)).toEqual([2, 0, 1]);
  });

  test("that the store answers later are sent without waiting for the next chunk", () => {
    const { store, peer } = greeted();
    store.isSlow = true;
    peer.get(2, "a").get(3, "a").send();
    expect(peer.ids()).toEqual([]);
    store.answerAll();
    expect(peer.poll().ids()).toEqual([2, 3]);
    expect(peer.wire.writes).toHaveLength(2);
  });

  test("whose peer has gone meanwhile are answered into nothing", () => {
    const { host, store, peer } = greeted();
    peer.put(2, "a", "1").send();
    store.isSlow = true;
    peer.get(3, "a").send();
    peer.wire.terminate();
    const { spareCount } = host.server.pool;
    store.answerAll();
    store.advance();
    expect(peer.poll().ids()).toEqual([]);
    expect(host.server.pool.spareCount).toBe(spareCount);
  });
});

test(
  "whatever peers ask and whenever groups end, nothing leaves early, nothing is lost, nothing comes twice",
  seeded((random) => {
    for (let round = 0; round < 200; round++) playRandomly(random);
  }),
);

function playRandomly(random: Random): void {
  const host = new TestServer({ inFlightRequestsMax: 1 + randomBelow(random, 20) });
  const { store } = host;
  const peers = [host.greeted(), host.greeted(), host.greeted()];
  /** What each request may have seen at most: the seq that was given out last when it was sent. */
  const sent = peers.map(() => new Map<number, number>());
  let id = 10;

  const collect = () => {
    for (const [index, peer] of peers.entries()) {
      for (const response of peer.take()) {
        const seqMax = sent[index]!.get(response.id);
        if (seqMax === undefined) throw new Error(`${response.id} was answered twice, or never asked`);
        sent[index]!.delete(response.id);
        const version = "error" in response ? 0 : versionIn(response.frame);
        expect(version).toBeLessThanOrEqual(store.ackableSeq);
      }
    }
  };

  for (let step = 0; step < 60; step++) {
    const index = randomBelow(random, peers.length);
    const peer = peers[index]!;
    for (let count = randomBelow(random, 8); count > 0; count--) {
      const key = "abc"[randomBelow(random, 3)]!;
      id++;
      if (randomBelow(random, 2) === 0) peer.put(id, key, `${id}`);
      else peer.get(id, key);
      sent[index]!.set(id, 0);
    }
    const bytes = peer.bytes();
    const cut = randomBelow(random, bytes.length + 1);
    peer.wire.room = randomBelow(random, 3) === 0 ? randomBelow(random, 30) : Infinity;
    peer.sendBytes(bytes.subarray(0, cut));
    collect();
    if (randomBelow(random, 2) === 0) {
      store.advance(store.ackableSeq + randomBelow(random, store.currentSeq - store.ackableSeq + 1));
    }
    peer.sendBytes(bytes.subarray(cut));
    collect();
    if (peer.wire.room === 0) peer.drain();
    peer.poll();
    collect();
  }
  for (let turn = 0; turn < 200; turn++) {
    for (const peer of peers) peer.drain().poll();
    store.advance();
    collect();
  }
  expect(sent.map((waiting) => waiting.size)).toEqual([0, 0, 0]);
}

/** Writes and gets both begin their body with the version. */
function versionIn(frame: Buffer): number {
  const isGet = frame[0] === 0x94;
  const response = { id: 0, status: 0, frame };
  return isGet ? entryOf(response).version : versionOf(response);
}

function greeted() {
  const host = new TestServer();
  return { host, store: host.store, peer: host.greeted() };
}
